"""Moving averages."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backfleet.indicators.exact_sums import (
    exact_sum,
    rising_sums,
    rolling_sums,
    running_sums,
    window_sum,
)
from backfleet.indicators.shared import shared
from backfleet.indicators.warmup import empty_line, first_value
from backfleet.jit import compiled

__all__ = ["dema", "ema", "ema_from", "sma", "smma", "smma_from", "wma"]

Floats = NDArray[np.float64]


@compiled
def sma(values: Floats, period: int) -> Floats:
    """Simple moving average: the mean of the last `period` values.

    Equal to backtrader's SMA bit for bit, which sums with `math.fsum`.

    Parameters
    ----------
    values
        float64 of shape (bars,).
    period
        Bars, at least 1.

    Returns
    -------
    float64 of shape (bars,); NaN where a window is not complete or holds NaN.

    Raises
    ------
    ValueError
        Where `period` is less than 1.
    """
    averages = rolling_sums(values, period, first_value(values))
    for index in range(len(averages)):
        averages[index] /= period
    return averages


@sma.from_python
def _sma_of_shared_sums(values: Floats, period: int) -> Floats:
    """The points of a sweep share the sums from the first bar on; each point takes windows."""
    # Interpreted, the sums take longer than the windows of a few points.
    running = shared(running_sums, values) if sma.is_compiled else None
    # None: the values may change. No size: the differences of their sums are not exact.
    if running is None or not running.size or type(period) is not int:
        return sma.run(values, period)
    return _means(running, len(values), period)


@compiled
def _means(running: Floats, count: int, period: int) -> Floats:
    # `running` begins with the first number, and has a column more than there are numbers.
    start = count + 1 - running.shape[1]
    averages = empty_line(count, start, period)
    windows = averages[start + period - 1 :]
    for index in range(len(windows)):
        windows[index] = window_sum(running, index, period) / period
    return averages


@compiled
def ema(values: Floats, period: int) -> Floats:
    """Exponential moving average: previous * (1 - a) + value * a, a = 2 / (period + 1).

    It begins with the mean of the first `period` values after leading NaNs; a later NaN is never
    forgotten. Equal to backtrader's EMA bit for bit. Parameters, result and errors as for `sma`.
    """
    return ema_from(values, period, first_value(values))


@compiled
def smma(values: Floats, period: int) -> Floats:
    """Smoothed moving average, Wilder's: as `ema` with a = 1 / period.

    Equal to backtrader's SMMA bit for bit (Wilder 1978, "New Concepts in Technical Trading
    Systems"). Parameters, result and errors as for `sma`.
    """
    return smma_from(values, period, first_value(values))


@compiled
def wma(values: Floats, period: int) -> Floats:
    """Weighted moving average, with weights 1, 2, ..., `period`, the newest value's the greatest.

    Equal to backtrader's WMA bit for bit, which sums the products with `math.fsum`; a bar costs in
    proportion to `period`. Parameters, result and errors as for `sma`.
    """
    averages = rising_sums(values, period)
    coefficient = 2.0 / (period * (period + 1.0))
    for index in range(len(averages)):
        averages[index] *= coefficient
    return averages


@compiled
def dema(values: Floats, period: int) -> Floats:
    """Double exponential moving average: 2 * ema - ema of ema, after 2 * period - 1 bars.

    Equal to backtrader's DEMA bit for bit (Mulloy 1994, "Smoothing Data with Faster Moving
    Averages"). Parameters, result and errors as for `sma`.
    """
    start = first_value(values)
    once = ema_from(values, period, start)
    # From the first bar of the inner average on, even if it is NaN there
    twice = ema_from(once, period, start + period - 1)
    return 2.0 * once - twice


@compiled
def ema_from(values: Floats, period: int, start: int) -> Floats:
    """`ema` of a line that begins at `start`, even with NaN."""
    return _smooth(values, period, 2.0, 1.0 + period, start)


@compiled
def smma_from(values: Floats, period: int, start: int) -> Floats:
    """`smma` of a line that begins at `start`, even with NaN."""
    return _smooth(values, period, 1.0, period, start)


@compiled
def _smooth(values: Floats, period: int, above: float, below: float, start: int) -> Floats:
    """Exponential smoothing by the factor `above / below`, from the mean of the first window on."""
    averages = empty_line(len(values), start, period)
    if len(values) - start < period:
        return averages
    # After `empty_line` has refused a period below 1, for which `below` can be 0.
    factor = above / below
    average = exact_sum(values, start, start + period) / period
    averages[start + period - 1] = average
    for index in range(start + period, len(values)):
        # backtrader's two products and their sum, in its order
        average = average * (1.0 - factor) + values[index] * factor
        averages[index] = average
    return averages
