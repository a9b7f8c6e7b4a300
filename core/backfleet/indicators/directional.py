"""Wilder's directional movement."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from backfleet.indicators.averages import smma_from
from backfleet.indicators.volatility import atr
from backfleet.indicators.warmup import empty_line, first_bar
from backfleet.jit import compiled

__all__ = ["DirectionalIndicators", "adx", "directional_indicators"]

Floats = NDArray[np.float64]


class DirectionalIndicators(NamedTuple):
    """+DI and -DI, from 0 to 100; each float64 of shape (bars,)."""

    plus: Floats
    minus: Floats


@compiled
def directional_indicators(
    high: Floats, low: Floats, close: Floats, period: int = 14
) -> DirectionalIndicators:
    """+DI and -DI: 100 * `smma` of upward and of downward movement / `atr`.

    Equal to backtrader's DirectionalIndicator bit for bit; 0 where that one stops at a division by
    zero, as prices have not moved at all (Wilder 1978, "New Concepts in Technical Trading
    Systems").

    Parameters
    ----------
    high, low, close
        float64 of shape (bars,).
    period
        Bars, at least 1.

    Raises
    ------
    ValueError
        Where `period` is less than 1.
    """
    count = len(close)
    ups, downs = empty_line(count, 1, 1), empty_line(count, 1, 1)
    for index in range(1, count):
        up = high[index] - high[index - 1]
        down = low[index - 1] - low[index]
        # Only the larger of the two movements counts, and neither if they are equal.
        ups[index] = up if up > down and up > 0.0 else 0.0
        downs[index] = down if down > up and down > 0.0 else 0.0
    ranges = atr(high, low, close, period)
    # A movement needs the bar before.
    start = first_bar(high, low, close) + 1
    plus, minus = smma_from(ups, period, start), smma_from(downs, period, start)
    for index in range(count):
        # backtrader multiplies first.
        plus[index] = _over(100.0 * plus[index], ranges[index])
        minus[index] = _over(100.0 * minus[index], ranges[index])
    return DirectionalIndicators(plus, minus)


@compiled
def adx(high: Floats, low: Floats, close: Floats, period: int = 14) -> Floats:
    """Average directional index: 100 * `smma` of |+DI - -DI| / (+DI + -DI).

    Equal to backtrader's AverageDirectionalMovementIndex bit for bit; where that one stops at a
    division by zero, the quotient counts as 0. Parameters and errors as for
    `directional_indicators`.
    """
    plus, minus = directional_indicators(high, low, close, period)
    movement = np.empty(len(close))
    for index in range(len(close)):
        movement[index] = _over(abs(plus[index] - minus[index]), plus[index] + minus[index])
    # `movement` begins where the directional indicators do.
    return 100.0 * smma_from(movement, period, first_bar(high, low, close) + period)


@compiled
def _over(above: float, below: float) -> float:
    return above / below if below != 0.0 else 0.0
