"""Fails `warm-up`: on which days it trades depends on the day on which the data begin."""

from __future__ import annotations

import numpy as np

from backfleet import Bars, VectorStrategy


class CountsFromTheFirstBar(VectorStrategy):
    """Holds shares for ten bars, every twenty bars."""

    every: int = 20

    def targets(self, bars: Bars) -> np.ndarray:
        return np.where(np.arange(len(bars)) % self.every < self.every // 2, 1.0, 0.0)
