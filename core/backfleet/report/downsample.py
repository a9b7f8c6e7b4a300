"""Long series made short enough to draw."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    Frame = TypeVar("Frame", pd.Series, pd.DataFrame)

__all__ = ["MAX_POINTS", "downsample"]

MAX_POINTS = 6_000
"""More than a wide screen has columns of pixels."""


def downsample(series: Frame, most: int = MAX_POINTS) -> Frame:
    """Return the series, or a limited number of its rows, evenly spaced.

    The first and the last row stay, and those where the last column is highest and lowest.
    """
    if len(series) <= most:
        return series
    # A series becomes a table with one column.
    values = series.to_numpy().reshape(len(series), -1)[:, -1]
    # Two rows are left for the extremes, which may be among the even ones already.
    even = np.linspace(0, len(series) - 1, most - 2).astype(np.int64)
    extremes = np.array([np.argmin(values), np.argmax(values)])
    return series.iloc[np.unique(np.concatenate((even, extremes)))]
