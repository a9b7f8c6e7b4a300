"""`donchian-breakout`: buys a new high, sells a new low."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backfleet import Bars, VectorStrategy
from backfleet.indicators import highest, lowest

__all__ = ["DonchianBreakout"]


class DonchianBreakout(VectorStrategy):
    """Buys when the close is above the highs of the last bars and sells when it is below the lows.

    Parameters
    ----------
    entry, exit
        Bars in the channel that is bought above, and in the one that is sold below.
    sizing
        How many shares a purchase takes.
    """

    entry: int = 20
    exit: int = 10
    sizing: str = "fee-aware"

    def targets(self, bars: Bars) -> NDArray[np.float64]:
        upper = _before(highest(bars.high, self.entry))
        lower = _before(lowest(bars.low, self.exit))
        # Within the channels, and until they begin, NaN keeps the position.
        return np.where(bars.close > upper, 1.0, np.where(bars.close < lower, 0.0, np.nan))


def _before(line: NDArray[np.float64]) -> NDArray[np.float64]:
    """The line as it was a bar ago: the channel must not hold the bar that breaks out of it."""
    return np.concatenate(([np.nan], line[:-1]))
