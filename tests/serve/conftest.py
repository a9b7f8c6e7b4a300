"""A server over a store, in a thread, asked over HTTP."""

from __future__ import annotations

import base64
import http.client
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvicorn

import backfleet as bf
from backfleet.serve.access import Access
from backfleet.serve.app import make_app
from backfleet.store import open_store
from sample_job import job_of

SECONDS = 20


@dataclass(frozen=True)
class Answer:
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    def block(self, name: str) -> Any:
        """A block of data of the page."""
        found = re.search(rf'id="data-{name}">([^<]*)</script>', self.text)
        assert found, f"the page has no data {name}"
        return json.loads(found[1])


@dataclass(frozen=True)
class Served:
    """A server on loopback; `host` is what it takes itself to be bound to."""

    port: int
    host: str = "127.0.0.1"

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def get(
        self, path: str, headers: Mapping[str, str] | None = None, method: str = "GET"
    ) -> Answer:
        """Ask once; redirections are answers like any other."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        try:
            connection.request(
                method, path, headers={"Host": f"{self.host}:{self.port}"} | dict(headers or {})
            )
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, found, answer.read().decode())
        finally:
            connection.close()

    def listed(self) -> list[dict[str, Any]]:
        """The list of runs, a dict a run."""
        return rows_of(self.get("/api/runs").json["table"])


def rows_of(table: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of a table's data block."""
    columns = {}
    for column in table["columns"]:
        numbers = np.frombuffer(base64.b64decode(column.get("numbers") or column["codes"]), "<f8")
        values: list[Any] = [None if np.isnan(each) else float(each) for each in numbers]
        if "texts" in column:
            values = [None if each < 0 else column["texts"][int(each)] for each in numbers]
        columns[column["name"]] = values
    return [{name: columns[name][row] for name in columns} for row in range(table["rows"])]


@pytest.fixture
def rows() -> Callable[[Mapping[str, Any]], list[dict[str, Any]]]:
    """The rows of a table's data block."""
    return rows_of


@contextmanager
def serving(store: str, host: str = "127.0.0.1", token: str = "") -> Iterator[Served]:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        port = bound.getsockname()[1]
        app = make_app(open_store(store), Access(host, port, token))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        thread = threading.Thread(target=server.run, args=([bound],))
        thread.start()
        try:
            while not server.started:
                time.sleep(0.01)
            yield Served(port, host)
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    """Serve a store; further arguments are the host and the token of the server."""
    from contextlib import ExitStack

    with ExitStack() as stack:
        yield lambda *arguments, **options: stack.enter_context(serving(*arguments, **options))


@pytest.fixture(scope="session")
def make_job() -> Callable[..., bf.Job]:
    """A job on the sample data with a store, other keys as given."""
    return partial(job_of, name="sma")


@pytest.fixture(scope="session")
def finished(
    make_job: Callable[..., bf.Job], tmp_path_factory: pytest.TempPathFactory
) -> tuple[bf.Run, bf.Run]:
    """Two finished runs in one store; they must stay as they are."""
    store = tmp_path_factory.mktemp("served")
    first = bf.run(make_job(store), progress=None)
    return first, bf.run(make_job(store, name="other", params={"period": [15, 20]}), progress=None)


@pytest.fixture(scope="session")
def store_url(finished: tuple[bf.Run, bf.Run]) -> str:
    """The store of the two finished runs."""
    return str(Path(finished[0].url).parent)
