"""The sessions of a job on which its tasks have returns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from backfleet.job import Data
from backfleet.plan.data import open_bar_cache, source_of
from backfleet.plan.manifest import PlannedSymbol
from backfleet.plan.windows import Days

__all__ = ["return_days", "symbol_sessions"]


def return_days(data: Data, symbols: Sequence[PlannedSymbol]) -> Days:
    """Return the sessions on which at least one task has a return, as datetime64[D], ascending.

    A return leads from a session to the next one, so that the first session of an account has none.
    Raises DataError, PluginError.
    """
    calendars = [sessions for _, sessions in symbol_sessions(data, symbols)]
    if data.universe == "portfolio":
        # A portfolio is one account, so only its very first session has no return.
        return _union(calendars)[1:]
    return _union([days[1:] for days in calendars])


def symbol_sessions(data: Data, symbols: Sequence[PlannedSymbol]) -> Iterator[tuple[str, Days]]:
    """Yield each symbol with the sessions of its account. Raises DataError, PluginError."""
    source = source_of(data)
    with open_bar_cache(data.source) as bar_cache:
        for symbol in symbols:
            bars, _ = bar_cache.load(source, symbol.name)
            # A copy: the array belongs to the bars, which are mapped from the cache.
            is_used = bars.tradable.copy()
            if data.start is not None:
                is_used &= bars.session >= np.datetime64(data.start, "D")
            if data.end is not None:
                is_used &= bars.session <= np.datetime64(data.end, "D")
            days = bars.session[is_used]
            # The days ascend, so comparing neighbors finds the distinct ones without sorting.
            is_new = np.ones(len(days), np.bool_)
            np.not_equal(days[1:], days[:-1], out=is_new[1:])
            yield symbol.name, days[is_new]


def _union(calendars: Sequence[Days]) -> Days:
    # Most symbols of a market share their sessions, and sorting takes longer than loading the bars.
    distinct = {days.tobytes(): days for days in calendars}
    return np.unique(np.concatenate(list(distinct.values())))
