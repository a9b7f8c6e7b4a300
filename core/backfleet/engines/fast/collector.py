"""Python's garbage collector, made to run when there is garbage.

Orders, trades and lines stay until a run's records are read, and hang together in cycles. With its
usual thresholds, the collector goes through all of them again and again without finding anything,
and once more as soon as a run has ended, when its result still holds them. Here it runs seldom
during a run, so that a strategy that makes cyclic garbage cannot fill the memory, and at the
beginning of the next one, when the last one is garbage. The first collection after a run that comes
by itself brings the usual thresholds back.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

__all__ = ["collecting_less"]

THRESHOLDS = (200_000, 20, 100)
WORTH_COLLECTING = 2_000
"""Young objects, of a run of some hundred bars with a few orders."""
ENOUGH = (2, 4)
"""Collections of each generation after which the next one has its turn: in it is what some run's
result still held when the next run began."""

_lock = threading.Lock()
_running = 0
_before: tuple[int, int, int] | None = None
"""The thresholds to come back to; None while they are in force."""


@contextmanager
def collecting_less() -> Iterator[None]:
    """Raise the collector's thresholds until the last of the runs in this process has ended, and
    the collector has run once after it."""
    _begin()
    try:
        yield
    finally:
        _end()


def _begin() -> None:
    global _running, _before
    with _lock:
        _running += 1
        if _running > 1:
            return
        if _before is None and 0 < gc.get_threshold()[0] < THRESHOLDS[0]:
            _before = gc.get_threshold()
            gc.set_threshold(*THRESHOLDS)
            gc.callbacks.append(_bring_back)
    if gc.isenabled():
        _collect()


def _collect() -> None:
    """Collect what is left of the last run."""
    young, middle, old = gc.get_count()
    if middle >= ENOUGH[0] and old >= ENOUGH[1]:
        gc.collect(2)
    elif middle >= ENOUGH[0]:
        gc.collect(1)
    elif young > WORTH_COLLECTING:
        gc.collect(0)


def _end() -> None:
    global _running
    with _lock:
        _running -= 1


def _bring_back(phase: str, info: Mapping[str, Any]) -> None:
    """Called by the collector, in whichever thread: no lock may be taken here."""
    global _before
    if phase == "stop" and not _running and _before is not None:
        gc.callbacks.remove(_bring_back)
        if gc.get_threshold() == THRESHOLDS:
            gc.set_threshold(*_before)
        _before = None
