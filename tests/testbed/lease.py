"""Servers that several test sessions share: the last that uses one stops it."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

__all__ = ["Server", "keep", "leased"]


class Server(Protocol):
    """What the testbed starts and stops."""

    @property
    def folder(self) -> Path: ...
    def is_up(self) -> bool: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...


@contextmanager
def leased(server: Server) -> Iterator[None]:
    """Have a server up. One that was up already is left up, unless a test session started it."""
    server.folder.mkdir(parents=True, exist_ok=True)
    with (server.folder / "users").open("a") as users:
        with _turn(server):
            if not server.is_up():
                server.start()
                _mark(server).touch()
            fcntl.flock(users, fcntl.LOCK_SH)
        try:
            yield
        finally:
            with _turn(server):
                if _mark(server).exists() and _is_last(users.fileno()):
                    server.stop()
                    _mark(server).unlink()


def keep(server: Server) -> None:
    """Have test sessions leave a server up, whoever started it."""
    _mark(server).unlink(missing_ok=True)


@contextmanager
def _turn(server: Server) -> Iterator[None]:
    """One process at a time starts or stops a server."""
    with (server.folder / "turn").open("a") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        yield


def _mark(server: Server) -> Path:
    """Exists while a server runs that a test session started."""
    return server.folder / "leased"


def _is_last(users: int) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
