"""A strategy that is slow, stubborn, random or wrong where its mode says so."""

from __future__ import annotations

import mmap
import os
import signal
import time
from typing import Any

import backtrader as bt

SLOW_SECONDS = 0.3
FIRST_ATTEMPT = "1"


def _eat(size: int) -> None:
    """Shared memory counts for the container, and not for the limit of the process."""
    eaten = mmap.mmap(-1, size)
    eaten[:: mmap.PAGESIZE] = b"1" * (size // mmap.PAGESIZE)


class Odd(bt.Strategy):  # backtrader has no types
    """Buys once. `period` tells the tasks apart."""

    params = (("mode", "plain"), ("period", 5))

    def __init__(self) -> None:
        self.metrics: dict[str, Any] = {}

    def start(self) -> None:
        first = os.environ.get("AWS_BATCH_JOB_ATTEMPT") == FIRST_ATTEMPT
        if self.p.mode == "slow" or (self.p.mode == "stubborn" and not first):
            time.sleep(SLOW_SECONDS)
        elif self.p.mode == "stubborn":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(600)
        elif self.p.mode == "random":
            self.metrics["drawn"] = float(int.from_bytes(os.urandom(4)))
        elif self.p.mode == "greedy" and self.p.period == 6:
            _eat(3 * 2**30)
        elif self.p.mode == "faulty" and self.p.period == 6:
            raise ValueError("no such price")
        elif self.p.mode == "faulty" and self.p.period == 7:
            time.sleep(600)

    def next(self) -> None:
        if len(self) == self.p.period:
            self.buy(size=100)
