"""Rules of adjustment: the cumulative factor of each row from what a vendor gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backfleet.sources.importing.rows import Rows

__all__ = ["MIN_STEP", "FactorTable", "factor_of", "preclose_steps"]

MIN_STEP = 3e-4
"""Relative difference between the close before and the previous close that is an ex-date: prices
that are adjusted already have rounding up to 2e-4."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FactorTable:
    """Factors of one symbol from a table of its own.

    Attributes
    ----------
    days
        int64, days since 1970, ascending.
    values
        The factors.
    until
        Whether a factor holds up to and including its day, and not from it on.
    """

    days: NDArray[np.int64]
    values: Floats
    until: bool = False

    def at(self, days: NDArray[np.int64]) -> Floats:
        """Return the factor of each day."""
        if self.until:
            # The first row whose day is not before the bar's: LEAN's factors hold up to their days.
            place = np.searchsorted(self.days, days, "left")
        else:
            # The last row that is not after the bar. Bars before the first row take its factor.
            place = np.maximum(np.searchsorted(self.days, days, "right") - 1, 0)
        # Bars after the last row take its factor.
        return self.values[np.minimum(place, len(self.values) - 1)]


def factor_of(rule: str, rows: Rows, traded: NDArray[np.bool_]) -> Floats:
    """Return the cumulative factor of rows, oldest first; NaN where it is missing.

    Only ratios of factors count.
    """
    close = rows.numbers["close"]
    match rule:
        case "adjusted-close":
            return rows.numbers["adjusted"] / close
        case "factor" | "divided":
            return rows.numbers["factor"]
        case "preclose":
            steps = preclose_steps(rows, traded)
            # Smaller differences are rounding, and their product would drift over years.
            growth: Floats = np.where(np.abs(steps - 1) > MIN_STEP, steps, 1.0).cumprod()
            return growth
        case "events":
            return _from_events(rows.numbers, close)
    return np.ones(len(rows))


def preclose_steps(rows: Rows, traded: NDArray[np.bool_]) -> Floats:
    """Return the last traded close over the previous close that each row states."""
    close = rows.numbers["close"]
    last = np.maximum.accumulate(np.where(traded, np.arange(len(rows)), -1))
    # The position of the traded row before each row; -1 for the first one.
    before = np.concatenate([[-1], last[:-1]])
    # NaN and 0 in the column are no previous close.
    known = traded & (before >= 0) & (rows.numbers["preclose"] > 0)
    steps = np.ones(len(rows))
    steps[known] = close[before[known]] / rows.numbers["preclose"][known]
    return steps


def _from_events(numbers: Mapping[str, Floats], close: Floats) -> Floats:
    splits = np.nan_to_num(numbers.get("split", np.ones(len(close))), nan=1.0)
    # Vendors write 0 on days without a split.
    splits = np.where(splits > 0, splits, 1.0)
    dividends = np.nan_to_num(numbers.get("dividend", np.zeros(len(close))))
    before = np.concatenate([[np.nan], close[:-1]])
    step = (1 / splits) * np.where(dividends > 0, 1 - dividends / before, 1.0)
    step[0] = 1.0
    # A step holds for all rows before its ex-date.
    product = np.cumprod(step[::-1])[::-1]
    # Shifted by one row: the ex-date itself has the new prices already.
    return np.concatenate([product[1:], [1.0]])
