"""The application: what each address answers. It only reads."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from backfleet.errors import BackfleetError, RunNotFound, UserError
from backfleet.report.page import script_source
from backfleet.runs.run import Run
from backfleet.serve import pages
from backfleet.serve.access import Access, AccessCheck
from backfleet.serve.catalogue import Catalogue
from backfleet.serve.read_only import ReadOnlyStore
from backfleet.store import Store

if TYPE_CHECKING:
    Endpoint = Callable[[Request], Response]

__all__ = ["make_app"]

_ID = re.compile(r"[0-9a-f]{16}")
_FILE = re.compile(r"[a-z.]+\.(js|css)")
DAY = "max-age=86400"
GZIP_LEVEL = 3


def make_app(store: Store, access: Access) -> Starlette:
    """The application over a store, for whom `access` lets in."""
    catalogue = Catalogue(ReadOnlyStore(store))
    site = Site(catalogue)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        catalogue.start()
        yield
        catalogue.stop()

    return Starlette(
        routes=site.routes(),
        lifespan=lifespan,
        middleware=[
            Middleware(AccessCheck, access=access),
            Middleware(GZipMiddleware, compresslevel=GZIP_LEVEL),
        ],
    )


class Site:
    """The endpoints. Each is run in a thread, since reading a store blocks."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def routes(self) -> Sequence[Route]:
        return [
            Route("/", _describe_problems(self.runs)),
            Route("/api/runs", _describe_problems(self.runs_json)),
            Route("/api/runs/{run}", _describe_problems(self.standing_json)),
            Route("/runs/{run}", _describe_problems(self.run)),
            Route("/runs/{run}/tasks/{task:int}", _describe_problems(self.task)),
            Route("/compare", _describe_problems(self.compare)),
            Route("/static/{name}", _describe_problems(self.static)),
            Route("/{path:path}", _describe_problems(self.nothing)),
        ]

    def runs(self, request: Request) -> Response:
        return HTMLResponse(pages.runs_html(self._catalogue.runs(), self._catalogue.store.url))

    def runs_json(self, request: Request) -> Response:
        return JSONResponse(pages.runs_table(self._catalogue.runs()))

    def standing_json(self, request: Request) -> Response:
        run = self._open(request.path_params["run"])
        counts = run.counts()
        facts = {name: getattr(counts, name) for name in ("tasks", "done", "suspicious", "error")}
        return JSONResponse({"state": run.state(), **facts})

    def run(self, request: Request) -> Response:
        run = self._open(request.path_params["run"])
        return HTMLResponse(pages.run_html(run, request.query_params.get("metric")))

    def task(self, request: Request) -> Response:
        run = self._open(request.path_params["run"])
        try:
            return HTMLResponse(pages.task_html(run, request.path_params["task"]))
        except IndexError as error:
            raise RunNotFound(str(error)) from error

    def compare(self, request: Request) -> Response:
        names = request.query_params.getlist("run")
        if len(names) != 2:
            raise UserError(f"two runs are compared, not {len(names)}; tick two in the list")
        first, second = map(self._open, names)
        metric = request.query_params.get("metric")
        return HTMLResponse(pages.comparison_html(first, second, metric))

    def static(self, request: Request) -> Response:
        name = request.path_params["name"]
        content = _static(name) if _FILE.fullmatch(name) else None
        if content is None:
            return self.nothing(request)
        kind = "text/css" if name.endswith(".css") else "text/javascript"
        return Response(content, media_type=kind, headers={"cache-control": DAY})

    def nothing(self, request: Request) -> Response:
        return HTMLResponse(pages.problem_html("Nothing here", "There is no such page."), 404)

    def _open(self, name: str) -> Run:
        """A run of the store. Raises RunNotFound, CorruptObject, StoreError."""
        if not _ID.fullmatch(name):
            raise RunNotFound(f"{name!r} is no run's id")
        return Run(self._catalogue.store.at(name))


def _static(name: str) -> str | None:
    """A script or style sheet, of the server's own or of the reports'; None where there is none."""
    own = files("backfleet.serve").joinpath("static", name)
    if own.is_file():
        return own.read_text(encoding="utf-8")
    try:
        return script_source(name)
    except FileNotFoundError:
        return None


def _describe_problems(endpoint: Endpoint) -> Endpoint:
    """The endpoint, whose errors become a page that says what is wrong."""

    def answer(request: Request) -> Response:
        try:
            return endpoint(request)
        except RunNotFound as error:
            return HTMLResponse(pages.problem_html("Not found", str(error)), 404)
        except UserError as error:
            return HTMLResponse(pages.problem_html("That cannot be shown", str(error)), 400)
        except BackfleetError as error:
            return HTMLResponse(pages.problem_html("The store cannot be read", str(error)), 503)

    return answer
