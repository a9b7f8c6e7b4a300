"""`backfleet serve` as a process."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

SECONDS = 30
Backfleet = Callable[..., subprocess.CompletedProcess[str]]


def test_it_says_its_address_serves_and_ends_at_ctrl_c(store_url: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "backfleet", "serve", store_url, "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    ) as server:
        try:
            assert server.stdout is not None
            line = server.stdout.readline()
            found = re.search(r"http://127\.0\.0\.1:\d+/ ", line)
            assert found, line
            with urllib.request.urlopen(found[0].strip(), timeout=SECONDS) as answer:
                assert b"<h1>Runs</h1>" in answer.read()
            server.send_signal(signal.SIGINT)
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
