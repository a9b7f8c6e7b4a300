"""`bollinger-reversion`: buys below the lower Bollinger band, sells at the middle."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backfleet import Bars, VectorStrategy
from backfleet.indicators import bollinger

__all__ = ["BollingerReversion"]


class BollingerReversion(VectorStrategy):
    """Buys when the close is below the lower band and sells when it is back at the average.

    Parameters
    ----------
    period
        Bars in the average and in the standard deviation.
    width
        Standard deviations between the average and a band.
    sizing
        How many shares a purchase takes.
    """

    period: int = 20
    width: float = 2.0
    sizing: str = "fee-aware"

    def targets(self, bars: Bars) -> NDArray[np.float64]:
        bands = bollinger(bars.close, self.period, self.width)
        cheap, recovered = bars.close < bands.lower, bars.close >= bands.middle
        # Between the two, NaN keeps the position. Before the bands begin, both comparisons are
        # false.
        return np.where(cheap, 1.0, np.where(recovered, 0.0, np.nan))
