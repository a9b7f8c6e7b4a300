"""`backfleet serve` as a process."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

import backfleet as bf
from backfleet.serve.app import REPORT_THREADS
from backfleet.serve.server import GRACE_SECONDS
from http_server import SECONDS, Served, read_answer

Backfleet = Callable[..., subprocess.CompletedProcess[str]]


def test_it_says_its_address_serves_and_ends_at_ctrl_c(store_url: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "backfleet", "serve", store_url, "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    ) as server:
        try:
            assert server.stdout is not None
            line = server.stdout.readline()
            match = re.search(r"http://127\.0\.0\.1:\d+/ ", line)
            assert match, line
            with urllib.request.urlopen(match[0].strip(), timeout=SECONDS) as answer:
                assert b"<h1>Runs</h1>" in answer.read()
            server.send_signal(signal.SIGINT)
            _, errors = server.communicate(timeout=SECONDS)
        finally:
            server.kill()
    assert (server.returncode, errors) == (0, "")


def test_a_store_that_does_not_exist_is_noted(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "backfleet", "serve", "nowhere", "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    ) as server:
        try:
            assert server.stdout is not None
            server.stdout.readline()
            server.send_signal(signal.SIGINT)
            _, errors = server.communicate(timeout=SECONDS)
        finally:
            server.kill()
    assert errors == "note: nowhere does not exist; runs appear once they are planned\n"


BUSY = """
import sys, threading
from unittest.mock import patch

from backfleet.serve import pages
from backfleet.serve.server import serve_store
from backfleet.store import open_store

def compute_forever(run, metric):
    print("computing", flush=True)
    threading.Event().wait()

patch.object(pages, "run_page", compute_forever).start()  # refuses a name that is not there
serve_store(open_store(sys.argv[1]), "127.0.0.1", 0, lambda url: print(url, flush=True))
"""
"""Serves a store as the command does, but reports of runs never end."""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_while_pages_are_computed_and_clients_let_it_wait(
    store_url: str, tmp_path: Path, finished: tuple[bf.Run, bf.Run], number: signal.Signals
) -> None:
    command = [sys.executable, "-c", BUSY, store_url]
    with (
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
        ) as server,
        ExitStack() as clients,
    ):
        try:
            assert server.stdout is not None
            served = Served(int(server.stdout.readline().rpartition(":")[2].strip(" /\n")))
            idle, *unread = (clients.enter_context(served.connect(4096)) for _ in range(4))
            idle.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert read_answer(idle) is not None
            for client in unread:
                client.sendall(b"GET /static/plotly.min.js HTTP/1.1\r\nHost: localhost\r\n\r\n")
            for _ in range(4):
                clients.enter_context(served.connect()).sendall(b"GET / HTTP/1.1\r\n")
            report = f"GET /runs/{finished[0].id} HTTP/1.1\r\nHost: localhost\r\n\r\n"
            for _ in range(REPORT_THREADS):
                clients.enter_context(served.connect()).sendall(report.encode())
                assert server.stdout.readline() == "computing\n"
            server.send_signal(number)
            server.send_signal(number)
            # The clients are still connected, and the reports are still computed.
            _, errors = server.communicate(timeout=SECONDS)
        finally:
            server.kill()
    assert (server.returncode, errors) == (0, "")


def test_the_grace_and_the_end_take_less_than_two_seconds_together() -> None:
    assert GRACE_SECONDS <= 1.5


def test_odd_environment_variables_of_uvicorn_are_not_read(store_url: str, tmp_path: Path) -> None:
    (tmp_path / "uvloop.py").write_text("raise SystemExit('uvloop was imported')")
    (tmp_path / "httptools.py").write_text("raise SystemExit('httptools was imported')")
    (tmp_path / "websockets.py").write_text("raise SystemExit('websockets was imported')")
    environment = os.environ | {"WEB_CONCURRENCY": "many", "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-m", "backfleet", "serve", store_url, "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as server:
        try:
            assert server.stdout is not None
            match = re.search(r"http://127\.0\.0\.1:(\d+)/ ", server.stdout.readline())
            assert match
            assert Served(int(match[1])).get("/").status == 200
            server.send_signal(signal.SIGTERM)
            _, errors = server.communicate(timeout=SECONDS)
        finally:
            server.kill()
    assert (server.returncode, errors) == (0, "")


def test_a_port_that_is_taken_is_refused(backfleet: Backfleet) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = backfleet("serve", "--port", port)
    assert done.returncode == 2
    assert f"--port {port}: Address already in use; --port 0 takes a free one" in done.stderr


def test_a_host_that_is_none_of_this_machine_is_refused(backfleet: Backfleet) -> None:
    done = backfleet("serve", "--host", "192.0.2.7", "--port", "0")
    assert done.returncode == 2
    assert "--host 192.0.2.7" in done.stderr
    assert "Traceback" not in done.stderr
