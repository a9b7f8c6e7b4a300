"""Twins of indicators' `once` without numpy, each with the same bits.

They call the same functions with the same numbers as backtrader, from `map` instead of a loop.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterable
from itertools import accumulate, repeat
from typing import Any

from backtrader import functions
from backtrader import indicators as bt_indicators
from backtrader.indicator import Indicator
from backtrader.linebuffer import LineBuffer, LinesOperation, PseudoArray, _LineDelay

from backfleet.engines.fast.via_next import once_on_a_cursor

__all__ = ["Twin", "plain_twin_of"]

Twin = Callable[[Any, int, int], bool]
"""Fills [start, end) of an indicator's line; false, with nothing written, if it cannot."""


def plain_twin_of(indicator: Any) -> Twin | None:
    """Return the twin of an indicator; None if it has none."""
    cls: Any = type(indicator)
    if cls in LOGIC:
        return _logic
    return BY_METHOD.get(cls.once)


def _values(line: Any, start: int, end: int) -> array[float] | None:
    """The values of a line's buffer from `start` to `end`; None where it has fewer."""
    values = line.array
    if not isinstance(values, array) or start < 0 or len(values) < end:
        return None
    return values[start:end]


def _operand(operand: Any, start: int, end: int) -> Iterable[Any] | None:
    """The values of a line, or a number again and again; None for anything else."""
    # backtrader wraps a number so that it can be indexed like a line.
    if isinstance(operand, PseudoArray):
        operand = operand.wrapped
    # Not `isinstance`: a bool or a number of numpy's may act in another way.
    if type(operand) in (float, int):
        return repeat(operand, end - start)
    return _values(operand, start, end) if isinstance(operand, LineBuffer) else None


def _average(indicator: Any, start: int, end: int) -> bool:
    period = indicator.p.period
    if type(period) is not int or period < 1:
        return False
    # Also the values before `start` that the first window has
    values = _values(indicator.data, start - period + 1, end)
    if values is None:
        return False
    numbers, fsum = values.tolist(), math.fsum
    means = [fsum(numbers[bar : bar + period]) / period for bar in range(end - start)]
    indicator.line.array[start:end] = array("d", means)
    return True


def _exponential(indicator: Any, start: int, end: int) -> bool:
    source, target = _values(indicator.data, start, end), indicator.line.array
    # The first value is set by `oncestart`.
    if source is None or start < 1:
        return False
    alpha, rest = indicator.alpha, indicator.alpha1
    # Every value is rounded before the next one is computed, so numpy has no equal form of this.
    steps = accumulate(
        source, lambda last, new: last * rest + new * alpha, initial=target[start - 1]
    )
    # `initial`, the value before `start`
    next(steps)
    target[start:end] = array("d", steps)
    return True


def _delay(line: Any, start: int, end: int) -> bool:
    # `ago` is negative for values of earlier bars.
    values = _values(line.a, start + line.ago, end + line.ago)
    if values is None:
        return False
    line.array[start:end] = values
    return True


def _operation(line: Any, start: int, end: int) -> bool:
    left, right = _operand(line.a, start, end), _operand(line.b, start, end)
    if left is None or right is None:
        return False
    line.array[start:end] = array("d", map(line.operation, left, right))
    return True


def _logic(line: Any, start: int, end: int) -> bool:
    columns = [_operand(argument, start, end) for argument in line.args]
    # Arrays compare as a whole, so `None in` is safe.
    if not columns or None in columns:
        return False
    rows: Any = zip(*columns, strict=True)
    line.array[start:end] = array("d", map(line.flogic, rows))
    return True


LOGIC = {
    functions.All,
    functions.And,
    functions.Any,
    functions.Max,
    functions.Min,
    functions.Or,
    functions.Sum,
}
BY_METHOD: dict[Any, Twin] = {
    bt_indicators.Average.once: _average,
    bt_indicators.ExponentialSmoothing.once: _exponential,
    Indicator.once_via_next: once_on_a_cursor,
    LinesOperation.once: _operation,
    _LineDelay.once: _delay,
}
