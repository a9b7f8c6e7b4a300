"""`momentum`: in the market while the close is higher than it was some time ago."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backfleet import Bars, VectorStrategy
from backfleet.indicators import roc

__all__ = ["Momentum"]


class Momentum(VectorStrategy):
    """Buys when the return over the last bars is above a threshold and sells when it is below.

    Parameters
    ----------
    period
        Bars that the return is taken over.
    threshold
        A fraction: 0.05 buys after a rise of more than 5 %.
    sizing
        How many shares a purchase takes.
    """

    period: int = 120
    threshold: float = 0.0
    sizing: str = "fee-aware"

    def targets(self, bars: Bars) -> NDArray[np.float64]:
        change = roc(bars.close, self.period)
        strong, weak = change > self.threshold, change < self.threshold
        # Neither on the threshold itself nor before the first return: NaN keeps the position.
        return np.where(strong, 1.0, np.where(weak, 0.0, np.nan))
