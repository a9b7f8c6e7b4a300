"""Fails `signals`: the close is never above the high, so there is nothing to look at."""

from __future__ import annotations

import numpy as np

from backfleet import Bars, VectorStrategy


class NeverTrades(VectorStrategy):
    """Buys when the close is above the high of its bar."""

    def targets(self, bars: Bars) -> np.ndarray:
        return np.where(bars.close > bars.high, 1.0, 0.0)
