"""Price limits in whole ticks.

In floats, `round(reference * 1.1, 2)` is wrong for 1 in 40 prices; whole numbers are exact.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backfleet.bars import Bars

__all__ = ["limit_ticks", "reference_ticks"]

Floats = NDArray[np.float64]
Ticks = NDArray[np.int64]

NO_REFERENCE = -1
"""Of the sessions that have no earlier close."""


def reference_ticks(bars: Bars, ticks_per_unit: int) -> Ticks:
    """Return the reference price of each bar's session in ticks, or -1 without an earlier close.

    It is the last close of an earlier session, adjusted for the ex-dates between the two, and
    rounded half up.
    """
    rows = np.arange(len(bars))
    begins = rows if bars.is_daily else np.searchsorted(bars.session, bars.session, "left")
    last = rows if bars.tradable.all() else np.maximum.accumulate(np.where(bars.tradable, rows, -1))
    before = np.where(begins > 0, last[begins - 1], -1)
    close, factor = bars.raw.close[before], bars.factor
    ticks = np.rint(close * ticks_per_unit)
    ex = np.flatnonzero(factor[before] != factor)
    if len(ex):
        # The published factors have six digits: rounding to 4 decimals takes their error off.
        adjusted = np.round(close[ex] * factor[before[ex]] / factor[ex], 4)
        ticks[ex] = np.floor(np.round(adjusted * ticks_per_unit, 2) + 0.5)
    whole: Ticks = np.where(before < 0, NO_REFERENCE, ticks).astype(np.int64)
    return whole


def limit_ticks(
    reference: Ticks, above: Ticks, below: Ticks, at_least_one: NDArray[np.bool_]
) -> tuple[Ticks, Ticks]:
    """Return the upper and lower limit in ticks, rounded half up.

    Parameters
    ----------
    reference
        In ticks, at least 0.
    above, below
        Per mille of the reference price.
    at_least_one
        Whether a limit is at least one tick away from the reference price.
    """
    up = (reference * (1000 + above) + 500) // 1000
    down = (reference * (1000 - below) + 500) // 1000
    up = np.where(at_least_one, np.maximum(up, reference + 1), up)
    down = np.where(at_least_one, np.minimum(down, reference - 1), down)
    return up, down
