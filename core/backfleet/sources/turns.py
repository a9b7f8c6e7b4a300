"""Threads that take turns in running Python, and give their turn up during long calls that do not.

numpy releases Python's lock around each operation on an array. Threads that compete for it change
places some hundred times per file, which takes more time than the work itself.
"""

from __future__ import annotations

import threading
from types import TracebackType

__all__ = ["others_run", "taking_turn"]

_LOCK = threading.Lock()
_THREAD = threading.local()


class _TakingTurn:
    """Only one thread at a time is in this block."""

    def __enter__(self) -> None:
        _LOCK.acquire()
        _THREAD.has_turn = True

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _THREAD.has_turn = False
        _LOCK.release()


class _OthersRun:
    """Another thread can take its turn meanwhile, if this one has it."""

    def __enter__(self) -> None:
        if getattr(_THREAD, "has_turn", False):
            _LOCK.release()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if getattr(_THREAD, "has_turn", False):
            _LOCK.acquire()


taking_turn = _TakingTurn()
others_run = _OthersRun()
