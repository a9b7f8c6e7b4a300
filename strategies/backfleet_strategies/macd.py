"""`macd`: in the market while the MACD line is above its signal."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backfleet import Bars, VectorStrategy
from backfleet.indicators import above, macd

__all__ = ["MacdCrossover"]


class MacdCrossover(VectorStrategy):
    """Buys when the MACD line is above its signal and sells when it is below.

    Parameters
    ----------
    fast, slow
        Bars in the two exponential averages of the close, whose difference is the MACD line.
    signal
        Bars in that line's own average.
    sizing
        How many shares a purchase takes.
    """

    fast: int = 12
    slow: int = 26
    signal: int = 9
    sizing: str = "fee-aware"

    def targets(self, bars: Bars) -> NDArray[np.float64]:
        lines = macd(bars.close, self.fast, self.slow, self.signal)
        return above(lines.macd, lines.signal)
