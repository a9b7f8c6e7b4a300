"""Using indicators: short input, bad periods, kinds of arrays, and inside compiled code."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import backfleet.indicators as ind
from backfleet.jit import compiled

Floats = NDArray[np.float64]
Result = Floats | tuple[Floats, ...]

CLOSE = 100.0 + np.cumsum(np.random.default_rng(1).normal(0.0, 1.0, 120))
HIGH, LOW = CLOSE + 0.5, CLOSE - 0.75

OF_CLOSE: list[Callable[..., Any]] = [
    ind.sma,
    ind.ema,
    ind.smma,
    ind.wma,
    ind.dema,
    ind.highest,
    ind.lowest,
    ind.stddev,
    ind.bollinger,
    ind.momentum,
    ind.roc,
    ind.rsi,
    ind.macd,
]
OF_BARS: list[Callable[..., Any]] = [
    ind.atr,
    ind.adx,
    ind.directional_indicators,
    ind.williams_r,
    ind.cci,
    ind.stochastic,
]
EVERY = [(indicator, (CLOSE,)) for indicator in OF_CLOSE] + [
    (indicator, (HIGH, LOW, CLOSE)) for indicator in OF_BARS
]


def lines(result: Result) -> tuple[Floats, ...]:
    return result if isinstance(result, tuple) else (result,)


def same(first: Result, second: Result) -> None:
    for one, other in zip(lines(first), lines(second), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("indicator", "arrays"), EVERY)
def test_too_few_bars_give_nan(
    indicator: Callable[..., Result], arrays: tuple[Floats, ...]
) -> None:
    for count in (0, 1, 5):
        for line in lines(indicator(*(array[:count] for array in arrays), 20)):
            np.testing.assert_array_equal(line, np.full(count, np.nan))


@pytest.mark.parametrize(("indicator", "arrays"), EVERY)
@pytest.mark.parametrize("period", [0, -3])
def test_a_period_below_1_is_refused(
    indicator: Callable[..., Result], arrays: tuple[Floats, ...], period: int
) -> None:
    with pytest.raises(ValueError, match="period must be 1 or more"):
        indicator(*arrays, period)


@pytest.mark.parametrize(("indicator", "arrays"), EVERY)
def test_later_bars_change_nothing_and_what_was_given_stays(
    indicator: Callable[..., Result], arrays: tuple[Floats, ...]
) -> None:
    before = tuple(array.copy() for array in arrays)
    whole = lines(indicator(*arrays, 7))
    for count in (30, 31, 90):
        first = indicator(*(array[:count] for array in arrays), 7)
        same(first, tuple(line[:count] for line in whole))
    same(before, arrays)


def test_read_only_and_strided_arrays_are_taken() -> None:
    frozen = CLOSE.copy()
    frozen.flags.writeable = False
    strided = np.repeat(CLOSE, 2)[::2]
    same(ind.sma(frozen, 5), ind.sma(CLOSE, 5))
    same(ind.highest(strided, 5), ind.highest(CLOSE, 5))


def test_an_average_of_an_indicator_begins_after_its_warmup() -> None:
    of_tail = ind.ema(ind.sma(CLOSE, 10)[9:], 5)
    np.testing.assert_array_equal(ind.ema(ind.sma(CLOSE, 10), 5)[9:], of_tail)


def test_names_and_defaults_are_those_of_the_signature() -> None:
    same(ind.bollinger(CLOSE), ind.bollinger(CLOSE, 20, 2.0))
    same(ind.bollinger(CLOSE, width=3.0), ind.bollinger(CLOSE, 20, 3.0))
    assert ind.bollinger(CLOSE)._fields == ("middle", "upper", "lower")
    with pytest.raises(TypeError, match="widht"):
        ind.bollinger(CLOSE, widht=3.0)  # the mistake is the test


def test_indicators_can_be_called_from_compiled_code() -> None:
    @compiled
    def targets(close: Floats, fast: int, slow: int) -> Floats:
        ups = crossover(macd(close, fast, slow, 9).macd, np.zeros(len(close)))
        for index in range(len(ups)):
            ups[index] = 1.0 if ups[index] > 0.0 else np.nan
        return ups

    macd, crossover = ind.macd, ind.crossover
    line = ind.macd(CLOSE, 5, 10).macd
    ups = ind.crossover(line, np.zeros(len(line))) > 0.0
    assert ups.any()
    np.testing.assert_array_equal(targets(CLOSE, 5, 10), np.where(ups, 1.0, np.nan))


def test_prices_that_do_not_move_are_no_error() -> None:
    flat = np.full(60, 12.3)
    assert set(ind.rsi(flat, 14)[14:]) == {50.0}
    assert set(ind.rsi(np.arange(1.0, 61.0), 14)[14:]) == {100.0}
    assert set(ind.stddev(flat, 20)[19:]) == {0.0}
    assert set(ind.adx(flat, flat, flat, 14)[27:]) == {0.0}
    assert set(ind.stochastic(flat, flat, flat).k[15:]) == {0.0}
    assert np.isnan(ind.williams_r(flat, flat, flat)).all()


def test_a_line_is_above_below_or_neither() -> None:
    first = np.array([np.nan, 1.0, 2.0, 2.0, 3.0])
    second = np.array([1.0, np.nan, 1.0, 2.0, 4.0])
    np.testing.assert_array_equal(ind.above(first, second), [np.nan, np.nan, 1.0, np.nan, 0.0])
    with pytest.raises(ValueError, match="one length"):
        ind.above(first, second[1:])


def test_a_crossover_begins_on_the_second_bar_of_both_lines() -> None:
    first = np.array([np.nan, 1.0, 2.0, 3.0, 3.0, 1.0])
    second = np.array([1.0, 2.0, 2.0, 2.0, 2.0, 2.0])
    np.testing.assert_array_equal(
        ind.crossover(first, second), [np.nan, np.nan, 0.0, 1.0, 0.0, -1.0]
    )


def test_lines_of_a_crossover_must_be_of_one_length() -> None:
    with pytest.raises(ValueError, match="one length"):
        ind.crossover(CLOSE, CLOSE[1:])


UNCOMPILED = """
import numpy as np, backfleet.indicators as ind
close = 100.0 + np.cumsum(np.random.default_rng(1).normal(0.0, 1.0, 120))
print(ind.bollinger(close).upper[-1].hex(), ind.rsi(close)[-1].hex())
print(ind.wma(close, 9)[-1].hex(), ind.adx(close + 0.5, close - 0.75, close)[-1].hex())
for period in (0, -1):
    for indicator in (ind.sma, ind.ema, ind.smma, ind.wma, ind.highest, ind.roc):
        try:
            indicator(close, period)
        except ValueError:
            continue
        print("taken:", indicator, period)
"""


def test_uncompiled_they_give_the_same_numbers_and_errors() -> None:
    done = subprocess.run(
        [sys.executable, "-c", UNCOMPILED],
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    ours = (
        ind.bollinger(CLOSE).upper,
        ind.rsi(CLOSE),
        ind.wma(CLOSE, 9),
        ind.adx(HIGH, LOW, CLOSE),
    )
    assert done.stdout.split() == [float(line[-1]).hex() for line in ours]
