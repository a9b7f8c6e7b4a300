"""The metrics that a strategy and plugins add to a row: the one place where they enter it."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import numpy as np

from backfleet.chunks.column_names import custom_column, name_clash
from backfleet.summary import Scalar
from backfleet.worker.storable import storable

__all__ = ["own_columns"]


def own_columns(metrics: object, params: Collection[str]) -> dict[str, Scalar]:
    """Return the scalars of `metrics` by result column, as a row can hold them.

    NaN and infinity become None, and numpy's scalars Python's.

    Raises
    ------
    TypeError
        If `metrics` is no mapping of names to bools, numbers, texts and None.
    ValueError
        If two names differ only in case.
    OverflowError
        If an integer is beyond all floats.
    """
    if not isinstance(metrics, Mapping):
        raise TypeError(f"the strategy's metrics must be a dict, not {type(metrics).__name__}")
    if not metrics:
        return {}
    columns = {_text(name): custom_column(_text(name), params) for name in metrics}
    clash = name_clash(columns)
    if clash is not None:
        first, second = clash
        raise ValueError(
            f"the strategy's metrics {first!r} and {second!r} would be one column, because column "
            "names are compared without case. Rename one of them"
        )
    return {columns[_text(name)]: _scalar(name, value) for name, value in metrics.items()}


def _text(name: object) -> str:
    if not isinstance(name, str):
        raise TypeError(f"the strategy's metrics: the key {name!r} is not a str")
    return storable(name)


def _scalar(name: object, value: object) -> Scalar:
    if isinstance(value, np.floating):
        # numpy's long double has no equivalent in Python, so `item` would return it unchanged.
        # Raises OverflowError for an integer that no float can hold.
        value = float(value)
    elif isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
        value = value.item()
    if isinstance(value, str):
        return storable(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        float(value)
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    raise TypeError(
        f"the strategy's metrics[{name!r}] must be a bool, int, float, str or None, "
        f"not {type(value).__name__}"
    )
