"""The times of several symbols on one calendar.

Most symbols of a market have the same times, so that they are compared and not sorted: `np.unique`
over the 12 million times of 5,000 symbols takes more than a second.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["UnitedTimes"]

Times = NDArray[Any]


@dataclass(frozen=True, eq=False)
class UnitedTimes:
    """The different times of some symbols.

    Attributes
    ----------
    time
        Ascending, without duplicates.
    steps
        One element per symbol, intp: the positions of its times in `time`.
    """

    time: Times
    steps: tuple[NDArray[np.intp], ...]

    @classmethod
    def of(cls, times: Sequence[Times]) -> UnitedTimes:
        """Return the times of one symbol or more; each array ascends."""
        # The longest array has all times in most markets; whatever it lacks is added.
        calendar = max(times, key=len)
        missing = [part for own in times for part in _missing(own, calendar)]
        if missing:
            calendar = np.unique(np.concatenate([calendar, *missing]))
        all_steps = np.arange(len(calendar))
        steps = (
            all_steps if _are_same(own, calendar) else np.searchsorted(calendar, own)
            for own in times
        )
        return cls(calendar, tuple(steps))

    def first(self, columns: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """Return the value at each time of the first symbol that has this time.

        `columns` has one element per symbol, with one value per time of the symbol.
        """
        # The first symbol has every time, so none of its values is missing or overwritten.
        if len(columns[0]) == len(self.time):
            return columns[0]
        values = np.empty(len(self.time), columns[0].dtype)
        # Last symbol first, so that the first symbol that has a time writes last and wins.
        for steps, column in zip(reversed(self.steps), reversed(columns), strict=True):
            values[steps] = column
        return values


def _are_same(times: Times, calendar: Times) -> bool:
    return times is calendar or np.array_equal(times, calendar)


def _missing(times: Times, calendar: Times) -> Iterator[Times]:
    """Yield the times that a calendar lacks, if there are any."""
    if not len(times) or _are_same(times, calendar):
        return
    # Times after the calendar's end get a position beyond it, which cannot be indexed.
    at = np.minimum(np.searchsorted(calendar, times), len(calendar) - 1)
    is_missing = calendar[at] != times
    if is_missing.any():
        yield times[is_missing]
