"""Clients that let the server wait are dropped, and never keep others out."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

import backfleet as bf
from backfleet.serve.app import REPORT_THREADS
from backfleet.serve.connection import ConnectionLimits
from backfleet.store import Store, open_store
from http_server import SECONDS, Served, read_answer, serving
from waiting import until
from watched_store import WatchedStore

Gated = tuple[Store, threading.Event, list[str]]
Serve = Callable[..., Served]
Runs = tuple[bf.Run, bf.Run]

LARGE_FILE = b"GET /static/plotly.min.js HTTP/1.1\r\nHost: localhost\r\n\r\n"
INDEX = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
IMPATIENT = ConnectionLimits(request_seconds=1, unread_seconds=1.0)
PATIENT = ConnectionLimits(request_seconds=3600, unread_seconds=3600.0)


def send_slowly(client: socket.socket) -> None:
    """Send one byte after the other until the server closes the connection."""
    client.settimeout(SECONDS)
    with contextlib.suppress(ConnectionError):
        while not select.select([client], [], [], 0.02)[0]:
            client.sendall(b"x")
        assert client.recv(1) == b""


def test_a_client_that_sends_nothing_is_dropped(serve: Serve, store_url: str) -> None:
    with serve(store_url, limits=IMPATIENT).connect() as client:
        assert client.recv(1) == b""


@pytest.mark.parametrize("sent", [b"G", b"GET / HTTP/1.1\r\nX: "], ids=["method", "header"])
def test_a_client_that_never_ends_its_headers_is_dropped(
    serve: Serve, store_url: str, sent: bytes
) -> None:
    with serve(store_url, limits=IMPATIENT).connect() as client:
        client.sendall(sent)
        send_slowly(client)


def test_a_client_that_never_ends_its_second_request_is_dropped(
    serve: Serve, store_url: str
) -> None:
    with serve(store_url, limits=IMPATIENT).connect() as client:
        client.sendall(INDEX)
        answer = read_answer(client)
        assert answer is not None
        assert answer.status == 200
        send_slowly(client)


@pytest.mark.parametrize("body", ["Content-Length: 1000", "Transfer-Encoding: chunked"])
def test_a_body_is_refused_before_it_is_read(serve: Serve, store_url: str, body: str) -> None:
    with serve(store_url, limits=PATIENT).connect() as client:
        client.sendall(f"GET / HTTP/1.1\r\nHost: localhost\r\n{body}\r\n\r\n".encode())
        answer = read_answer(client)
        assert answer is not None
        assert (answer.status, answer.headers["connection"]) == (413, "close")
        assert client.recv(1) == b""


def test_a_client_that_never_reads_its_answer_is_dropped(serve: Serve, store_url: str) -> None:
    limits = ConnectionLimits(request_seconds=3600, unread_seconds=1.0)
    server = serve(store_url, limits=limits)
    with server.connect(receive_bytes=4096) as client:
        client.sendall(LARGE_FILE)
        until(lambda: server.connections == 1, "the connection is open")
        until(lambda: server.connections == 0, "the server has dropped the connection")


@pytest.mark.parametrize(
    "sent", [b"", b"GET / HTTP/1.1\r\n", LARGE_FILE], ids=["nothing", "half", "unread"]
)
def test_a_crowd_that_waits_takes_no_place_from_others(
    serve: Serve, store_url: str, sent: bytes
) -> None:
    limits = ConnectionLimits(8, request_seconds=3600, unread_seconds=3600.0)
    server = serve(store_url, limits=limits)
    with ExitStack() as crowd:
        for _ in range(40):
            crowd.enter_context(server.connect(receive_bytes=4096)).sendall(sent)
            assert server.get("/api/runs").status == 200
            assert server.connections <= limits.connections


@pytest.fixture
def gated(store_url: str) -> Iterator[tuple[Store, threading.Event, list[str]]]:
    """A store that reports cannot read before the gate is opened, the gate, and what they read."""
    gate, reads = threading.Event(), list[str]()

    def wait_at_gate(url: str) -> None:
        if threading.current_thread().name.startswith("reports"):
            reads.append(url)
            assert gate.wait(SECONDS)

    yield WatchedStore(open_store(store_url), wait_at_gate), gate, reads
    gate.set()


def report_request(run: bf.Run) -> bytes:
    return f"GET /runs/{run.id} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def test_reports_in_work_do_not_delay_the_list(gated: Gated, finished: Runs) -> None:
    store, gate, reads = gated
    with serving(store) as server, ExitStack() as clients:
        for _ in range(REPORT_THREADS + 3):
            client = clients.enter_context(server.connect())
            client.sendall(report_request(finished[0]))
        until(lambda: len(reads) == REPORT_THREADS, "all threads of reports are busy")
        assert server.get("/").status == 200
        gate.set()
        assert read_answer(client).status == 200
    assert server.log == []


def test_reports_whose_clients_have_left_are_not_computed(gated: Gated, finished: Runs) -> None:
    store, gate, reads = gated
    with serving(store) as server, ExitStack() as stayed:
        for _ in range(REPORT_THREADS):
            client = stayed.enter_context(server.connect())
            client.sendall(report_request(finished[0]))
        until(lambda: len(reads) == REPORT_THREADS, "all threads of reports are busy")
        with ExitStack() as leaving:
            for _ in range(5):
                leaving.enter_context(server.connect()).sendall(report_request(finished[1]))
        until(lambda: server.connections == REPORT_THREADS, "the server knows who has left")
        gate.set()
        assert read_answer(client).status == 200
    assert not any(finished[1].id in url for url in reads)
    assert server.log == []


def test_with_every_place_in_work_others_are_told_to_try_again(
    gated: Gated, finished: Runs
) -> None:
    store, gate, reads = gated
    limits = ConnectionLimits(REPORT_THREADS)
    with serving(store, limits=limits) as server, ExitStack() as clients:
        for _ in range(REPORT_THREADS - 1):
            clients.enter_context(server.connect()).sendall(report_request(finished[0]))
        until(lambda: len(reads) == REPORT_THREADS - 1, "every place is in work")
        answer = server.get("/")
        assert (answer.status, answer.headers["connection"]) == (503, "close")
        gate.set()
    assert server.log == []
