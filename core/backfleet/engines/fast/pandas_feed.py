"""`PandasData` read by the column.

backtrader reads a DataFrame cell by cell with `iloc`, a third of the time of a whole run. Where the
columns are plain numbers and the times plain timestamps, the lines are filled at once. Any other
frame, and a feed with filters, an input time zone or a reader of its own, is read by backtrader.

Must equal: every line, and where the feed stands after `preload`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from backfleet.engines.date_numbers import date_numbers, doubles

__all__ = ["fill"]

Floats = NDArray[np.float64]

FIRST, LAST = np.datetime64("1440-01-01"), np.datetime64("2860-01-01")
"""The years in which `date_numbers` is exact."""


def fill(feed: Any) -> bool:
    """Fill the lines of a feed that has not begun; false, with nothing changed, if it cannot."""
    lines = _lines_of(feed)
    if lines is None:
        return False
    times = lines["datetime"]
    first, stop = 0, len(times)
    # With ascending times, the bars of a span are one slice. Otherwise backtrader would stop at the
    # first one beyond it.
    if feed.fromdate > -np.inf or feed.todate < np.inf:
        if np.any(np.diff(times) < 0.0):
            return False
        first = int(np.searchsorted(times, feed.fromdate, "left"))
        stop = max(int(np.searchsorted(times, feed.todate, "right")), first)
    for alias in feed.getlinealiases():
        getattr(feed.lines, alias).array = doubles(lines[alias][first:stop])
    # The row at which backtrader's `_load` would stand
    feed._idx = stop
    return True


def _lines_of(feed: Any) -> dict[str, Floats] | None:
    """Each line's values; None where only backtrader can read the frame."""
    frame = feed.p.dataname
    times = _times(feed, frame)
    if times is None:
        return None
    lines = {"datetime": times}
    for alias in feed.getlinealiases():
        if alias == "datetime":
            continue
        column = feed._colmapping[alias]
        values = np.full(len(times), np.nan) if column is None else _numbers(frame, column)
        if values is None:
            return None
        lines[alias] = values
    return lines


def _numbers(frame: Any, column: Any) -> Floats | None:
    # backtrader itself raises for a column that does not exist.
    if type(column) is not int or not 0 <= column < frame.shape[1]:
        return None
    dtype = frame.dtypes.iloc[column]
    # Numbers of numpy's that a double holds as `float` of the cell does. pandas' own types have
    # missing values of their own.
    if not isinstance(dtype, np.dtype) or dtype.kind not in "fiub" or dtype.itemsize > 8:
        return None
    return frame.iloc[:, column].to_numpy(dtype=np.float64)  # type: ignore[no-any-return]


def _times(feed: Any, frame: Any) -> Floats | None:
    column = feed._colmapping["datetime"]
    if column is not None and (type(column) is not int or not 0 <= column < frame.shape[1]):
        return None
    times = frame.index if column is None else frame.iloc[:, column]
    # backtrader's numbers of aware times are in UTC.
    if getattr(times.dtype, "tz", None) is not None:
        times = (times if column is None else times.dt).tz_convert(None)
    if times.dtype.kind != "M":
        return None
    # datetime64 of any unit; backtrader reads each as a datetime, which has microseconds.
    values = times.to_numpy()
    moments = values.astype("datetime64[us]")
    # pandas warns of the nanoseconds that a datetime cannot hold.
    if len(moments) and not (moments.min() > FIRST and moments.max() < LAST):
        return None
    return date_numbers(moments) if np.array_equal(moments, values) else None
