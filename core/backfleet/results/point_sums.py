"""The equal-weight series of each parameter point over its symbols, as sums of its returns.

On each date the return of a point is the mean over the symbols that have a return on it. A
portfolio, or a run of one symbol, has one series per point already: if it keeps no returns by date,
the sums of its tasks serve.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backfleet.chunks.date_sums import KeptReturns
from backfleet.job.points import Indices
from backfleet.metrics.segments import segments_of
from backfleet.metrics.sums import ReturnSums, SegmentSums, stack_sums, sum_returns
from backfleet.plan.chunk_size import SUM_BYTES, SUMMED_POINTS
from backfleet.plan.manifest import Manifest
from backfleet.results.chunk_index import ChunkIndex, Counts
from backfleet.results.date_sums import PointSeries, read_point_series
from backfleet.results.sums import SymbolSums, read_sums
from backfleet.store import Store

__all__ = [
    "NoPointSums",
    "PointReturns",
    "PointSums",
    "read_point_returns",
    "read_point_sums",
]


@dataclass(frozen=True)
class NoPointSums:
    """Why a run has no series of its points.

    Attributes
    ----------
    reason
        A clause that follows "not available, because".
    remedy
        A sentence that says how to get the series.
    """

    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"not available, because {self.reason}. {self.remedy}"


@dataclass(frozen=True, eq=False)
class PointSums:
    """The sums of every point's series. All series have the same dates.

    Attributes
    ----------
    points
        int64 of shape (points,): the numbers of the points that have a series, ascending.
    left_out
        int64: the other points, ascending. A task of theirs failed, lost its account or has no
        result yet. They are no trials.
    dates
        datetime64[D] of shape (returns,): every date on which a symbol has a return. None if the
        run keeps sums by segment only.
    starts
        datetime64[D] of shape (segments,): the first day of each segment.
    months
        Length of a segment: 1, 3, 6 or 12. The first and the last one can hold fewer sessions.
    sums
        The last axis has the points, as in `sums.segments.totals[segment, place]`.
    """

    points: Indices
    left_out: Indices
    dates: NDArray[np.datetime64] | None
    starts: NDArray[np.datetime64]
    months: int
    sums: ReturnSums


@dataclass(frozen=True, eq=False)
class PointReturns:
    """The series of some points, date by date.

    Attributes
    ----------
    points
        int64 of shape (points,): the numbers of the points, in the order asked for.
    dates
        datetime64[D] of shape (dates,): every date on which a symbol has a return.
    returns
        float64 of shape (dates, points). NaN for a point of which a task failed, lost its account
        or has no result yet.
    """

    points: Indices
    dates: NDArray[np.datetime64]
    returns: NDArray[np.float64]


def read_point_sums(
    store: Store, manifest: Manifest, chunk_index: ChunkIndex
) -> PointSums | NoPointSums:
    """Return the sums of every point's series. Raises CorruptObject, ObjectMissing."""
    if manifest.kept_returns is not KeptReturns.NONE:
        sums = _sums_of_series(read_point_series(store, manifest, chunk_index))
    elif manifest.is_portfolio or len(manifest.symbols) == 1:
        # One task per point: its sums are those of the point.
        sums = _sums_of_tasks(read_sums(store, manifest, chunk_index), len(manifest.points))
    else:
        return _not_kept(manifest)
    if sums is None:
        return NoPointSums(
            "each point has a task that failed, lost its account or has no result yet",
            _remedy(store, chunk_index.counts()),
        )
    return sums


def _remedy(store: Store, counts: Counts) -> str:
    if counts.missing:
        return f"Resume the run: backfleet resume {store.url}"
    if counts.error:
        return f"See the errors of its tasks: backfleet status {store.url}"
    return f"See its tasks: backfleet results {store.url}"


def read_point_returns(
    store: Store, manifest: Manifest, chunk_index: ChunkIndex, points: Sequence[int]
) -> PointReturns | NoPointSums:
    """Return the series of some points. Raises CorruptObject, ObjectMissing, IndexError."""
    for point in points:
        # Checked here, because numpy would take a negative number from the end.
        if not 0 <= point < len(manifest.points):
            raise IndexError(f"the run has points 0 to {len(manifest.points) - 1}, no {point}")
    if manifest.kept_returns is KeptReturns.NONE:
        return _not_kept(manifest)
    series = read_point_series(store, manifest, chunk_index)
    chosen = np.array(points, np.int64)
    # The series of a point that lacks symbols is a mean over other symbols than those of the rest.
    returns = np.where(series.is_whole[chosen, None], series.returns[chosen], np.nan)
    return PointReturns(chosen, series.days.astype("datetime64[D]"), returns.T)


def _not_kept(manifest: Manifest) -> NoPointSums:
    points = len(manifest.points)
    # The plan's reasons, in the order in which it checks them.
    if points > SUMMED_POINTS:
        return NoPointSums(
            f"the run has {points:,} points, and returns by date are kept for at most "
            f"{SUMMED_POINTS:,}",
            "Use fewer points, or run the symbols as a portfolio.",
        )
    return NoPointSums(
        f"the returns by date of {points:,} points and {len(manifest.symbols):,} symbols would "
        f"take more than {SUM_BYTES // 10**6} MB",
        "Use fewer points or fewer symbols, or run the symbols as a portfolio.",
    )


def _sums_of_series(series: PointSeries) -> PointSums | None:
    """Return the sums of all series that are whole; None if there are none."""
    points = np.flatnonzero(series.is_whole)
    if not len(points):
        return None
    segments = segments_of(series.days)
    numbers = np.arange(len(segments)) * segments.months
    # Months have different numbers of days, so segments are counted in months.
    starts = segments.start.astype("datetime64[M]") + numbers
    return PointSums(
        points,
        np.flatnonzero(~series.is_whole),
        series.days.astype("datetime64[D]"),
        starts.astype("datetime64[D]"),
        segments.months,
        stack_sums([sum_returns(series.returns[point], segments.borders) for point in points]),
    )


def _sums_of_tasks(blocks: Iterable[SymbolSums], points: int) -> PointSums | None:
    """Return the sums of a run that has one task per point; None without any task."""
    kept = list(blocks)
    if not kept:
        return None
    first = kept[0]
    # Tasks of one symbol have the same sessions, unless an engine left some out.
    # Points of the other blocks are left out: series of different sessions cannot be compared.
    alike = [block for block in kept if _have_same_segments(block, first)]
    numbers = np.concatenate([block.points for block in alike])
    segments = SegmentSums(
        first.sums.segments.counts,
        np.concatenate([block.sums.segments.totals for block in alike], axis=1),
        np.concatenate([block.sums.segments.squares for block in alike], axis=1),
    )
    cubes, fourths, lagged = (
        np.concatenate([getattr(block.sums, name) for block in alike])
        for name in ("cubes", "fourths", "lagged")
    )
    # An account that was at 0 or below has NaN as its sums.
    is_sound = np.isfinite(segments.squares).all(axis=0)
    chosen = SegmentSums(
        segments.counts, segments.totals[:, is_sound], segments.squares[:, is_sound]
    )
    return PointSums(
        numbers[is_sound],
        np.setdiff1d(np.arange(points), numbers[is_sound]),
        None,
        first.starts,
        first.months,
        ReturnSums(chosen, cubes[is_sound], fourths[is_sound], lagged[is_sound]),
    )


def _have_same_segments(block: SymbolSums, other: SymbolSums) -> bool:
    return np.array_equal(block.starts, other.starts) and np.array_equal(
        block.sums.segments.counts, other.sums.segments.counts
    )
