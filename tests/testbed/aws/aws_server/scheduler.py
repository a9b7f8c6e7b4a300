"""Runs so many jobs at once, first come, first served."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue

__all__ = ["Scheduler"]


class Scheduler:
    """A fixed number of threads: ten thousand array children need not be ten thousand threads."""

    def __init__(self, slots: int) -> None:
        self._calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        for number in range(slots):
            name = f"batch-slot-{number}"
            threading.Thread(target=self._work, name=name, daemon=True).start()

    def add(self, call: Callable[[], None]) -> None:
        self._calls.put(call)

    def _work(self) -> None:
        while True:
            self._calls.get()()
