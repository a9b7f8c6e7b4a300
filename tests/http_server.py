"""A server over a store, in a thread, and clients that ask it over HTTP or over a bare socket."""

from __future__ import annotations

import base64
import gzip
import http.client
import json
import logging
import re
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import uvicorn

from backfleet.serve.access import Access
from backfleet.serve.connection import ConnectionLimits
from backfleet.serve.server import listen, make_server
from backfleet.store import Store, open_store

__all__ = ["Answer", "Served", "read_answer", "rows_of", "serving"]

SECONDS = 60
"""Guard against hangs, far beyond what any answer takes."""


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
        match = re.search(rf'id="data-{name}">([^<]*)</script>', self.text)
        assert match, f"the page has no data {name}"
        return json.loads(match[1])


@dataclass(frozen=True)
class Served:
    """A server on loopback; `host` is what it takes itself to be bound to.

    `server` is its side of the connections, and `log` the lines that it has logged. Both are empty
    for a server in another process.
    """

    port: int
    host: str = "127.0.0.1"
    server: uvicorn.Server | None = None
    log: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def connections(self) -> int:
        """Number of open connections, as the server sees them."""
        assert self.server is not None
        return len(self.server.server_state.connections)

    def connect(self, receive_bytes: int | None = None) -> socket.socket:
        """Return a bare connection, with a receive buffer of the given size."""
        client = socket.socket()
        client.settimeout(SECONDS)
        if receive_bytes is not None:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        client.connect(("127.0.0.1", self.port))
        return client

    def get(
        self, path: str, headers: Mapping[str, str] | None = None, method: str = "GET"
    ) -> Answer:
        """Ask once; redirections are answers like any other."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        try:
            connection.request(
                method, path, headers={"Host": f"{self.host}:{self.port}"} | dict(headers or {})
            )
            return _answer_of(connection.getresponse())
        finally:
            connection.close()

    def listed(self) -> list[dict[str, Any]]:
        """Return the list of runs, one dict per run."""
        return rows_of(self.get("/api/runs").json["table"])


def read_answer(client: socket.socket, method: str = "GET") -> Answer | None:
    """Return the next answer on a connection; None if the server closed it instead."""
    answer = http.client.HTTPResponse(client, method=method)
    try:
        answer.begin()
        return _answer_of(answer)
    except (http.client.HTTPException, ConnectionError):
        return None
    finally:
        answer.close()


def _answer_of(answer: http.client.HTTPResponse) -> Answer:
    headers = {name.lower(): value for name, value in answer.getheaders()}
    content = answer.read()
    if content and headers.get("content-encoding") == "gzip":
        content = gzip.decompress(content)
    return Answer(answer.status, headers, content.decode())


def rows_of(table: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of a table's data block."""
    columns = {}
    for column in table["columns"]:
        content = column["numbers"] if "numbers" in column else column["codes"]
        numbers = np.frombuffer(base64.b64decode(content), f"<{column['type']}")
        values: list[Any] = [None if np.isnan(number) else float(number) for number in numbers]
        if "texts" in column:
            values = [None if number < 0 else column["texts"][int(number)] for number in numbers]
        columns[column["name"]] = values
    return [{name: columns[name][row] for name in columns} for row in range(table["rows"])]


@contextmanager
def serving(
    store: str | Store,
    host: str = "127.0.0.1",
    token: str = "",
    limits: ConnectionLimits | None = None,
) -> Iterator[Served]:
    """Serve a store in a thread, as `backfleet serve` does."""
    limits = limits or ConnectionLimits()
    store = open_store(store) if isinstance(store, str) else store
    with listen("127.0.0.1", 0, limits) as listener:
        port = listener.getsockname()[1]
        server = make_server(store, Access(host, port, token), limits)
        served = Served(port, host, server)
        thread = threading.Thread(target=server.run, args=([listener],))
        with _logging_to(served.log):
            thread.start()
            try:
                while not server.started:
                    time.sleep(0.01)
                yield served
            finally:
                server.should_exit = True
                thread.join()


@contextmanager
def _logging_to(lines: list[str]) -> Iterator[None]:
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(handler.format(record))  # type: ignore[method-assign]
    loggers = [logging.getLogger(name) for name in ("uvicorn", "asyncio", "backfleet.serve")]
    for logger in loggers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
