"""Reading the returns by date of a run, and the equal-weight series of its points."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from backfleet.chunks.chunk import ChunkHeader
from backfleet.chunks.date_sums import Block, DateSums, count_dates, on_dates
from backfleet.chunks.date_sums_format import read_date_sums
from backfleet.chunks.table_names import RETURNS
from backfleet.errors import CorruptObject
from backfleet.job.points import Indices
from backfleet.plan.manifest import Manifest
from backfleet.results.chunk_index import ChunkIndex
from backfleet.store import Store

__all__ = ["PointSeries", "read_point_series"]

EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, eq=False)
class PointSeries:
    """The mean return over the symbols on each date, of every point.

    Attributes
    ----------
    days
        int64 of shape (dates,): every day on which a symbol has a return, since the epoch.
    returns
        float64 of shape (points, dates), for all points of the run.
    is_whole
        bool of shape (points,): whether all tasks of a point have returns. The series of other
        points are meaningless.
    """

    days: Indices
    returns: NDArray[np.float64]
    is_whole: NDArray[np.bool_]


def read_point_series(store: Store, manifest: Manifest, chunk_index: ChunkIndex) -> PointSeries:
    """Return the series of all points of a run that keeps returns by date.

    One chunk is in memory at a time, beside the series. Raises CorruptObject, ObjectMissing.
    """
    totals = _Totals(len(manifest.points))
    limits = _day_limits(manifest)
    # In the order of the chunks, because the order of additions decides the last bits of the sums.
    for chunk in range(len(manifest.chunks)):
        header = chunk_index[chunk]
        if header is None:
            # All points of a missing chunk's tasks lack a symbol.
            totals.leave_out(np.arange(manifest.chunks[chunk].start, manifest.chunks[chunk].stop))
        else:
            totals.add(_read(store, manifest, header, limits))
    return totals.series()


def _day_limits(manifest: Manifest) -> tuple[int, int]:
    """Return the first and the last day on which the bars of a run can be, since the epoch."""
    first = min(date.fromisoformat(symbol.first) for symbol in manifest.symbols)
    last = max(date.fromisoformat(symbol.last) for symbol in manifest.symbols)
    return first.toordinal() - EPOCH, last.toordinal() - EPOCH


def _read(
    store: Store, manifest: Manifest, header: ChunkHeader, limits: tuple[int, int]
) -> DateSums:
    """Raises CorruptObject, ObjectMissing."""
    layout = manifest.returns_layout(header.chunk)
    if layout is None or RETURNS not in header.blobs:
        raise CorruptObject(f"{store.url}/{header.key} has no returns by date")
    sums = read_date_sums(store, header.blobs[RETURNS], layout)
    if not sums.is_complete():
        raise CorruptObject(f"the returns of {store.url}/{header.key} are those of other tasks")
    # A plugin can change the dates of bars.
    # Dates are ascending, so the first and the last one tell. Without this bound, a forged file
    # could ask for a matrix of points by millions of dates.
    if len(sums.dates) and not manifest.identity.plugins:
        first, last = limits
        if sums.dates[0] < first or sums.dates[-1] > last:
            raise CorruptObject(
                f"{store.url}/{header.key} has returns outside of the run's dates, "
                f"{date.fromordinal(EPOCH + first)} to {date.fromordinal(EPOCH + last)}"
            )
    return sums


class _Totals:
    """Sums over symbols of every point, and the number of symbols, by date."""

    def __init__(self, points: int) -> None:
        self._points = points
        self._days = np.empty(0, np.int64)
        self._totals = np.empty((points, 0))
        self._counts: Indices = np.empty(0, np.int64)
        # True until a task of the point turns out to have no returns.
        self._is_whole = np.ones(points, np.bool_)
        self._last_symbol, self._last_calendar = -1, np.empty(0, np.int64)

    def add(self, sums: DateSums) -> None:
        # From here on, `self._days` contains the dates of this chunk.
        self._widen(sums.dates)
        places = np.searchsorted(self._days, sums.dates)
        for symbol in sorted(sums.calendars):
            self._count(symbol, sums.calendars[symbol])
        self.leave_out(np.array(sorted(sums.absent), np.int64))
        for span in sums.layout.spans():
            self._add_block(sums.blocks[span], places)

    def _count(self, symbol: int, calendar: Indices) -> None:
        """Count a symbol on its dates, once if its points are in several consecutive chunks."""
        fresh = calendar
        # A chunk that holds some points of a symbol has the symbol's calendar too, and the next
        # chunk has it again.
        if symbol == self._last_symbol:
            fresh = np.setdiff1d(calendar, self._last_calendar)
            calendar = np.union1d(self._last_calendar, calendar)
        count_dates(self._counts, self._days, fresh)
        self._last_symbol, self._last_calendar = symbol, calendar

    def leave_out(self, tasks: Indices) -> None:
        """Leave out the points of tasks without returns."""
        self._is_whole[tasks % self._points] = False

    def series(self) -> PointSeries:
        # In place, because the array is as large as all series. No count is 0: every date comes
        # from the calendar of a symbol.
        self._totals /= self._counts
        return PointSeries(self._days, self._totals, self._is_whole)

    def _widen(self, dates: Indices) -> None:
        # The usual case after the first chunk, in which nothing is copied.
        if np.array_equal(dates, self._days):
            return
        days = np.union1d(self._days, dates)
        self._totals = on_dates(self._totals, self._days, days)
        self._counts = on_dates(self._counts, self._days, days)
        self._days = days

    def _add_block(self, block: Block, places: Indices) -> None:
        if len(places) == len(self._days):
            # The points of a block are consecutive.
            self._totals[block.points[0] : block.points[-1] + 1] += block.sums
        else:
            self._totals[block.points[:, None], places] += block.sums
