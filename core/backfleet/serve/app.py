"""The application: what each address answers. It only reads."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from backfleet.errors import BackfleetError, RunNotFound, UserError, error_line
from backfleet.report.page import script_source
from backfleet.runs.run import Run
from backfleet.serve import pages
from backfleet.serve.access import Access, AccessCheck
from backfleet.serve.problems import log_problem
from backfleet.serve.read_only import ReadOnlyStore
from backfleet.serve.run_catalog import Catalog
from backfleet.store import Store

if TYPE_CHECKING:
    Endpoint = Callable[[Request], Response]

__all__ = ["make_app"]

# Checked before a name becomes part of a key or of a path.
_ID = re.compile(r"[0-9a-f]{16}")
_TASK = re.compile(r"[0-9]{1,9}")
_FILE = re.compile(r"[a-z.]+\.(js|css)")
CACHE_CONTROL = "max-age=86400"
GZIP_LEVEL = 3

REPORT_THREADS = 4
"""Reports computed at once. Each may need much memory, so others wait."""

LIST_THREADS = 8
"""For the list, which must not wait for reports."""


def make_app(store: Store, access: Access) -> Starlette:
    """Return the application over a store, for the clients that `access` allows."""
    catalog = Catalog(ReadOnlyStore(store))
    lists = ThreadPoolExecutor(LIST_THREADS, thread_name_prefix="lists")
    reports = ThreadPoolExecutor(REPORT_THREADS, thread_name_prefix="reports")

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        catalog.start()
        yield
        catalog.stop()
        for pool in (lists, reports):
            pool.shutdown(cancel_futures=True)

    return Starlette(
        routes=Site(catalog).routes(lists, reports),
        lifespan=lifespan,
        middleware=[
            # The outermost: who may not ask costs no compression, and every answer gets its
            # headers.
            Middleware(AccessCheck, access=access),
            Middleware(GZipMiddleware, compresslevel=GZIP_LEVEL),
        ],
    )


class Site:
    """The endpoints. They are run in threads, since reading a store blocks."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def routes(self, lists: Executor, reports: Executor) -> Sequence[Route]:
        return [
            Route("/", _in_thread(self.runs, lists)),
            Route("/api/runs", _in_thread(self.runs_json, lists)),
            Route("/api/runs/{run}", _in_thread(self.status_json, lists)),
            Route("/runs/{run}", _in_thread(self.run, reports)),
            Route("/runs/{run}/tasks/{task}", _in_thread(self.task, reports)),
            Route("/compare", _in_thread(self.compare, reports)),
            Route("/static/{name}", _in_thread(self.static, lists)),
            # The last route takes everything else.
            Route("/{path:path}", _in_thread(self.nothing, lists)),
        ]

    def runs(self, request: Request) -> Response:
        return _html(pages.runs_html(self._catalog.runs(), self._catalog.store.url))

    def runs_json(self, request: Request) -> Response:
        return _json(pages.runs_context(self._catalog.runs()))

    def status_json(self, request: Request) -> Response:
        run = self._open(request.path_params["run"])
        counts = run.counts()
        facts = {name: getattr(counts, name) for name in ("tasks", "done", "suspicious", "error")}
        return _json({"state": run.state(), **facts})

    def run(self, request: Request) -> Response:
        run = self._open(request.path_params["run"])
        return _html(pages.run_page(run, request.query_params.get("metric")))

    def task(self, request: Request) -> Response:
        if not _TASK.fullmatch(request.path_params["task"]):
            return self.nothing(request)
        run = self._open(request.path_params["run"])
        try:
            return _html(pages.task_html(run, int(request.path_params["task"])))
        except IndexError as error:
            raise RunNotFound(str(error)) from error

    def compare(self, request: Request) -> Response:
        names = request.query_params.getlist("run")
        if len(names) != 2:
            count = len(names)
            raise UserError(f"a comparison takes two runs, not {count}; select two in the list")
        first, second = map(self._open, names)
        metric = request.query_params.get("metric")
        return _html(pages.comparison_html(first, second, metric))

    def static(self, request: Request) -> Response:
        name = request.path_params["name"]
        content = _static(name) if _FILE.fullmatch(name) else None
        if content is None:
            return self.nothing(request)
        kind = "text/css" if name.endswith(".css") else "text/javascript"
        return Response(content, media_type=kind, headers={"cache-control": CACHE_CONTROL})

    def nothing(self, request: Request) -> Response:
        return _problem("Page not found", "There is no such page.", 404)

    def _open(self, name: str) -> Run:
        """Open a run of the store. Raises RunNotFound, CorruptObject, StoreError."""
        if not _ID.fullmatch(name):
            raise RunNotFound(f"{name!r} is not the id of a run")
        return Run(self._catalog.store.at(name))


def _static(name: str) -> str | None:
    """Return a script or style sheet of the server or of the reports; None if there is none."""
    own = files("backfleet.serve").joinpath("static", name)
    if own.is_file():
        return own.read_text(encoding="utf-8")
    try:
        return script_source(name)
    except FileNotFoundError:
        return None


def _in_thread(endpoint: Endpoint, pool: Executor) -> Callable[[Request], Awaitable[Response]]:
    """Return an endpoint that runs in a thread of a pool, for as long as its client waits."""

    async def answer(request: Request) -> Response:
        page = asyncio.get_running_loop().run_in_executor(pool, _answer, endpoint, request)
        left = asyncio.ensure_future(_until_client_left(request))
        # Whichever comes first. A computation that has begun cannot be stopped, and its page is
        # dropped.
        await asyncio.wait((page, left), return_when=asyncio.FIRST_COMPLETED)
        # `cancel` does nothing to a task that has ended: the client has left.
        if not left.cancel():
            # A page that no thread has begun is not computed.
            page.cancel()
            return Response(status_code=408)
        return page.result()

    return answer


async def _until_client_left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _answer(endpoint: Endpoint, request: Request) -> Response:
    """Return the endpoint's answer; an error becomes a page that says what is wrong."""
    try:
        return endpoint(request)
    except RunNotFound as error:
        return _problem("Not found", str(error), 404)
    except UserError as error:
        return _problem("This page cannot be shown", str(error), 400)
    except BackfleetError as error:
        return _problem("The store cannot be read", str(error), 503)
    except Exception as error:
        # An odd run, or a fault of backfleet: it costs this page only.
        log_problem(request.scope["path"], error)
        return _problem("This page cannot be shown", error_line(error), 500)


def _problem(title: str, text: str, status: int) -> Response:
    return _html(pages.problem_html(title, text), status)


def _html(text: str, status: int = 200) -> Response:
    # Names of a store may hold lone surrogates, which UTF-8 cannot encode.
    return Response(text.encode("utf-8", "backslashreplace"), status, media_type="text/html")


def _json(content: object) -> Response:
    return Response(json.dumps(content), media_type="application/json")
