"""`rsi-reversion`: buys what has fallen fast, sells it once it has recovered."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backfleet import Bars, VectorStrategy
from backfleet.indicators import rsi

__all__ = ["RsiReversion"]


class RsiReversion(VectorStrategy):
    """Buys when the relative strength index is low and sells when it is high again.

    Parameters
    ----------
    period
        Bars in the index (Wilder 1978).
    low, high
        It buys below `low` and sells above `high`; the index goes from 0 to 100.
    sizing
        How many shares a purchase takes.
    """

    period: int = 14
    low: float = 30.0
    high: float = 55.0
    sizing: str = "fee-aware"

    def targets(self, bars: Bars) -> NDArray[np.float64]:
        strength = rsi(bars.close, self.period)
        # Between the levels, and until the index begins, NaN keeps the position.
        return np.where(strength < self.low, 1.0, np.where(strength > self.high, 0.0, np.nan))
