"""Strategies with a known behavior, for trying executors. Workers everywhere can import them."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from backfleet.bars import Bars
from backfleet.vector_strategy import VectorStrategy

__all__ = ["Fails", "Waits"]


class Waits(VectorStrategy):
    """Takes the given number of seconds per task, and records that it ran."""

    k: int = 0
    seconds: float = 0.0

    def targets(self, bars: Bars) -> NDArray[np.float64]:
        print(f"task {self.k} of {bars.symbol}")
        time.sleep(self.seconds)
        return np.ones(len(bars))


class Fails(VectorStrategy):
    """Raises where `k` is odd."""

    k: int = 0

    def targets(self, bars: Bars) -> NDArray[np.float64]:
        if self.k % 2:
            raise ValueError(f"{self.k} is odd")
        return np.ones(len(bars))
