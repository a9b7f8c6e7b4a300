"""A hostile strategy is contained: its task becomes an error or its shard fails, with the reason,
and the rest completes."""

from __future__ import annotations

import json
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from docker.conftest import Yard

pytestmark = [pytest.mark.testbed]

HOSTILE = Path(__file__).parent / "strategies" / "hostile.py"


def misbehave(yard: Yard, deed: str, aim: object = "") -> subprocess.CompletedProcess[str]:
    """Run three tasks, of which the second is hostile, each in a container of its own."""
    yard.write_job(f"{HOSTILE}:Hostile", f'deed = "{deed}"\naim = "{aim}"')
    return yard.run("-o", "workers=3")


def check_error(yard: Yard, done: subprocess.CompletedProcess[str], *words: str) -> None:
    """The hostile task is an error, the others have their numbers, nothing is left."""
    assert done.returncode == 1, done.stderr
    rows = {row["symbol"]: row for row in yard.rows()}
    assert rows["600519"]["error"] is None
    assert rows["600560"]["error"] is None
    said = rows["600559"]["error"]
    assert any(word in said for word in words), said
    assert yard.containers() == []


def test_it_writes_where_it_may_not(yard: Yard) -> None:
    data = yard.data / "600519.csv"
    before = data.read_bytes()
    # What lies beside a mount is the container's own scratch, whatever it is called outside.
    scratch = ["/tmp/mine", str(yard.store / "mine")]
    forbidden = ["/mine", "/usr/local/mine", "/etc/passwd", str(data)]
    params = f'deed = "write"\naim = {json.dumps([*scratch, *forbidden])}'
    yard.write_job(f"{HOSTILE}:Hostile", params, symbols=("600559",))
    done = yard.run("-o", "workers=1")
    assert done.returncode == 1, done.stderr
    errors = {row["aim"]: row["error"] for row in yard.rows()}
    assert [errors.pop(aim) for aim in scratch] == [None, None]
    assert set(errors) == set(forbidden)
    assert all("[Errno 30] Read-only file system" in error for error in errors.values()), errors
    assert data.read_bytes() == before
    assert not any(Path(aim).exists() for aim in scratch)


def test_it_opens_a_socket(yard: Yard) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        done = misbehave(yard, "connect", server.getsockname()[1])
        check_error(yard, done, "ConnectionRefusedError", "OSError")
        with pytest.raises(TimeoutError):
            server.accept()


@pytest.mark.parametrize("deed", ["fork", "hoard_processes"])
def test_it_forks_without_end(yard: Yard, deed: str) -> None:
    # Processes, memory or time, whichever runs out first.
    outcomes = ("BlockingIOError: [Errno 11]", "TaskKilled", "TaskOutOfMemory", "TaskTimeout")
    check_error(yard, misbehave(yard, deed), *outcomes)


def test_it_takes_more_memory_than_its_container_has(yard: Yard) -> None:
    check_error(yard, misbehave(yard, "hoard_memory", 4096), "TaskKilled", "TaskOutOfMemory")


def test_a_container_that_ends_for_lack_of_memory_says_its_limit_and_what_to_raise(
    yard: Yard,
) -> None:
    done = misbehave(yard, "sacrifice_supervisor", 4096)
    check_lost(yard, done)
    assert "exit code 137: the container needed more than its 2 GiB" in done.stderr
    assert "resources.memory (0.5 GiB)" in done.stderr
    assert "--set resources.memory='1 GiB'" in done.stderr


def test_it_kills_its_supervisor(yard: Yard) -> None:
    done = misbehave(yard, "kill_supervisor")
    check_lost(yard, done)
    assert "exit code 137: the container was stopped from outside (SIGKILL)" in done.stderr


def check_lost(yard: Yard, done: subprocess.CompletedProcess[str]) -> None:
    """The hostile shard has failed, the others have their numbers, nothing is left."""
    assert done.returncode == 1, done.stderr
    assert "1 of 3 tasks have no result" in done.stderr
    rows: list[dict[str, Any]] = yard.rows()
    assert [(row["symbol"], row["error"]) for row in rows] == [("600519", None), ("600560", None)]
    assert yard.containers() == []
