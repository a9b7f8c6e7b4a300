"""Reference prices and price limits in whole ticks.

`round(reference * 1.1, 2)` is wrong for 1 in 40 prices; whole numbers are exact. They are floats,
which are faster than integers, and whose quotients by 1,000 never reach the next whole number.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backfleet.bars import Bars

__all__ = ["limit_ticks", "reference_ticks"]

Floats = NDArray[np.float64]

FEW_TICKS = 20.0
"""From this price on, all limits are at least a tick away: no board has less than 5 %."""


def reference_ticks(bars: Bars, ticks_per_unit: int) -> Floats:
    """Return the reference price of each bar's session in ticks, or NaN without an earlier close.

    It is the last close of an earlier session, adjusted for the ex-dates between the two, and
    rounded half up.
    """
    # Then the bar before belongs to the session before. This is the case of nearly all symbols, and
    # takes a fraction of the search.
    if bars.tradable.all() and bars.is_daily:
        close, factor = (_of_bar_before(column) for column in (bars.raw.close, bars.factor))
    else:
        before = _last_of_earlier_sessions(bars)
        close, factor = bars.raw.close[before], bars.factor[before]
        close[before < 0] = np.nan
    ticks = np.rint(close * ticks_per_unit)
    if bars.has_no_factor:
        return ticks
    # On an ex-date, the exchange publishes an adjusted reference price. The ratio of the factors
    # says by how much the close has to be moved.
    ex = np.flatnonzero(factor != bars.factor)
    # The published factors have six digits: rounding to 4 decimals takes their error off.
    adjusted = np.round(close[ex] * factor[ex] / bars.factor[ex], 4)
    ticks[ex] = np.floor(np.round(adjusted * ticks_per_unit, 2) + 0.5)
    return ticks


def _of_bar_before(column: Floats) -> Floats:
    """Return the value of the bar before each bar; NaN for the first."""
    before = np.empty(len(column))
    # A slice of one element, since there may be no bar at all.
    before[:1], before[1:] = np.nan, column[:-1]
    return before


def _last_of_earlier_sessions(bars: Bars) -> NDArray[np.intp]:
    """Return the last tradable bar of an earlier session for each bar, or -1."""
    rows = np.arange(len(bars))
    # The first bar of each bar's session: only bars before it count, however many the session has.
    begins = rows if bars.is_daily else np.searchsorted(bars.session, bars.session, "left")
    last = np.maximum.accumulate(np.where(bars.tradable, rows, -1))
    return np.where(begins > 0, last[begins - 1], -1)


def limit_ticks(
    reference: Floats, above: Floats, below: Floats, at_least_one: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Return the upper and lower limit in ticks, rounded half up.

    Parameters
    ----------
    reference
        In ticks, whole numbers; a limit is NaN if it is.
    above, below
        The limits per mille of the reference price; NaN for no limit.
    at_least_one
        Whether a limit is at least one tick away from the reference price.
    """
    up, down = reference * above, reference * below
    for limit in (up, down):
        # Half of a tick, so that rounding down rounds half up. The limits are per mille of whole
        # ticks, and whole numbers in floats are exact.
        limit += 500.0
        limit /= 1000.0
        np.floor(limit, out=limit)
    # Only for shares below 20 ticks, such as 0.20 CNY, a limit can round to the reference price
    # itself.
    if (reference < FEW_TICKS).any() and at_least_one.any():
        near = at_least_one & ((up - reference < 1.0) | (reference - down < 1.0))
        up[near] = np.maximum(up[near], reference[near] + 1.0)
        down[near] = np.minimum(down[near], reference[near] - 1.0)
    return up, down
