"""Twins of indicators' `once` in numpy, each with the same bits."""

from __future__ import annotations

import operator
from array import array
from typing import Any

import numpy as np
from backtrader import indicators as bt_indicators
from backtrader.linebuffer import LinesOperation
from numpy.typing import NDArray

from backfleet.engines.fast.plain_twins import Twin, plain_twin_of
from backfleet.engines.fast.rolling_sums import rolling_sums

__all__ = ["twin_of"]

Floats = NDArray[np.float64]
# Whole numbers up to here are exact as doubles.
EXACT_INT = 2**53

UFUNCS: dict[Any, Any] = {
    operator.add: np.add,
    operator.sub: np.subtract,
    operator.mul: np.multiply,
    operator.truediv: np.true_divide,
    operator.lt: np.less,
    operator.le: np.less_equal,
    operator.gt: np.greater,
    operator.ge: np.greater_equal,
    operator.eq: np.equal,
    operator.ne: np.not_equal,
}


def twin_of(indicator: Any) -> Twin | None:
    """Return the twin of an indicator, in numpy or without; None if it has none."""
    cls: Any = type(indicator)
    # By class where `once` calls a function of the class, which a subclass may replace; by method
    # where all is in `once`.
    return BY_CLASS.get(cls) or BY_METHOD.get(cls.once) or plain_twin_of(indicator)


def _values(line: Any, end: int) -> Floats | None:
    """The values of a line's buffer, without a copy; None where it has fewer than `end`."""
    values = line.array
    if not isinstance(values, array) or len(values) < end:
        return None
    # A view. It must not outlive the twin: an array with a view cannot grow.
    return np.frombuffer(values, np.float64)


def _window(indicator: Any, start: int, end: int) -> Floats | None:
    """Return the values in the windows of the bars [start, end); None if a window is short."""
    values = _values(indicator.data, end)
    first = start - indicator.p.period + 1
    # A window that begins before the first bar is what Python's slices make of it.
    return None if values is None or first < 0 else values[first:end]


def _write(line: Any, start: int, end: int, values: Floats | None) -> bool:
    if values is None:
        return False
    # Into the array itself, which other lines and bindings may hold.
    np.frombuffer(line.array, np.float64)[start:end] = values
    return True


def _average(indicator: Any, start: int, end: int) -> bool:
    period = indicator.p.period
    window = _window(indicator, start, end)
    # A period of another type may have a meaning in Python's slices and none here.
    if type(period) is not int or window is None:
        return False
    sums = rolling_sums(window, period)
    return _write(indicator.line, start, end, None if sums is None else sums / period)


def _sum(indicator: Any, start: int, end: int) -> bool:
    period = indicator.p.period
    window = _window(indicator, start, end)
    if type(period) is not int or window is None:
        return False
    return _write(indicator.line, start, end, rolling_sums(window, period))


def _extreme(reduce: Any) -> Twin:
    def twin(indicator: Any, start: int, end: int) -> bool:
        window = _window(indicator, start, end)
        # Among zeros of both signs, and beside NaN, the order of comparing decides.
        if window is None or np.isnan(window).any() or not window.all():
            return False
        # A view of shape (end - start, period); nothing is copied.
        windows = np.lib.stride_tricks.sliding_window_view(window, indicator.p.period)
        return _write(indicator.line, start, end, reduce(windows, axis=1))

    return twin


def _operation(line: Any, start: int, end: int) -> bool:
    ufunc = UFUNCS.get(line.operation)
    # `btime`: the right operand is a time of day, with which the line's times are compared.
    if ufunc is None or line.btime:
        return False
    # `r` says that a number is on the left, and `bline` that both operands are lines.
    left = _operand(line.a, line.bline or not line.r, start, end)
    right = _operand(line.b, line.bline or line.r, start, end)
    if left is None or right is None:
        return False
    if ufunc is np.true_divide and not np.all(right):
        return False  # Python raises ZeroDivisionError
    # Infinite and undefined values are as in Python, without numpy's warnings.
    with np.errstate(all="ignore"):
        return _write(line, start, end, ufunc(left, right))


def _operand(operand: Any, is_line: bool, start: int, end: int) -> Any:
    """An operand's values; None where numpy could take it differently from Python."""
    if is_line:
        values = _values(operand, end)
        return None if values is None else values[start:end]
    if type(operand) is float or (type(operand) is int and abs(operand) <= EXACT_INT):
        return np.float64(operand)
    return None


BY_METHOD: dict[Any, Twin] = {
    bt_indicators.Average.once: _average,
    LinesOperation.once: _operation,
}
BY_CLASS: dict[type, Twin] = {
    bt_indicators.SumN: _sum,
    bt_indicators.Highest: _extreme(np.max),
    bt_indicators.Lowest: _extreme(np.min),
}
