"""Tests whether the choice of a point carries over, by its mean Sharpe ratio over the symbols.

This is for runs that keep no series of their points. Additive sums of the tasks suffice for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backfleet.metrics.sums import SegmentSums
from backfleet.results.sums import SymbolSums, read_sums
from backfleet.validation.cscv import MIN_POINTS, Cscv, choose_borders, cscv
from backfleet.validation.missing import Missing, TooLittle
from backfleet.validation.point_verdict import THREADS
from backfleet.validation.run_data import RunData

__all__ = ["choice_by_mean"]

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class SharedSegments:
    """Segments that all symbols share: as long as those of the symbol with the longest history.

    Segments of any symbol are parts of them, because every length divides the next one.

    Attributes
    ----------
    first, last
        Numbers of the first and the last segment since 1970.
    months
        Length of a segment.
    """

    first: int
    last: int
    months: int

    @classmethod
    def of(cls, blocks: Sequence[SymbolSums]) -> SharedSegments:
        """Return the segments that hold those of one or more blocks."""
        # The longest segments hold those of every other symbol completely.
        months = max(block.months for block in blocks)
        numbers = np.concatenate([_months(block) // months for block in blocks])
        return cls(int(numbers.min()), int(numbers.max()), months)

    def places(self, block: SymbolSums) -> Ints:
        """Return the segment that holds each segment of a block."""
        return _months(block) // self.months - self.first

    def counts(self, blocks: Sequence[SymbolSums]) -> Ints:
        """Return the number of returns, of shape (segments, blocks)."""
        counts = np.zeros((self.last - self.first + 1, len(blocks)), np.int64)
        for column, block in enumerate(blocks):
            # Several short segments of a symbol can lie in one shared segment.
            np.add.at(counts[:, column], self.places(block), block.sums.segments.counts)
        return counts


def choice_by_mean(data: RunData, blocks: Sequence[SymbolSums]) -> Cscv | Missing:
    """Return the winners by halves of the sessions, by the mean Sharpe ratio over the symbols.

    A point takes part if all its tasks have returns and one of them traded.

    Parameters
    ----------
    data
        The run.
    blocks
        Sums of any one task of each symbol that traded, for the segments of the symbol.
    """
    scores = data.scores
    # A point that lacks a symbol has a mean over other symbols than its competitors.
    is_complete = ~(scores.failed | scores.missing).any(axis=0) & ~scores.idle.all(axis=0)
    points = np.flatnonzero(is_complete)
    if not blocks:
        return TooLittle("points", 0, MIN_POINTS)
    shared = SharedSegments.of(blocks)
    borders = choose_borders(shared.counts(blocks).max(axis=1), len(points))
    if isinstance(borders, TooLittle):
        return borders
    sums = _read_block_sums(data, points, shared, np.array(borders))
    # An account that lost everything has infinite or undefined returns, and no rank.
    is_finite = np.isfinite(sums.squares).all(axis=(0, 1))
    if is_finite.sum() < MIN_POINTS:
        return TooLittle("points without a lost account", int(is_finite.sum()), MIN_POINTS)
    if not is_finite.all():
        sums = SegmentSums(sums.counts, sums.totals[..., is_finite], sums.squares[..., is_finite])
    return cscv(sums, THREADS)


def _read_block_sums(
    data: RunData, points: Ints, shared: SharedSegments, borders: Ints
) -> SegmentSums:
    """Return the sums by blocks of segments, of shape (blocks, symbols, points).

    A symbol on which no point traded is left out, because it is the same to all points.
    """
    manifest = data.manifest
    symbols = np.flatnonzero(~np.isnan(data.scores.sharpe).all(axis=1))
    rows = {symbol: row for row, symbol in enumerate(symbols.tolist())}
    # The column of each point in the tables; -1 for points that do not take part.
    columns = np.full(len(manifest.points), -1)
    columns[points] = np.arange(len(points))
    shape = (len(borders) - 1, len(symbols), len(points))
    counts, totals, squares = np.zeros(shape[:2], np.int64), np.zeros(shape), np.zeros(shape)
    for block in read_sums(data.store, manifest, data.chunk_index):
        row = rows.get(int(block.tasks[0]) // len(manifest.points))
        if row is None:
            continue
        segments = data.excess(block.sums, data.periods(int(block.tasks[0]))).segments
        # The block of sessions that holds each segment.
        places = np.searchsorted(borders, shared.places(block), side="right") - 1
        counts[:, row] = np.bincount(places, segments.counts, len(counts))
        own = columns[block.points]
        kept, own = own >= 0, own[own >= 0]
        # One segment after the other: a fancy index would add only one of several segments of a
        # block.
        for segment, place in enumerate(places.tolist()):
            totals[place, row, own] += segments.totals[segment, kept]
            squares[place, row, own] += segments.squares[segment, kept]
    return SegmentSums(counts, totals, squares)


def _months(block: SymbolSums) -> Ints:
    """Return the first month of each segment, counted from 1970."""
    months: Ints = block.starts.astype("datetime64[M]").astype(np.int64)
    return months
