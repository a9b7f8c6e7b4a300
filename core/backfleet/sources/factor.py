"""The cumulative adjustment factor of a file's rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backfleet.sources.adjustment import Adjustment
from backfleet.sources.checks import check_factor
from backfleet.sources.table import Table, floats

__all__ = ["find_factor"]

Floats = NDArray[np.float64]


def find_factor(
    table: Table, adjustment: Adjustment, close: Floats, tradable: NDArray[np.bool_]
) -> Floats:
    """Return the cumulative factor of each row; a price is adjusted by factor / last factor.

    Raises
    ------
    DataError
        A tradable row has no positive factor or adjusted close, a split is negative, or a dividend
        is negative or not below the close before.
    """
    if adjustment.rule == "events":
        return _from_events(table, adjustment, close, tradable)
    # The rules `none` and `already`.
    if not adjustment.columns:
        return np.ones(len(table))
    (name,) = adjustment.columns
    values = floats(table, name)
    check_factor(table, name, values, tradable)
    if adjustment.rule == "factor":
        return values
    # Only the closes of tradable rows have been checked. `_with_suspensions` replaces the others.
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(values / close)


def _from_events(
    table: Table, adjustment: Adjustment, close: Floats, tradable: NDArray[np.bool_]
) -> Floats:
    # Over a suspension, a dividend is a part of the last traded close, whose position this is.
    last = np.maximum.accumulate(np.where(tradable, np.arange(len(close)), 0))
    # The traded close before each row; the first row has none, and its step is set to 1 below.
    before = np.concatenate([close[:1], close[last][:-1]])
    split = _events(table, adjustment.splits)
    # Vendors write 0 or 1 for a day without a split.
    split = np.where(split == 0, 1.0, split)
    dividend = _events(table, adjustment.dividends)
    _check(table, adjustment.splits, split > 0, "not a positive number")
    _check(table, adjustment.dividends, dividend >= 0, "a negative dividend")
    paid = dividend > 0
    paid[:1] = False
    _check(table, adjustment.dividends, ~paid | (dividend < before), "not below the close before")
    # The price falls to (before - dividend) / split, and the factor grows by the inverse of that
    # fall, so that returns of price x factor are total returns.
    step = split / (1.0 - np.where(paid, dividend / before, 0.0))
    # What happened before the first bar adjusts nothing.
    step[:1] = 1.0
    return np.asarray(np.cumprod(step), np.float64)


def _events(table: Table, name: str | None) -> Floats:
    return np.zeros(len(table)) if name is None else np.nan_to_num(floats(table, name), nan=0.0)


def _check(table: Table, name: str | None, right: NDArray[np.bool_], reason: str) -> None:
    if name is not None and not right.all():
        raise table.bad_value(name, int(np.argmin(right)), reason)
