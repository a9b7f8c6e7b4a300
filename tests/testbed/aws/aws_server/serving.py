"""Answering over HTTP: one request at a time, and requests to the testbed itself."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qsl
from wsgiref.types import StartResponse

from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import BaseWSGIServer, make_server

from .batch_job import BatchJob
from .checksums import Checked
from .enforcement import ENFORCED, Enforced

__all__ = ["LOCK", "serve"]

LOCK = threading.RLock()
"""S3 decides a conditional write in one step, where moto looks first and writes then; and moto's
dictionaries must not change under whoever walks them."""

CONTROL = "/testbed/"
POLICIES = "/testbed/policies"
"""PUT adds those of a deployment; GET tells what in them nobody has evaluated."""

LEDGER = "/testbed/ledger"
"""GET tells how long every attempt of every job has run."""


class QuietHandler(MotoRequestHandler):
    def log(self, type: str, message: str, *arguments: object) -> None:
        """Nothing: a line a request would bury a test's own output."""


def serve() -> BaseWSGIServer:
    """A server on a free port, in a thread of its own."""
    app = _OneAtATime(Enforced(Checked(DomainDispatcherApplication(create_backend_app))))
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=QuietHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class _OneAtATime:
    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == POLICIES:
            return _policies(environ, start_response)
        if path == LEDGER:
            start_response("200 OK", [("Content-Type", "application/json")])
            return [json.dumps(BatchJob.surroundings.ledger).encode()]
        if path.startswith(CONTROL):
            _CONTROLS[path.removeprefix(CONTROL)](**dict(parse_qsl(environ["QUERY_STRING"])))
            start_response("204 No Content", [])
            return []
        with LOCK:
            return list(self._app(environ, start_response))


def _policies(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    if environ["REQUEST_METHOD"] == "PUT":
        ENFORCED.add(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
    start_response("200 OK", [("Content-Type", "application/json")])
    faults, ENFORCED.faults = ENFORCED.faults, []
    return [json.dumps(faults).encode()]


def _job(job: str) -> BatchJob:
    from moto.batch.models import batch_backends

    for backends in batch_backends.values():
        for backend in backends.values():
            known = backend.get_job_by_id(job)
            if isinstance(known, BatchJob):
                return known
    raise LookupError(f"there is no job {job}")


def _interrupt(job: str, reason: str = "Your Spot Task was interrupted.") -> None:
    """Take the capacity away, as Spot does: SIGTERM, and SIGKILL after the grace time."""
    _job(job).interruption = reason


def _kill(job: str) -> None:
    """SIGKILL what the job runs."""
    task = _job(job).task
    if task is not None:
        task.kill()


def _chaos(rate: str, seconds: str = "1", seed: str = "0") -> None:
    """Kill a share of all attempts from now on, within so many seconds of their start."""
    chaos = BatchJob.surroundings.chaos
    chaos.random = random.Random(int(seed))
    chaos.rate, chaos.seconds = float(rate), float(seconds)


_CONTROLS: dict[str, Callable[..., None]] = {
    "interrupt": _interrupt,
    "kill": _kill,
    "chaos": _chaos,
}
