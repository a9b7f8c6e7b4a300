"""Series joined from several, a point over its symbols or an account over test windows, and one
chosen from several."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from backfleet.metrics.sums import ReturnSums, SegmentSums

__all__ = ["equal_weight", "series_of", "stitch"]

Floats = NDArray[np.float64]


def equal_weight(totals: Floats, counts: NDArray[np.int64]) -> Floats:
    """Return the mean return of the symbols that have one on the date.

    Weights are reset daily. A symbol that is not listed is absent; one without a position counts as
    0. Dates without any symbol are left out.

    Parameters
    ----------
    totals
        float64 of shape (dates, ...): sum of the symbols' returns on each date.
    counts
        int64 of shape (dates,): number of symbols that have a return.
    """
    has_any = counts > 0
    # One divisor per date, of shape (dates, 1, ...), so that it divides the sums of any number of
    # points.
    divisors = counts[has_any].reshape(-1, *[1] * (totals.ndim - 1))
    return totals[has_any] / divisors


def series_of(sums: ReturnSums, place: int) -> ReturnSums:
    """Return the sums of one of several series, `place` on the last axis."""
    segments = sums.segments
    totals, squares = segments.totals[:, place], segments.squares[:, place]
    powers = (np.asarray(power)[place] for power in (sums.cubes, sums.fourths, sums.lagged))
    return ReturnSums(SegmentSums(segments.counts, totals, squares), *powers)


def stitch(windows: Sequence[Floats], start: float = 1.0) -> Floats:
    """Return the value after each session of an account that earns the returns of consecutive
    windows."""
    if not windows:
        return np.empty(0)
    # One product after the other, as an account grows session by session.
    return start * np.multiply.accumulate(1.0 + np.concatenate(windows))
