"""Runs a fixed number of jobs at once, in the order of their queues."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from .fair_share import JobOrder, SchedulingPolicy, Waiting

__all__ = ["Scheduler"]


class Scheduler:
    """A fixed number of threads: ten thousand array children need not be ten thousand threads."""

    def __init__(self, slots: int) -> None:
        self._orders: dict[str, JobOrder] = {}
        self._changed = threading.Condition()
        for number in range(slots):
            name = f"batch-slot-{number}"
            threading.Thread(target=self._work, name=name, daemon=True).start()

    def add(self, queue: str, policy: SchedulingPolicy | None, waiting: Waiting) -> None:
        """Have a job wait in a queue; `waiting.job` is called when it starts."""
        with self._changed:
            self._order(queue, policy).add(waiting)
            self._changed.notify()

    def shares(self, queue: str) -> dict[str, float]:
        """Return the vCPU that each share of a queue uses now."""
        with self._changed:
            return dict(self._orders[queue].use) if queue in self._orders else {}

    def waiting(self, queue: str) -> list[Waiting]:
        """Return the jobs that wait in a queue, the next one first."""
        with self._changed:
            return self._orders[queue].listed() if queue in self._orders else []

    def _order(self, queue: str, policy: SchedulingPolicy | None) -> JobOrder:
        if queue not in self._orders:
            self._orders[queue] = JobOrder(policy, time.monotonic)
        return self._orders[queue]

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: any(self._orders.values()))
                queue = next(name for name, order in self._orders.items() if order)
                # The queues take turns.
                order = self._orders[queue] = self._orders.pop(queue)
                waiting = order.start()
            call: Callable[[], None] = waiting.job
            try:
                call()
            finally:
                with self._changed:
                    order.end(waiting)
