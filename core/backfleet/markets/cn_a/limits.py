"""Price limits in whole ticks.

`round(reference * 1.1, 2)` is wrong for 1 in 40 prices; whole numbers are exact. They are floats,
which are faster than integers, and whose quotients by 1,000 never reach the next whole number.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backfleet.bars import Bars

__all__ = ["limit_ticks", "reference_ticks"]

Floats = NDArray[np.float64]


def reference_ticks(bars: Bars, ticks_per_unit: int) -> Floats:
    """Return the reference price of each bar's session in ticks, or NaN without an earlier close.

    It is the last close of an earlier session, adjusted for the ex-dates between the two, and
    rounded half up.
    """
    before = _last_of_earlier_sessions(bars)
    close, factor = bars.raw.close[before], bars.factor
    ticks = np.rint(close * ticks_per_unit)
    ex = np.empty(0, np.intp) if bars.has_no_factor else np.flatnonzero(factor[before] != factor)
    if len(ex):
        # The published factors have six digits: rounding to 4 decimals takes their error off.
        adjusted = np.round(close[ex] * factor[before[ex]] / factor[ex], 4)
        ticks[ex] = np.floor(np.round(adjusted * ticks_per_unit, 2) + 0.5)
    ticks[before < 0] = np.nan
    return ticks


def _last_of_earlier_sessions(bars: Bars) -> NDArray[np.intp]:
    """Return the last tradable bar of an earlier session for each bar, or -1."""
    rows = np.arange(len(bars))
    if bars.is_daily:
        begins = rows
        if bars.tradable.all():
            return rows - 1
    else:
        begins = np.searchsorted(bars.session, bars.session, "left")
    last = np.maximum.accumulate(np.where(bars.tradable, rows, -1))
    return np.where(begins > 0, last[begins - 1], -1)


def limit_ticks(
    reference: Floats, above: Floats, below: Floats, at_least_one: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Return the upper and lower limit in ticks, rounded half up.

    Parameters
    ----------
    reference
        In ticks, a whole number; the result is NaN if it is.
    above, below
        Per mille of the reference price.
    at_least_one
        Whether a limit is at least one tick away from the reference price.
    """
    up = np.floor((reference * (1000.0 + above) + 500.0) / 1000.0)
    down = np.floor((reference * (1000.0 - below) + 500.0) / 1000.0)
    if at_least_one.any():
        up = np.where(at_least_one, np.maximum(up, reference + 1.0), up)
        down = np.where(at_least_one, np.minimum(down, reference - 1.0), down)
    return up, down
