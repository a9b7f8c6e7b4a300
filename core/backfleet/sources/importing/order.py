"""Finding open, high, low, close and volume in columns without names, from the numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["find_order", "find_prices"]

Floats = NDArray[np.float64]

MIN_ORDERED = 0.999
MAX_RATIO = 0.8
"""Of the mean gap from close to open over the other way round: 71 of 72 real series lie below 0.8,
most of them near 0.26."""
MIN_ROWS = 5
MAX_SPREAD = 1.25
"""Of the median high over the low: the extremes of a bar are nearer than those of four symbols."""


def find_order(columns: Sequence[Floats]) -> list[str] | None:
    """Return the roles of numeric columns, the first four being prices; None if not provable."""
    if len(columns) < 4 or len(columns[0]) < MIN_ROWS:
        return None
    prices = columns[:4]
    # In each row the high is the largest of four and the low the smallest, in any order of columns.
    pair = _extremes(prices)
    if pair is None:
        return None
    high, low = pair
    first, second = (place for place in range(4) if place not in pair)
    # Open and close are exchangeable within a bar. But a bar opens near the close before it.
    ratio = _continuity(prices[first], prices[second])
    roles = [""] * len(columns)
    roles[high], roles[low] = "high", "low"
    if ratio < MAX_RATIO:
        roles[first], roles[second] = "open", "close"
    elif ratio > 1 / MAX_RATIO:
        roles[first], roles[second] = "close", "open"
    else:
        return None
    # By convention the volume follows the prices; values cannot prove it.
    if len(columns) > 4:
        roles[4] = "volume"
    return roles


def find_prices(columns: Sequence[Floats]) -> dict[str, int] | None:
    """Return the columns that the values prove to be the four prices of one symbol."""
    roles = find_order(columns)
    if roles is None:
        return None
    places = {role: place for place, role in enumerate(roles[:4])}
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.nanmedian(columns[places["high"]] / columns[places["low"]])
    return places if 1 < spread < MAX_SPREAD else None


def _extremes(prices: Sequence[Floats]) -> tuple[int, int] | None:
    """Return the columns of the high and the low, if exactly one pair can be."""
    stack = np.vstack(prices)
    stack = stack[:, ~np.all(np.isnan(stack), axis=0)]
    top, bottom = np.nanmax(stack, axis=0), np.nanmin(stack, axis=0)
    # A share below 1, because vendors have single rows with an open above the high.
    highs = [i for i in range(4) if np.mean(stack[i] >= top) >= MIN_ORDERED]
    lows = [i for i in range(4) if np.mean(stack[i] <= bottom) >= MIN_ORDERED]
    if len(highs) == 1 and len(lows) == 1 and highs != lows:
        return highs[0], lows[0]
    return None


def _continuity(first: Floats, second: Floats) -> float:
    """Return how much nearer `first` is to the `second` of the row before than the reverse.

    Files that have the newest row first give the reverse, so the caller sorts them before.
    """
    forward = float(np.nanmean(np.abs(first[1:] - second[:-1])))
    backward = float(np.nanmean(np.abs(second[1:] - first[:-1])))
    return forward / backward if backward else np.inf
