"""`Panel`: what a cross-sectional strategy is shown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from backfleet import Bars, Panel, Prices, VectorStrategy
from backfleet.engine import BrokerSettings, Simulation
from backfleet.engines.vector.engine import VectorEngine

DAYS = np.datetime64("2020-01-01", "D") + np.arange(6)


def bars_on(symbol: str, days: list[int], warmup: int = 0, halted: int | None = None) -> Bars:
    session = DAYS[days]
    close = np.array(days, np.float64) + 10.0
    prices = Prices(close, close + 1.0, close - 1.0, close + 0.5)
    ones = np.ones(len(days))
    tradable = np.array([day != halted for day in days])
    time = session.astype("M8[ns]").astype(np.int64)
    return Bars(symbol, time, session, prices, prices, ones, ones, tradable, warmup=warmup)


def shown(*symbols: Bars) -> Panel:
    """The panel that an engine shows."""
    seen: list[Panel] = []

    class Curious(VectorStrategy):
        def portfolio_targets(self, universe: Panel) -> NDArray[np.float64]:
            seen.append(universe)
            return np.zeros(universe.has_bar.shape)

    VectorEngine().run(Simulation(Curious, {}, symbols, BrokerSettings(1000.0, 0.0)))
    return seen[0]


def test_its_steps_are_those_at_which_any_symbol_has_a_bar() -> None:
    panel = shown(bars_on("A", [1, 3]), bars_on("B", [0, 3, 5], halted=5))
    assert panel.symbols == ("A", "B")
    assert panel.session.tolist() == DAYS[[0, 1, 3]].tolist()
    assert panel.time.tolist() == DAYS[[0, 1, 3]].astype("M8[ns]").astype("i8").tolist()
    assert panel.has_bar.tolist() == [[False, True], [True, False], [True, True]]
    assert [steps.tolist() for steps in panel.steps] == [[1, 2], [0, 2]]


def test_its_prices_are_nan_where_there_is_no_bar() -> None:
    panel = shown(bars_on("A", [1, 3]), bars_on("B", [0, 3]))
    np.testing.assert_array_equal(panel.open, [[np.nan, 10.0], [11.0, np.nan], [13.0, 13.0]])
    np.testing.assert_array_equal(panel.high, panel.open + 1.0)
    np.testing.assert_array_equal(panel.low, panel.open - 1.0)
    np.testing.assert_array_equal(panel.close, panel.open + 0.5)
    np.testing.assert_array_equal(panel.volume, np.where(panel.has_bar, 1.0, np.nan))


def test_raw_prices_and_returns_are_those_of_each_symbols_own_bars() -> None:
    first = bars_on("A", [1, 3])
    factor = np.array([1.0, 2.0])
    split = replace(first, factor=factor, prices=first.raw.adjusted(factor))
    panel = shown(split, bars_on("B", [0, 3]))
    np.testing.assert_array_equal(panel.raw.open, [[np.nan, 10.0], [11.0, np.nan], [13.0, 13.0]])
    for name in ("high", "low", "close"):
        raw = getattr(panel.raw, name)
        np.testing.assert_array_equal(raw[:, 0], [np.nan, *getattr(first, name)])
    np.testing.assert_array_equal(panel.close[:, 0], [np.nan, 5.75, 13.5])
    lasts = [13.5 * 2.0 / 11.5 - 1.0, 13.5 / 10.5 - 1.0]
    np.testing.assert_array_equal(panel.returns, [[np.nan] * 2, [np.nan] * 2, lasts])
    assert not panel.returns.flags.writeable
    assert not panel.raw.close.flags.writeable


def test_its_warmup_is_counted_in_steps() -> None:
    panel = shown(bars_on("A", [0, 2, 4], warmup=2), bars_on("B", [1, 5], warmup=1))
    assert panel.warmup == 3


def test_its_arrays_are_read_only() -> None:
    panel = shown(bars_on("A", [1, 3]), bars_on("B", [0, 3]))
    arrays: list[Any] = [panel.time, panel.session, panel.close, panel.has_bar, *panel.steps]
    assert not any(array.flags.writeable for array in arrays)


def test_a_column_of_another_length_is_refused() -> None:
    panel = shown(bars_on("A", [1, 3]), bars_on("B", [0, 3, 4]))
    with pytest.raises(
        ValueError, match=r"B: the column must have one number per bar, shape \(3,\)"
    ):
        panel.stacked([np.zeros(2), np.zeros(2)])
