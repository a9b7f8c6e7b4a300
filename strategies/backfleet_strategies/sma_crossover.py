"""`sma-crossover`: in the market while the close is above its simple moving average."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backfleet import Bars, VectorStrategy
from backfleet.indicators import above, sma

__all__ = ["SmaCrossover"]


class SmaCrossover(VectorStrategy):
    """Buys when the close is above its simple moving average and sells when it is below.

    Parameters
    ----------
    period
        Bars in the average.
    sizing
        `all-in`, `fee-aware`, or another of VectorStrategy's: how many shares a purchase takes.
    """

    period: int = 15
    sizing: str = "all-in"

    def targets(self, bars: Bars) -> NDArray[np.float64]:
        return above(bars.close, sma(bars.close, self.period))
