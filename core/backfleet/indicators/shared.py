"""A cache of the arrays that indicators compute from bars for many parameter points."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["shared"]

Floats = NDArray[np.float64]

MAX_ENTRIES = 16
"""Maximum number of kept arrays: enough for the prices of a symbol or two, not for a universe."""

_kept: OrderedDict[tuple[object, int], tuple[weakref.ref[Floats], Floats]] = OrderedDict()


def shared(make: Callable[[Floats], Floats], values: Floats) -> Floats | None:
    """Return `make(values)`, from the cache if it was made before.

    Returns
    -------
    None if the values can change, or are not a contiguous line of floats.
    """
    # Arrays cannot be hashed. Python may give the id of a dead array to a new one, which the weak
    # reference tells apart.
    key = make, id(values)
    entry = _kept.get(key)
    if entry is not None and entry[0]() is values:
        return entry[1]
    if not _is_frozen_line(values):
        return None
    made = make(values)
    _kept[key] = weakref.ref(values), made
    _kept.move_to_end(key)
    while len(_kept) > MAX_ENTRIES:
        _kept.popitem(last=False)
    return made


def _is_frozen_line(values: object) -> bool:
    if not isinstance(values, np.ndarray) or values.dtype != np.float64 or values.ndim != 1:
        return False
    # A view is frozen only if the arrays that own its memory are.
    owner: object = values
    while isinstance(owner, np.ndarray):
        if owner.flags.writeable:
            return False
        owner = owner.base
    return values.flags.c_contiguous
