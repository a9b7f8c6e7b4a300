"""`dual-moving-average`: in the market while the fast average is above the slow one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backfleet import Bars, VectorStrategy
from backfleet.indicators import above, sma

__all__ = ["DualMovingAverage"]


class DualMovingAverage(VectorStrategy):
    """Buys when the fast moving average is above the slow one and sells when it is below.

    Parameters
    ----------
    fast, slow
        Bars in the two simple averages of the close.
    sizing
        `all-in`, `fee-aware`, or another of VectorStrategy's: how many shares a purchase takes.
    """

    fast: int = 10
    slow: int = 30
    sizing: str = "fee-aware"

    def targets(self, bars: Bars) -> NDArray[np.float64]:
        return above(sma(bars.close, self.fast), sma(bars.close, self.slow))
