"""Hashes of parameter points: equal for equal points, in whichever sweep they are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from backfleet.job.parameter import Value
from backfleet.job.points import Points

__all__ = ["Hashes", "hash_points", "unite_hashes"]

Hashes = NDArray[np.uint64]
"""8 bytes per point, ascending and distinct. Among 10 million points, two different ones have the
same hash with a probability of 3e-6."""

# 2^64 divided by the golden ratio, the usual odd factor for mixing bits.
FACTOR = np.uint64(0x9E3779B97F4A7C15)
SHIFT = np.uint64(32)


def hash_points(points: Points) -> Hashes:
    """Return the hashes of points.

    Two points are equal if they have the same parameters, in any order, and each value is the same
    canonical JSON: 1 and 1.0 are two values.
    """
    hashes = np.zeros(len(points), dtype=np.uint64)
    # Sorted, since the order of parameters must not matter, and the mixing below depends on it.
    for name in sorted(points.names):
        codes, values = points.coded(name)
        # Hashing each value once, and no point, takes a hundredth of the time.
        hashes ^= np.array([_hash(name, value) for value in values], dtype=np.uint64)[codes]
        hashes *= FACTOR
        # The product moves information to the high bits; this brings it back to the low ones.
        hashes ^= hashes >> SHIFT
    return _distinct(hashes)


def unite_hashes(parts: Iterable[Hashes]) -> Hashes:
    """Return the distinct hashes of all parts."""
    united = np.empty(0, dtype=np.uint64)
    waiting: list[Hashes] = []
    for part in parts:
        waiting.append(part)
        # Sorting only when the size has doubled keeps the time linear in the number of hashes.
        if sum(map(len, waiting)) > len(united):
            united, waiting = _distinct(np.concatenate([united, *waiting])), []
    # The parts that came after the last sorting.
    return _distinct(np.concatenate([united, *waiting])) if waiting else united


def _distinct(hashes: Hashes) -> Hashes:
    """Return the distinct hashes, ascending; sorts them in place.

    `np.unique` puts integers into a hash table first, which takes several times as long.
    """
    hashes.sort()
    is_first = np.ones(len(hashes), dtype=np.bool_)
    np.not_equal(hashes[1:], hashes[:-1], out=is_first[1:])
    return hashes if is_first.all() else hashes[is_first]


def _hash(name: str, value: Value) -> int:
    text = json.dumps([name, value], sort_keys=True)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
