"""A store for each kind, and an S3 endpoint between the client and the server that misbehaves."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest

from backfleet.store import Store, open_store


@pytest.fixture
def store(store_url: str) -> Store:
    return open_store(store_url)


@dataclass(frozen=True)
class Fault:
    """What happens to the next request of a method.

    A `code` is answered with instead of asking the server. Without one the server is asked, and of
    its answer the bytes beyond `keep` are lost, or, with `alter`, the last byte is changed.
    """

    method: str
    code: str = ""
    status: int = 0
    keep: int | None = None
    alter: bool = False


@dataclass
class FaultyEndpoint:
    """Faults are used up in order; `requests` are the methods of what came."""

    url: str = ""
    faults: list[Fault] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def fail(self, method: str, *, times: int = 1, **how: Any) -> None:
        """Let the next requests of the method go wrong; `how` are the fields of a Fault."""
        self.faults += [Fault(method, **how)] * times

    def next_fault(self, method: str) -> Fault | None:
        self.requests.append(method)
        fault = next((fault for fault in self.faults if fault.method == method), None)
        if fault:
            self.faults.remove(fault)
        return fault


@pytest.fixture
def endpoint(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyEndpoint]:
    """What the environment names as S3 during the test; it passes on what meets no fault."""
    faulty = FaultyEndpoint()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(urlsplit(s3_endpoint).netloc, faulty))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    faulty.url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", faulty.url)
    yield faulty
    server.shutdown()
    thread.join()
    server.server_close()


def _handler(upstream: str, faulty: FaultyEndpoint) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            fault = faulty.next_fault(self.command)
            self.close_connection = True
            if fault and fault.code:
                self._answer(fault.status, {}, _error_page(fault.code))
            else:
                self._pass_on(body, fault)

        do_PUT = do_GET

        def _pass_on(self, body: bytes, fault: Fault | None) -> None:
            connection = http.client.HTTPConnection(upstream)
            connection.request(self.command, self.path, body, _end_to_end(self.headers.items()))
            response = connection.getresponse()
            content = response.read()
            connection.close()
            if fault and fault.keep == 0:
                return
            if fault and fault.alter:
                content = content[:-1] + bytes([content[-1] ^ 1])
            keep = fault.keep if fault else None
            self._answer(response.status, _end_to_end(response.getheaders()), content, keep)

        def _answer(
            self, status: int, headers: dict[str, str], content: bytes, keep: int | None = None
        ) -> None:
            self.send_response_only(status)
            for name, value in (headers | {"Content-Length": str(len(content))}).items():
                self.send_header(name, value)
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(content[:keep])

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: a line a request would bury a test's own output."""

    return Handler


def _end_to_end(headers: list[tuple[str, str]]) -> dict[str, str]:
    hop = {"connection", "content-length", "expect", "transfer-encoding"}
    return {name: value for name, value in headers if name.lower() not in hop}


def _error_page(code: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>said the test</Message></Error>".encode()
