"""`Events`: the corporate actions of one symbol, as the books follow them."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import date
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Events"]

Days = NDArray[np.datetime64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Events:
    """Corporate actions in the order of their days. Every array is read-only, and has
    shape (events,) unless stated otherwise.

    An event happens before the open of the first bar on its day or after it, whether or not the
    symbol is halted on its day.

    Attributes
    ----------
    day
        datetime64[D], the ex-date.
    ratio
        float64, shares held after the event for each share held before it.
    cash
        float64, money for each share held before it.
    pay
        datetime64[D], the day on which that money becomes cash. It belongs to the value of the
        account from the ex-date on.
    rights, price
        float64, new shares for each share held before it that are subscribed if the cash suffices,
        and what one of them costs; 0 for none.
    move
        float64, the reference price of the ex-date divided by the close before it.
    whole
        bool, whether the shares held are rounded to a whole number.
    taxes
        float64 of shape (3, events), the tax for each share held before the event. It is taken when
        the shares are sold: if they were held up to a month, up to a year, and longer. 0 for none.
    unexplained
        datetime64[D] of shape (days,): days on which the adjustment factor changes and no action
        explains it.
    """

    day: Days
    ratio: Floats
    cash: Floats
    pay: Days
    rights: Floats
    price: Floats
    move: Floats
    whole: NDArray[np.bool_]
    taxes: Floats
    unexplained: Days

    def __post_init__(self) -> None:
        for value in vars(self).values():
            # Tasks of a symbol share these arrays, and strategies can reach them.
            value.flags.writeable = False

    def __len__(self) -> int:
        return len(self.day)

    @classmethod
    @cache
    def none(cls) -> Events:
        """Return no events."""
        days, numbers = np.empty(0, "datetime64[D]"), np.empty(0)
        return cls(
            days, numbers, numbers, days, numbers, numbers, numbers,
            np.empty(0, np.bool_), np.empty((3, 0)), days,
        )  # fmt: skip

    def within(self, session: Days) -> Events:
        """Return the events that a position can meet in these sessions, which ascend."""
        if not len(session):
            return Events.none()
        first, last = session[0], session[-1]
        # An event on the first session happens before its open, when no position can be held yet.
        keep = (self.day > first) & (self.day <= last)
        doubtful = (self.unexplained > first) & (self.unexplained <= last)
        # The same object, by which `Bars` sees that nothing was cut off.
        if keep.all() and doubtful.all():
            return self
        arrays: dict[str, Any] = {
            item.name: getattr(self, item.name)[..., keep]
            for item in fields(self)
            if item.name != "unexplained"
        }
        return replace(self, **arrays, unexplained=self.unexplained[doubtful])

    @property
    def first_unexplained(self) -> date | None:
        """The first day on which the factor changes without an action; None if there is none."""
        return self.unexplained[0].item() if len(self.unexplained) else None

    def columns(self) -> list[NDArray[Any]]:
        """Return all arrays of the events in a fixed order, for a digest."""
        names = [item.name for item in fields(self) if item.name != "unexplained"]
        arrays = [getattr(self, name) for name in names]
        # A hash needs a buffer, and datetime64 arrays have none.
        return [array.view(np.int64) if array.dtype.kind == "M" else array for array in arrays]
