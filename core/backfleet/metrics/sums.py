"""Additive sums of returns: the statistics of any union of segments follow from them.

A segment is a contiguous range of sessions. Sums of segments add up, so folds, blocks and windows
are scored without a stored return. Compiled and interpreted code give the same bits: both add in
lanes that are joined at the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backfleet.jit import compiled, inlined
from backfleet.metrics.pairwise import pairwise_sum

__all__ = ["POWERS", "ReturnSums", "SegmentSums", "measure_sums", "stack_sums", "sum_returns"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LANES = 8
"""Named sums that stay in registers, for segments of some sessions."""
POWERS = 4
"""Sums over all returns: Σr³, Σr⁴, Σ r(t) · r(t-1) and Σ min(r, 0)²."""

WIDTH = 64
"""Sums in an array, so that the loop over a row of them runs in vector registers."""

ROWS = 2
"""Rows that are added before the sums are written: with one, writing takes longer than adding."""

# Constants of the type of the indices, so that their sums stay unsigned in compiled code.
I1, I2, I3, I4, I5, I6, I7, I8 = map(np.uintp, range(1, LANES + 1))


@dataclass(frozen=True, eq=False)
class SegmentSums:
    """Sums of returns by segment, of one series or of several with the same sessions.

    Attributes
    ----------
    counts
        int64 of shape (segments,): number of returns. Sums over several symbols have the shape
        (segments, symbols).
    totals, squares
        float64 of shape (segments, ...): Σr and Σr². The last axis holds the points, if there are
        several.
    """

    counts: Ints
    totals: Floats
    squares: Floats

    def grouped(self, borders: Sequence[int]) -> SegmentSums:
        """Join the segments between each two consecutive borders into one."""
        ranges = [range(*pair) for pair in pairwise(borders)]
        return SegmentSums(*(_joined(sums, ranges) for sums in self._arrays()))

    def union(self, segments: Iterable[int]) -> SegmentSums:
        """Join any segments into one, such as all training segments of a fold."""
        # Floats round by the order of the sum, so a union must not depend on the order of its
        # segments.
        chosen = [sorted(segments)]
        return SegmentSums(*(_joined(sums, chosen) for sums in self._arrays()))

    def beyond(self, rate: float) -> SegmentSums:
        """Return the sums of the returns less a rate per session."""
        # The sums have one axis more than the counts if there are several points.
        axes = self.totals.ndim - self.counts.ndim
        counts = self.counts.reshape((*self.counts.shape, *[1] * axes))
        totals = self.totals - counts * rate
        # Σ(r - f)² = Σr² - 2fΣr + nf²
        squares = self.squares - 2 * rate * self.totals + counts * rate**2
        return SegmentSums(self.counts, totals, squares)

    def _arrays(self) -> tuple[Any, Any, Any]:
        return self.counts, self.totals, self.squares


@dataclass(frozen=True, eq=False)
class ReturnSums:
    """All sums of one series of returns, or of several with the same sessions.

    Attributes
    ----------
    segments
        Sums by segment.
    cubes, fourths, lagged
        float64, one per series: Σr³, Σr⁴ and Σ r(t) · r(t-1) over all sessions.
    """

    segments: SegmentSums
    cubes: Floats | np.float64
    fourths: Floats | np.float64
    lagged: Floats | np.float64

    def grouped(self, borders: Sequence[int]) -> ReturnSums:
        """Join the segments between each two consecutive borders into one."""
        return replace(self, segments=self.segments.grouped(borders))

    def beyond(self, rate: float) -> ReturnSums:
        """Return the sums of the returns less a rate per session, such as the risk-free one.

        Binomial expansions of the powers. In the products of consecutive returns, the first and
        the last return count as the mean, as they do in the autocorrelation that follows from them.
        """
        if not rate:
            return self
        segments = self.segments
        n = segments.counts.sum()
        total, square = segments.totals.sum(axis=0), segments.squares.sum(axis=0)
        mean = total / max(n, 1)
        return ReturnSums(
            segments.beyond(rate),
            self.cubes - 3 * rate * square + 3 * rate**2 * total - n * rate**3,
            self.fourths
            - 4 * rate * self.cubes
            + 6 * rate**2 * square
            - 4 * rate**3 * total
            + n * rate**4,
            self.lagged - 2 * rate * (total - mean) + (n - 1) * rate**2,
        )


def sum_returns(returns: Floats, borders: Ints) -> ReturnSums:
    """Return the sums of one series.

    Parameters
    ----------
    returns
        float64 of shape (returns,), contiguous.
    borders
        int64 of shape (segments + 1,), ascending: the first return of each segment, and the number
        of returns. A segment can be empty.
    """
    segments, powers = np.empty((2, len(borders) - 1)), np.empty(POWERS)
    measure_sums(returns, borders, segments, powers)
    # The sum of squared losses serves the Sortino ratio only, and is not kept.
    cubes, fourths, lagged, _ = powers
    return ReturnSums(SegmentSums(np.diff(borders), *segments), cubes, fourths, lagged)


def stack_sums(series: Sequence[ReturnSums]) -> ReturnSums:
    """Put the sums of several series with the same sessions side by side, on the last axis."""
    segments = [sums.segments for sums in series]
    return ReturnSums(
        SegmentSums(
            segments[0].counts,
            np.stack([sums.totals for sums in segments], axis=-1),
            np.stack([sums.squares for sums in segments], axis=-1),
        ),
        np.array([sums.cubes for sums in series]),
        np.array([sums.fourths for sums in series]),
        np.array([sums.lagged for sums in series]),
    )


def _joined(sums: Any, groups: Sequence[Sequence[int]]) -> Any:
    """Return the sums of each group of rows."""
    joined = np.zeros((len(groups), *sums.shape[1:]), sums.dtype)
    for group, rows in enumerate(groups):
        # One row after the other: numpy's order of summation depends on the number of axes.
        for row in rows:
            joined[group] += sums[row]
    return joined


@compiled
def measure_sums(returns: Floats, borders: Ints, segments: Floats, powers: Floats) -> None:
    """Write the sums of `sum_returns`.

    Parameters
    ----------
    returns, borders
        As for `sum_returns`.
    segments
        float64 of shape (2, segments): Σr and Σr² by segment.
    powers
        float64 of shape (POWERS,).
    """
    _sum_segments(returns, borders, segments)
    _sum_powers(returns, powers)


@compiled
def _sum_segments(returns: Floats, borders: Ints, sums: Floats) -> None:
    """Write Σr and Σr² of every segment into `sums`, of shape (2, segments)."""
    for segment in range(len(borders) - 1):
        # Unsigned, so that numba does not test every index for being negative: half the time.
        at, end = np.uintp(borders[segment]), np.uintp(borders[segment + 1])
        a = b = c = d = e = f = g = h = 0.0
        aa = bb = cc = dd = ee = ff = gg = hh = 0.0
        while at + I8 <= end:
            r = returns[at]
            a, aa = a + r, aa + r * r
            r = returns[at + I1]
            b, bb = b + r, bb + r * r
            r = returns[at + I2]
            c, cc = c + r, cc + r * r
            r = returns[at + I3]
            d, dd = d + r, dd + r * r
            r = returns[at + I4]
            e, ee = e + r, ee + r * r
            r = returns[at + I5]
            f, ff = f + r, ff + r * r
            r = returns[at + I6]
            g, gg = g + r, gg + r * r
            r = returns[at + I7]
            h, hh = h + r, hh + r * r
            at += I8
        # The lanes are joined as in `pairwise_sum`, and the values behind the last full row follow
        # one by one. `_sum_segments_of_arrays` does the same with arrays.
        total = ((a + b) + (c + d)) + ((e + f) + (g + h))
        square = ((aa + bb) + (cc + dd)) + ((ee + ff) + (gg + hh))
        while at < end:
            r = returns[at]
            total, square = total + r, square + r * r
            at += I1
        sums[0, segment], sums[1, segment] = total, square


@_sum_segments.from_python
def _sum_segments_of_arrays(returns: Floats, borders: Ints, sums: Floats) -> None:
    # All segments at once: a call of numpy takes longer than adding the values of one segment.
    starts, lengths = borders[:-1], np.diff(borders)
    rest = lengths % LANES
    rows = int((lengths // LANES).max(initial=0))
    values = np.array([np.append(returns, -0.0), np.append(returns * returns, -0.0)])
    lanes = _ranges(values, starts, lengths - rest, rows * LANES)
    # Compiled lanes begin with 0, and so are 0.0 if all values are -0.0.
    # numpy adds along any axis but the last one row by row, as the lanes of compiled code do.
    lanes = lanes.reshape((2, len(starts), rows, LANES)).sum(axis=2) + 0.0
    a, b, c, d, e, f, g, h = np.moveaxis(lanes, 2, 0)
    total = ((a + b) + (c + d)) + ((e + f) + (g + h))
    left = _ranges(values, borders[1:] - rest, rest, LANES - 1)
    for position in range(LANES - 1):
        total = total + left[:, :, position]
    sums[:] = total


def _ranges(values: Floats, starts: Ints, counts: Ints, width: int) -> Floats:
    """Return the values of ranges side by side, filled up to a width with the last value of all:
    -0.0, which changes no sum."""
    offsets = np.arange(width)
    positions = np.where(offsets < counts[:, None], starts[:, None] + offsets, -1)
    return np.take(values, positions, axis=1)


@compiled
def _sum_powers(returns: Floats, sums: Floats) -> None:
    """Write Σr³, Σr⁴, Σ r(t) · r(t-1) and Σ min(r, 0)² into `sums`."""
    # The loop begins with the second return, so that each has one before it for the lagged product.
    lanes = np.zeros((POWERS, WIDTH))
    first, end = 1, len(returns)
    # Rows are added to a lane from top to bottom, so two at once give the same bits as one by one.
    while first + ROWS * WIDTH <= end:
        _add_rows(returns, first, ROWS, lanes)
        first += ROWS * WIDTH
    while first + WIDTH <= end:
        _add_rows(returns, first, 1, lanes)
        first += WIDTH
    for power in range(POWERS):
        sums[power] = pairwise_sum(lanes[power])
    for index in range(first, end):
        sums[2] += returns[index] * returns[index - 1]
        _add_powers(returns[index], sums)
    if end:
        # The first return has none before it.
        _add_powers(returns[0], sums)


@inlined
def _add_rows(returns: Floats, first: int, rows: int, lanes: Floats) -> None:
    """Add rows of `WIDTH` returns, one after the other, to the sums in `lanes`."""
    now = returns[first : first + rows * WIDTH]
    before = returns[first - 1 : first - 1 + rows * WIDTH]
    cubes, fourths, lagged, losses = lanes[0], lanes[1], lanes[2], lanes[3]
    # Each lane depends on its own values only, so that the compiler can handle several in one
    # vector.
    for lane in range(WIDTH):
        cube, fourth, product, loss = cubes[lane], fourths[lane], lagged[lane], losses[lane]
        for row in range(rows):
            value = now[row * WIDTH + lane]
            square = value * value
            cube += square * value
            fourth += square * square
            product += value * before[row * WIDTH + lane]
            # Not a branch: a choice between two values can be made in a vector register.
            loss += square if value < 0.0 else 0.0
        cubes[lane], fourths[lane], lagged[lane], losses[lane] = cube, fourth, product, loss


@inlined
def _add_powers(value: float, sums: Floats) -> None:
    square = value * value
    sums[0] += square * value
    sums[1] += square * square
    sums[3] += square if value < 0.0 else 0.0


@_sum_powers.from_python
def _sum_powers_of_arrays(returns: Floats, sums: Floats) -> None:
    squares = returns * returns
    cubes, fourths, losses = squares * returns, squares * squares, np.where(returns < 0, squares, 0)
    lagged = returns[1:] * returns[:-1]
    for power, values in enumerate((cubes[1:], fourths[1:], lagged, losses[1:])):
        sums[power] = _add_in_turn(pairwise_sum(_lanes(values, WIDTH)), values, WIDTH)
    for power, values in ((0, cubes), (1, fourths), (3, losses)):
        # The first return comes last, as in compiled code. Without any return this adds 0.0.
        sums[power] += values[:1].sum()


def _lanes(values: Floats, width: int) -> Floats:
    """Return the sums of every `width`th value of the full rows."""
    rows = values[: len(values) - len(values) % width].reshape((-1, width))
    # Compiled lanes begin with 0, and so are 0.0 if all values are -0.0.
    lanes: Floats = rows.sum(axis=0) + 0.0
    return lanes


def _add_in_turn(total: float, values: Floats, width: int) -> float:
    """Add the values that are left over behind the full rows."""
    for value in values[len(values) - len(values) % width :].tolist():
        total += value
    return total
