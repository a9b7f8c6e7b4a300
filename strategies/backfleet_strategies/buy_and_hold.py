"""`buy-and-hold`: buys once and keeps it, the benchmark of all others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backfleet import Bars, VectorStrategy

__all__ = ["BuyAndHold"]


class BuyAndHold(VectorStrategy):
    """Buys as soon as it can and holds to the end.

    An order that the cash did not suffice for, because the open was dearer than the close before
    it, is made again on the next bar.

    Parameters
    ----------
    sizing
        `all-in`, `fee-aware`, or another of VectorStrategy's: how many shares the purchase takes.
    """

    sizing: str = "fee-aware"

    def targets(self, bars: Bars) -> NDArray[np.float64]:
        # The target stays 1, so that an entry without a fill is placed again.
        return np.ones(len(bars))
