"""Python's garbage collector, made to run less often during a run.

Orders, trades and lines stay until a run's records are read, and the collector goes through all of
them again and again without finding anything. It still runs, so that a strategy that makes cyclic
garbage cannot fill the memory.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["collecting_less"]

THRESHOLDS = (50_000, 20, 100)

_lock = threading.Lock()
_running = 0
_before = gc.get_threshold()


@contextmanager
def collecting_less() -> Iterator[None]:
    """Raise the collector's thresholds until the last of the runs in this process ends."""
    global _running, _before
    with _lock:
        if not _running:
            _before = gc.get_threshold()
            if 0 < _before[0] < THRESHOLDS[0]:
                gc.set_threshold(*THRESHOLDS)
        _running += 1
    try:
        yield
    finally:
        with _lock:
            _running -= 1
            if not _running:
                gc.set_threshold(*_before)
