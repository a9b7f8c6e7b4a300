"""The check of the scale finds what depends on the level of adjusted prices, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import backtrader as bt
import numpy as np
import pytest
from numpy.typing import NDArray

from backfleet import Bars, Panel, VectorStrategy
from backfleet.check import CheckCase, Status
from backfleet.check.other_bars import scaled_prices
from backfleet.check.scale import check_scale
from backfleet.testing import synthetic_bars
from backfleet.testing.markets import MARKETS

Find = Callable[..., Sequence[CheckCase]]
Floats = NDArray[np.float64]

MANY = tuple(synthetic_bars(kind, 120) for kind in MARKETS)


def best_of(scores: Floats) -> Floats:
    """Hold the two symbols with the highest scores."""
    known = np.where(np.isnan(scores), -np.inf, scores)
    ranks = np.argsort(np.argsort(-known, axis=1, kind="stable"), axis=1)
    return np.where((ranks < 2) & np.isfinite(known), 0.4, 0.0)


class LowestClose(VectorStrategy):
    target = "percent"

    def portfolio_targets(self, universe: Panel) -> Floats:
        return best_of(-universe.close)


class LogOfClose(VectorStrategy):
    target = "percent"

    def portfolio_targets(self, universe: Panel) -> Floats:
        return best_of(-np.log(universe.close))


class LowestRawClose(VectorStrategy):
    target = "percent"

    def portfolio_targets(self, universe: Panel) -> Floats:
        return best_of(-universe.raw.close)


class Returns(VectorStrategy):
    target = "percent"

    def portfolio_targets(self, universe: Panel) -> Floats:
        return best_of(universe.returns)


class LogMomentum(VectorStrategy):
    target = "percent"

    def portfolio_targets(self, universe: Panel) -> Floats:
        logs = np.log(universe.close)
        return best_of(logs - np.concatenate([np.full((20, logs.shape[1]), np.nan), logs[:-20]]))


class DollarVolume(VectorStrategy):
    target = "percent"

    def portfolio_targets(self, universe: Panel) -> Floats:
        return best_of(universe.close * universe.volume)


@pytest.mark.parametrize("strategy", [LowestClose, LogOfClose, DollarVolume])
def test_a_ranking_by_the_level_of_adjusted_prices_fails(strategy: type[VectorStrategy]) -> None:
    result = check_scale([CheckCase(strategy, MANY)])
    assert result.status is Status.FAILED
    assert "times as high: it depends on the level of adjusted prices" in result.message
    assert "bars.raw.close" in result.message
    assert result.place is not None


@pytest.mark.parametrize("strategy", [LowestRawClose, Returns, LogMomentum])
def test_a_ranking_by_returns_or_raw_prices_passes(strategy: type[VectorStrategy]) -> None:
    result = check_scale([CheckCase(strategy, MANY)])
    assert (result.status, result.message) == (
        Status.PASSED, "no signal changed with the level of prices",
    )  # fmt: skip


class Sized(VectorStrategy):
    """Targets in shares: of a fixed number, or of a fixed worth, with a filter on the price."""

    target = "size"
    is_fixed: bool = False
    at_most: float = 1e9

    def targets(self, bars: Bars) -> Floats:
        shares = 500.0 if self.is_fixed else np.floor(1e6 / bars.close)
        is_held = (np.arange(len(bars)) % 10 < 5) & (bars.close < self.at_most)
        return np.where(is_held, shares, 0.0)


def test_sizes_are_divided_by_the_scale() -> None:
    result = check_scale([CheckCase(Sized, MANY[:1])])
    assert (result.status, result.message) == (
        Status.PASSED, "no signal changed with the level of prices",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("strategy", "params"),
    [(Sized, {"is_fixed": True}), ("sma-crossover", {"sizing": "fixed", "period": 5})],
)
def test_fixed_sizes_pass_and_are_reported(
    strategy: type[bt.Strategy] | str, params: dict[str, Any], one: CheckCase
) -> None:
    chosen = one.strategy if isinstance(strategy, str) else strategy
    result = check_scale([replace(one, strategy=chosen, params=params)])
    assert result.status is Status.PASSED
    assert "Their sizes are fixed numbers of adjusted shares" in result.message


def test_a_price_that_decides_fails_whatever_the_sizes_are() -> None:
    for is_fixed in (True, False):
        params = {"is_fixed": is_fixed, "at_most": 55.0}
        assert check_scale([CheckCase(Sized, MANY[:1], params)]).status is Status.FAILED


class Priced(bt.Strategy):
    """Names a price with a market order."""

    def next(self) -> None:
        self.buy(size=1, price=50.0)


def test_orders_that_look_alike_are_shown_with_what_differs(one: CheckCase) -> None:
    message = check_scale([replace(one, strategy=Priced)]).message
    ours, theirs = message.split(" where ")[0].split(", but ")
    assert ours == "market order to buy 1.0 at 50.0"
    assert theirs.startswith("market order to buy 1.0 at ")
    assert theirs != ours


class Trades(bt.Strategy):
    """Buys at the highest close of ten bars, in one of several ways."""

    params = (("how", "percent"),)

    def __init__(self) -> None:
        self.highs = [bt.indicators.Highest(data.close, period=10) for data in self.datas]

    def next(self) -> None:
        how = self.p.how
        cheapest = min(self.datas, key=lambda data: float(data.close[0]))
        for data, high in zip(self.datas, self.highs, strict=True):
            price, held = data.close[0], self.getposition(data).size
            if how == "cheapest":
                self.order_target_percent(data, 0.9 if data is cheapest else 0.0)
            elif how == "rebalanced":
                self.order_target_percent(data, 0.1 if price > high[-1] * 0.95 else 0.02)
            elif held and price < high[0] * 0.93:
                self.close(data)
            elif not held and price >= high[0]:
                self._enter(data, price)

    def _enter(self, data: bt.DataBase, price: float) -> None:
        how = self.p.how
        if how == "percent":
            self.order_target_percent(data, 0.1)
        elif how == "fixed":
            self.buy(data, size=100)
        elif how == "all-in":
            self.buy(data, size=int(self.broker.getcash() * 0.2 / price))
        elif how == "stop":
            self.buy(data, size=int(1e5 / price), exectype=bt.Order.Stop, price=price * 1.01)
        elif how == "tick":
            self.buy(data, size=int(1e5 / price), exectype=bt.Order.Stop, price=price + 0.05)


@pytest.mark.parametrize(
    ("how", "status", "message"),
    [
        ("percent", Status.PASSED, "no signal changed"),
        ("rebalanced", Status.PASSED, "no signal changed"),
        ("all-in", Status.PASSED, "no signal changed"),
        ("stop", Status.PASSED, "no signal changed"),
        ("fixed", Status.PASSED, "fixed numbers of adjusted shares"),
        ("cheapest", Status.FAILED, "depends on the level of adjusted prices"),
        ("tick", Status.FAILED, "depends on the level of adjusted prices"),
    ],
)
def test_orders_of_backtrader_strategies_keep_times_and_sides(
    how: str, status: Status, message: str
) -> None:
    result = check_scale([CheckCase(Trades, MANY[:4], {"how": how})])
    assert result.status is status, str(result)
    assert message in result.message


class RaisesAtLowPrices(VectorStrategy):
    def targets(self, bars: Bars) -> Floats:
        if bars.close.min() < 5.0:
            raise ValueError("a penny stock")
        return np.ones(len(bars))


def test_a_strategy_that_raises_at_another_scale_fails() -> None:
    result = check_scale([CheckCase(RaisesAtLowPrices, MANY[:1])])
    assert result.status is Status.FAILED
    assert "rising: raises ValueError: a penny stock where prices are scaled" in result.message


class Weekly(VectorStrategy):
    """Compares the close with that of the week before, from a feed made from the same bars."""

    def targets(self, bars: Bars) -> Floats:
        return np.where(bars.close > bars.auxiliary["week"].close, 1.0, 0.0)


def test_feeds_made_from_the_same_bars_follow_the_scale(one: CheckCase) -> None:
    from backfleet.sources.resample import resample

    bars = one.bars[0]
    weekly = replace(bars, auxiliary={"week": resample(bars, "1w")})
    assert check_scale([CheckCase(Weekly, (weekly,))]).status is Status.PASSED


def test_scaled_bars_have_the_same_raw_prices_and_returns() -> None:
    (bars,) = (bars for bars in MANY if bars.symbol == "splits")
    scaled = scaled_prices(bars, 8.0)
    assert scaled.close.tolist() == (bars.close * 8.0).tolist()
    assert scaled.raw is bars.raw
    np.testing.assert_array_equal(scaled.returns, bars.returns)
