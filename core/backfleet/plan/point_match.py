"""Equal parameter points of two sweeps, found without a Python object for each point."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from backfleet.job.parameter import Value
from backfleet.job.points import Indices, Points

__all__ = ["match_points"]

MAX_RADIX = 2**62
"""Bound of the numbers that stand for points, so that they fit into an int64."""


def match_points(points: Points, earlier: Points) -> Indices:
    """Return the index in `earlier` of the point that equals each of `points`; -1 if there is none.

    Two points are equal if they have the same parameters, and each value is the same canonical
    JSON: 1 and 1.0 are two values.
    """
    if set(points.names) != set(earlier.names):
        return np.full(len(points), -1, dtype=np.int64)
    # A point becomes one number: the position of each value is a digit, in a radix of its own.
    mine, theirs = np.zeros(len(points), dtype=np.int64), np.zeros(len(earlier), dtype=np.int64)
    is_new = np.zeros(len(points), dtype=np.bool_)
    radix = 1
    for name in earlier.names:
        codes, values = points.coded(name)
        earlier_codes, earlier_values = earlier.coded(name)
        digits, earlier_digits, base = _digits(values, earlier_values)
        # The next digit would overflow an int64, so the numbers are replaced by their ranks among
        # the earlier ones, which are as different and much smaller.
        if radix > MAX_RADIX // base:
            known, theirs = np.unique(theirs, return_inverse=True)
            mine, is_missing = _positions(known, mine)
            is_new |= is_missing
            radix = len(known)
        digit = digits[codes]
        # Numbers of new points may collide with others from here on; they are masked at the end.
        is_new |= digit < 0
        mine = mine * base + digit
        theirs = theirs * base + earlier_digits[earlier_codes]
        radix *= base
    # Stable, so that of equal earlier points the first one is found on every machine.
    order = np.argsort(theirs, kind="stable")
    positions, is_missing = _positions(theirs[order], mine)
    return np.where(is_new | is_missing, -1, order[positions])


def _digits(values: Sequence[Value], earlier: Sequence[Value]) -> tuple[Indices, Indices, int]:
    """Return a number for each value, equal for equal values, and how many numbers there are.

    A value that is not among the earlier ones has the number -1.
    """
    numbers: dict[str, int] = {}
    theirs = [numbers.setdefault(_canonical(value), len(numbers)) for value in earlier]
    mine = [numbers.get(_canonical(value), -1) for value in values]
    return np.array(mine, dtype=np.int64), np.array(theirs, dtype=np.int64), len(numbers)


def _canonical(value: Value) -> str:
    return json.dumps(value, sort_keys=True)


def _positions(ascending: Indices, numbers: Indices) -> tuple[Indices, NDArray[np.bool_]]:
    """Return where each number is in an ascending array, and whether it is missing there."""
    positions = np.searchsorted(ascending, numbers)
    # Larger than all: any place will do, as the comparison fails there.
    positions[positions == len(ascending)] = 0
    return positions, ascending[positions] != numbers
