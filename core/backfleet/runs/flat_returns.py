"""The returns of a run whose windows begin flat, by window."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from backfleet.errors import CorruptObject
from backfleet.job.windowed_points import Window
from backfleet.results.daily import DailyReturns, read_window_returns
from backfleet.runs.stored_run import StoredRun

__all__ = ["read_flat_means", "read_flat_symbols", "union_days", "unknown_returns"]

Days = NDArray[np.datetime64]


def read_flat_symbols(run: StoredRun) -> Iterator[tuple[str | None, Mapping[Window, DailyReturns]]]:
    """Yield each symbol with the returns of its points in each window.

    Raises CorruptObject, ObjectMissing.
    """
    windows = run.manifest.windows
    parts = read_window_returns(run.store, run.manifest, run.chunk_index)
    # The parts come symbol by symbol, so a group is complete, and only one symbol is in memory.
    for symbol, own in groupby(parts, lambda part: part[1].symbol):
        yield symbol, {windows[number]: daily for number, daily in own}


def read_flat_means(run: StoredRun) -> Mapping[Window, DailyReturns]:
    """Return the equal-weight series of all points in each window.

    Points of which a task failed or is missing are NaN. Raises CorruptObject, ObjectMissing.
    """
    points = len(run.manifest.base_points)
    expected = 1 if run.manifest.is_portfolio else len(run.manifest.symbols)
    sums = {window: _Mean(window, points) for window in run.manifest.windows}
    for _, own in read_flat_symbols(run):
        for window, daily in own.items():
            sums[window].add(daily)
    return {window: mean.result(expected) for window, mean in sums.items() if mean.symbols}


def union_days(series: Iterable[DailyReturns]) -> Days:
    """Return the sessions of several series, ascending."""
    calendars = [daily.days for daily in series]
    return np.unique(np.concatenate([np.empty(0, "datetime64[D]"), *calendars]))


def unknown_returns(window: Window, days: Days, points: int) -> DailyReturns:
    """Return the returns of points that have no result in a window: NaN on its sessions."""
    first, last = np.datetime64(window[0]), np.datetime64(window[1])
    inside = days[(days >= first) & (days <= last)]
    return DailyReturns(inside, np.full((len(inside), points), np.nan))


class _Mean:
    """The mean over the symbols that have a return on each day of a window."""

    def __init__(self, window: Window, points: int) -> None:
        first, last = np.datetime64(window[0], "D"), np.datetime64(window[1], "D")
        self.symbols = 0
        self._first = first
        length = int((last - first).astype(int)) + 1
        # One row per calendar day from the first to the last day, so that a date is an index; days
        # without a session keep count 0.
        self._totals, self._counts = np.zeros((length, points)), np.zeros(length, np.int64)

    def add(self, daily: DailyReturns) -> None:
        at = (daily.days - self._first).astype(np.int64)
        # numpy would take a negative index from the end without an error.
        if len(at) and not 0 <= at.min() <= at.max() < len(self._counts):
            raise CorruptObject(f"the equity of {daily.symbol} is not of the planned window")
        self._totals[at] += daily.returns
        # A point that failed on one symbol has no mean: that of the other symbols would be of
        # another universe.
        self._totals[:, np.isnan(daily.returns).any(axis=0)] = np.nan
        self._counts[at] += 1
        self.symbols += 1

    def result(self, expected_symbols: int) -> DailyReturns:
        is_session = self._counts > 0
        returns = self._totals[is_session] / self._counts[is_session, None]
        if self.symbols < expected_symbols:
            returns[:] = np.nan
        return DailyReturns(self._first + np.flatnonzero(is_session), returns)
