"""`Adjustment`: how the factor of a file's prices is found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from backfleet.sources.table import Table

__all__ = ["Adjustment", "find_factor"]

Floats = NDArray[np.float64]
Rule = Literal["none", "factor", "adjusted", "events", "already"]


@dataclass(frozen=True)
class Adjustment:
    """A rule of adjustment and the columns that it reads.

    Attributes
    ----------
    rule
        `factor`: a column has it. `adjusted`: adjusted close / close. `events`: from splits and
        dividends. `already`: the prices are adjusted in the file. `none`: they are used as they
        are.
    splits, dividends
        The columns of events.
    unused
        A column that looks like an adjusted close, if there is no rule.
    """

    rule: Rule
    columns: tuple[str, ...] = ()
    splits: str | None = None
    dividends: str | None = None
    unused: str | None = None

    def words(self) -> str:
        """Return the rule in words for people."""
        names = " and ".join(repr(name) for name in self.columns)
        if self.rule == "factor":
            return f"adjusted by the factor {names}"
        if self.rule == "adjusted":
            return f"adjusted by {names} / close"
        if self.rule == "events":
            return f"adjusted by the events in {names}"
        if self.rule == "already":
            return "already adjusted, as the job says"
        return "as in the file" + (f"; {self.unused!r} is not used" if self.unused else "")


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
    from backfleet.sources.checks import check_factor
    from backfleet.sources.table import floats

    if adjustment.rule == "events":
        return _from_events(table, adjustment, close, tradable)
    if not adjustment.columns:
        return np.ones(len(table))
    (name,) = adjustment.columns
    values = floats(table, name)
    check_factor(table, name, values, tradable)
    if adjustment.rule == "factor":
        return values
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(values / close)


def _from_events(
    table: Table, adjustment: Adjustment, close: Floats, tradable: NDArray[np.bool_]
) -> Floats:
    # Over a suspension, a dividend is a part of the last traded close.
    last = np.maximum.accumulate(np.where(tradable, np.arange(len(close)), 0))
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
    step = split / (1.0 - np.where(paid, dividend / before, 0.0))
    # What happened before the first bar adjusts nothing.
    step[:1] = 1.0
    return np.asarray(np.cumprod(step), np.float64)


def _events(table: Table, name: str | None) -> Floats:
    from backfleet.sources.table import floats

    return np.zeros(len(table)) if name is None else np.nan_to_num(floats(table, name), nan=0.0)


def _check(table: Table, name: str | None, right: NDArray[np.bool_], reason: str) -> None:
    if name is not None and not right.all():
        raise table.bad_value(name, int(np.argmin(right)), reason)
