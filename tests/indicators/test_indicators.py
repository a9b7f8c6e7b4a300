"""Every indicator against backtrader's own, bit for bit, on prices that hypothesis makes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import backtrader as bt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import backfleet.indicators as ind
from backfleet.jit import Compiled
from indicators.backtrader_lines import Floats, Lines, lines_of

Prices = dict[str, Floats]
bti: Any = bt.indicators


@dataclass(frozen=True)
class Case:
    """An indicator, what it is made of, and backtrader's, both for a period."""

    ours: Callable[[Prices, int], Any]
    theirs: Callable[[Any, int], Any]
    zero_before: bool = False
    """Ours waits for the lines' first values, theirs is 0 from where they could have one."""


def of_close(function: Callable[..., Any], theirs: Callable[..., Any], **params: Any) -> Case:
    return Case(
        lambda prices, period: function(prices["close"], period, **params),
        lambda data, period: theirs(data, period=period),
    )


def of_bars(function: Callable[..., Any], theirs: Callable[..., Any]) -> Case:
    return Case(
        lambda prices, period: function(prices["high"], prices["low"], prices["close"], period),
        lambda data, period: theirs(data, period=period),
    )


CASES = {
    "sma": of_close(ind.sma, bti.SMA),
    "ema": of_close(ind.ema, bti.EMA),
    "smma": of_close(ind.smma, bti.SMMA),
    "wma": of_close(ind.wma, bti.WMA),
    "dema": of_close(ind.dema, bti.DEMA),
    "highest": of_close(ind.highest, bti.Highest),
    "lowest": of_close(ind.lowest, bti.Lowest),
    "stddev": of_close(ind.stddev, bti.StdDev),
    "bollinger": of_close(ind.bollinger, bti.BollingerBands),
    "momentum": of_close(ind.momentum, bti.Momentum),
    "roc": of_close(ind.roc, bti.ROC),
    "rsi": of_close(ind.rsi, bti.RSI),
    "rsi without a change": of_close(ind.rsi, bti.RSI_Safe),
    "atr": of_bars(ind.atr, bti.ATR),
    "adx": of_bars(ind.adx, bti.ADX),
    "directional_indicators": of_bars(ind.directional_indicators, bti.DI),
    "williams_r": of_bars(ind.williams_r, bti.WilliamsR),
    "cci": of_bars(ind.cci, bti.CCI),
    "stochastic": of_bars(
        ind.stochastic, lambda data, period: bti.Stochastic(data, period=period, safediv=True)
    ),
    "true_range": Case(
        lambda prices, _: ind.true_range(prices["high"], prices["low"], prices["close"]),
        lambda data, _: bti.TR(data),
    ),
    "macd": Case(
        lambda prices, period: ind.macd(prices["close"], period, 2 * period, 3),
        lambda data, period: bti.MACDHisto(
            data, period_me1=period, period_me2=2 * period, period_signal=3
        ),
    ),
    "stochastic, fast": Case(
        lambda prices, period: ind.stochastic(
            prices["high"], prices["low"], prices["close"], period, k_smoothing=1
        ),
        lambda data, period: bti.StochasticFast(data, period=period, safediv=True),
    ),
    "crossover": Case(
        lambda prices, period: ind.crossover(prices["close"], ind.sma(prices["close"], period)),
        lambda data, period: bti.CrossOver(data.close, bti.SMA(data, period=period)),
        zero_before=True,
    ),
    "crossover of bars": Case(
        lambda prices, _: ind.crossover(prices["high"], prices["low"]),
        lambda data, _: bti.CrossOver(data.high, data.low),
        zero_before=True,
    ),
}

# Prices as they come, tick by tick, with steps of 0; and at the ends of what a float holds.
ticks = st.lists(st.integers(-30, 30), min_size=1, max_size=60).map(
    lambda steps: 100.0 + np.cumsum(steps) * 0.01
)
walks = st.tuples(
    st.integers(0, 2**32 - 1), st.integers(1, 80), st.sampled_from([1e-12, 1e-3, 1.0, 1e5, 1e12])
).map(
    lambda seed: (
        seed[2] * np.exp(np.cumsum(np.random.default_rng(seed[0]).normal(0, 0.05, seed[1])))
    )
)
scattered = st.lists(st.floats(1e-8, 1e12), min_size=1, max_size=40).map(np.array)
gappy = st.lists(st.one_of(st.floats(1.0, 1e3), st.just(np.nan)), min_size=2, max_size=40).map(
    lambda values: np.array([50.0, *values])
)
closes = st.one_of(ticks, walks, scattered, gappy)


@st.composite
def price_columns(draw: st.DrawFn) -> Prices:
    """Closes, and highs and lows around them that now and then are the close itself."""
    close = draw(closes)
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    up, down = random.uniform(0.0, 0.05, (2, len(close))) * random.integers(0, 2, (2, len(close)))
    return {"close": close, "high": close * (1.0 + up), "low": close * (1.0 - down)}


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=20)
@given(prices=price_columns(), period=st.integers(1, 25))
def test_an_indicator_is_that_of_backtrader_bit_for_bit(
    name: str, prices: Prices, period: int
) -> None:
    check(name, prices, period)


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", CASES)
@settings(max_examples=1_000)
@given(prices=price_columns(), period=st.integers(1, 40))
def test_an_indicator_is_that_of_backtrader_on_many_prices(
    name: str, prices: Prices, period: int
) -> None:
    check(name, prices, period)


def check(name: str, prices: Prices, period: int) -> None:
    case = CASES[name]
    ours = as_lines(case.ours(prices, period))
    theirs = lines_of(lambda data: case.theirs(data, period), prices)
    if theirs is None:
        return
    assert len(ours) == len(theirs)
    for our_line, their_line in zip(ours, theirs, strict=True):
        if case.zero_before:
            assert not their_line[np.isnan(our_line) & ~np.isnan(their_line)].any()
            their_line[np.isnan(our_line)] = np.nan
        np.testing.assert_array_equal(our_line, their_line)


def as_lines(result: Floats | Lines) -> tuple[Floats, ...]:
    return result if isinstance(result, tuple) else (result,)


def test_the_table_covers_every_indicator() -> None:
    functions = {name for name in ind.__all__ if isinstance(getattr(ind, name), Compiled)}
    # backtrader has no indicator that says which line is above.
    assert functions - {"above"} == {name for name in CASES if name in functions}
