"""PBO by combinatorially symmetric cross-validation, from sums of returns by block.

Sums over all subsets of the earlier half of the blocks, and of the later half, are computed once. A
split then costs two additions per point, and gives the scores of its complement as well. Only
additions, divisions and square roots decide the ranks, so they are the same on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backfleet.jit import compiled
from backfleet.metrics.sums import SegmentSums
from backfleet.validation.missing import TooLittle
from backfleet.validation.moments import FLAT

__all__ = [
    "MIN_POINTS",
    "Cscv",
    "block_borders",
    "choose_borders",
    "cscv",
    "overfitting_probability",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BLOCKS = (16, 8, 4)
MIN_BLOCK_SESSIONS = 20
MIN_POINTS = 10
"""With fewer points the ranks take too few values."""

# Size of the scores of both halves that one thread computes at a time.
BATCH_BYTES = 32 << 20


@dataclass(frozen=True, eq=False)
class Cscv:
    """Winners of all splits of the blocks into two halves.

    Attributes
    ----------
    winners
        int64 of shape (splits,): the point with the best score inside, the first one of equals.
    inside, outside
        Its Sharpe ratio per session in the half in which it was chosen, and in the other.
    ranks
        Its mean rank outside among all points, divided by their number plus 1.
    points
        Number of points.
    """

    winners: Ints
    inside: Floats
    outside: Floats
    ranks: Floats
    points: int

    @property
    def logits(self) -> Floats:
        """`ln(rank / (1 - rank))`, in the order of `itertools.combinations` of the blocks."""
        # Ranks are between 0 and 1, both excluded, because they are divided by the number of points
        # plus 1.
        return np.log(self.ranks / (1.0 - self.ranks))

    @property
    def pbo(self) -> float:
        """Share of splits whose winner is not above the middle outside: those with logit <= 0."""
        return float((self.logits <= 0.0).mean())

    @property
    def below(self) -> float:
        """Share of splits whose winner is below the middle outside. It differs from `pbo` if the
        number of points is odd and a winner stands on the median."""
        return float((self.logits < 0.0).mean())

    @property
    def loss(self) -> float:
        """Share of splits whose winner has a Sharpe ratio below 0 outside."""
        return float((self.outside < 0.0).mean())

    @property
    def slope(self) -> float:
        """Slope of the regression of the winners' outside scores on the inside ones. It is negative
        on noise, because the halves of one sample add up to the whole."""
        off = self.inside - self.inside.mean()
        return float((off * (self.outside - self.outside.mean())).sum() / (off * off).sum())


def overfitting_probability(sums: SegmentSums, threads: int = 1) -> Cscv | TooLittle:
    """Split the sessions into 16, 8 or 4 blocks of 20 sessions or more, and return their CSCV.

    Parameters
    ----------
    sums
        As for `cscv`, with segments instead of blocks.
    threads
        Number of threads.
    """
    # With several symbols, the one with the most sessions says how long a segment is.
    counts = sums.counts if sums.counts.ndim == 1 else sums.counts.max(axis=1)
    borders = choose_borders(counts, sums.totals.shape[-1])
    return borders if isinstance(borders, TooLittle) else cscv(sums.grouped(borders), threads)


def choose_borders(counts: Ints, points: int) -> list[int] | TooLittle:
    """Return the borders of 16, 8 or 4 blocks of 20 sessions or more.

    Parameters
    ----------
    counts
        Sessions of every segment.
    points
        Number of points, of which there must be enough for ranks.
    """
    if points < MIN_POINTS:
        return TooLittle("points", points, MIN_POINTS)
    for blocks in BLOCKS:
        if len(counts) >= blocks:
            borders = block_borders(counts, blocks)
            # The sum of sessions of each block.
            if np.add.reduceat(counts, borders[:-1]).min() >= MIN_BLOCK_SESSIONS:
                return borders
    return TooLittle("sessions", int(counts.sum()), BLOCKS[-1] * MIN_BLOCK_SESSIONS)


def block_borders(counts: Ints, blocks: int) -> list[int]:
    """Return the borders of contiguous blocks of segments with about as many sessions each.

    Parameters
    ----------
    counts
        Sessions of every segment, at least as many segments as blocks.
    blocks
        Number of blocks.
    """
    ends = np.cumsum(counts)
    borders = [0]
    for block in range(1, blocks):
        # The border of segments that is closest to an equal part of all sessions.
        border = int(np.abs(ends - ends[-1] * (block / blocks)).argmin()) + 1
        # Every block keeps at least one segment.
        borders.append(min(max(border, borders[-1] + 1), len(counts) - blocks + block))
    return [*borders, len(counts)]


def cscv(sums: SegmentSums, threads: int = 1) -> Cscv:
    """Choose the best point by every half of the blocks, and rank it in the other half.

    The score is the Sharpe ratio, 0 if the account stood still. With several symbols it is the mean
    over those that have at least two sessions in the half.

    Parameters
    ----------
    sums
        Finite sums, with blocks as segments: an even number of them, at most 20. The totals have
        the shape (blocks, points) or (blocks, symbols, points).
    threads
        Number of threads; the result does not depend on it.
    """
    # One symbol is the case of several symbols with a single one.
    if sums.totals.ndim == 2:
        sums = SegmentSums(sums.counts[:, None], sums.totals[:, None], sums.squares[:, None])
    splits = _splits(len(sums.counts))
    points = sums.totals.shape[-1]
    # Two scores of 8 bytes per split and point: one for each half.
    size = max(1, BATCH_BYTES // (2 * points * 8))
    batches = [splits[first : first + size] for first in range(0, len(splits), size)]
    symbols = _Symbols(sums)
    with ThreadPoolExecutor(threads) as pool:
        # Compiled code releases the interpreter, so threads run at the same time. `map` keeps the
        # order of the batches.
        results = list(pool.map(lambda batch: _winners(symbols, batch, points), batches))
    columns = [np.concatenate(column, axis=1) for column in zip(*results, strict=True)]
    # Complements of the first half of all combinations come last, in reverse order.
    winners, inside, outside, ranks = (
        np.concatenate((column[0], column[1][::-1])) for column in columns
    )
    return Cscv(winners, inside, outside, ranks, points)


class _Symbols:
    """Subset sums of every symbol. Those of a single one are kept: they can take 800 MB."""

    def __init__(self, sums: SegmentSums) -> None:
        self.sums = sums
        # The tables of many symbols are computed again for each batch instead.
        self.kept = [self._table(0)] if sums.counts.shape[1] == 1 else None

    def __iter__(self) -> Iterator[tuple[Ints, Floats, Floats]]:
        return iter(self.kept or map(self._table, range(self.sums.counts.shape[1])))

    def _table(self, symbol: int) -> tuple[Ints, Floats, Floats]:
        sums = self.sums
        return (
            _subset_sums(sums.counts[:, symbol]),
            _subset_sums(sums.totals[:, symbol]),
            _subset_sums(sums.squares[:, symbol]),
        )


def _splits(blocks: int) -> Ints:
    """Return the halves that contain the first block, as bit masks."""
    # `combinations` gives all halves with block 0 first. The others are their complements.
    masks = [sum(1 << block for block in half) for half in combinations(range(blocks), blocks // 2)]
    return np.array(masks[: len(masks) // 2])


def _subset_sums(blocks: NDArray[Any]) -> NDArray[Any]:
    """Return sums over all subsets of the earlier half of the blocks, and of the later half."""
    half = len(blocks) // 2
    table = np.zeros((2, 1 << half, *blocks.shape[1:]), blocks.dtype)
    for side in range(2):
        for subset in range(1, 1 << half):
            lowest = (subset & -subset).bit_length() - 1
            # Without its lowest bit, a subset is a smaller number, whose sum is known already.
            rest = table[side, subset & (subset - 1)]
            table[side, subset] = rest + blocks[side * half + lowest]
    return table


def _winners(symbols: _Symbols, splits: Ints, points: int) -> tuple[Ints, Floats, Floats, Floats]:
    """Return the winners of some splits and of their complements, each of shape (2, splits)."""
    scores, scored = np.zeros((2, len(splits), points)), np.zeros((2, len(splits)))
    for counts, totals, squares in symbols:
        _add_scores(splits, counts, totals, squares, scores, scored)
    # Several symbols were added up, so the score is their mean. A single one is left as it is.
    if scored.max() > 1.0:
        scores /= np.maximum(scored, 1.0)[:, :, None]
    winners = np.empty((2, len(splits)), np.int64)
    inside, outside, ranks = np.empty((3, 2, len(splits)))
    _rank_winners(scores, winners, inside, outside, ranks)
    return winners, inside, outside, ranks


@compiled
def _add_scores(
    splits: Ints, counts: Ints, totals: Floats, squares: Floats, scores: Floats, scored: Floats
) -> None:
    """Add the Sharpe ratios of one symbol to `scores`, of shape (2, splits, points)."""
    # A mask with all bits of half of the blocks.
    every = counts.shape[1] - 1
    half = 0
    while 1 << half <= every:
        half += 1
    for split in range(len(splits)):
        # The subsets of the earlier and of the later blocks that a split contains.
        low, high = splits[split] & every, splits[split] >> half
        for side in range(2):
            if side == 1:
                # The other half of the split: all bits that the first one lacks.
                low, high = every - low, every - high
            count = counts[0, low] + counts[1, high]
            # A deviation needs two returns. The symbol does not take part in this half.
            if count < 2:
                continue
            scored[side, split] += 1.0
            _add_ratios(
                float(count),
                totals[0, low],
                totals[1, high],
                squares[0, low],
                squares[1, high],
                scores[side, split],
            )


@compiled
def _add_ratios(
    count: float,
    first: Floats,
    second: Floats,
    first_squares: Floats,
    second_squares: Floats,
    scores: Floats,
) -> None:
    for point in range(len(scores)):
        # The formulas are those of `moments.means_and_deviations`.
        total = first[point] + second[point]
        square = first_squares[point] + second_squares[point]
        variance = (square - total * total / count) / (count - 1.0)
        is_flat = variance <= FLAT * square / count
        # Without a branch, so that the loop runs in vector registers.
        scores[point] += 0.0 if is_flat else total / count / sqrt(1.0 if is_flat else variance)


@compiled
def _rank_winners(
    scores: Floats, winners: Ints, inside: Floats, outside: Floats, ranks: Floats
) -> None:
    points = scores.shape[2]
    for split in range(scores.shape[1]):
        for side in range(2):
            ours, others = scores[side, split], scores[1 - side, split]
            best = 0
            for point in range(1, points):
                # Above and not equal: the first of equals wins.
                if ours[point] > ours[best]:
                    best = point
            reached = others[best]
            less, equal = 0, 0
            for point in range(points):
                less += others[point] < reached
                equal += others[point] == reached
            winners[side, split] = best
            inside[side, split], outside[side, split] = ours[best], reached
            # Equal scores share the mean of their ranks.
            ranks[side, split] = (less + (equal + 1) / 2) / (points + 1)
