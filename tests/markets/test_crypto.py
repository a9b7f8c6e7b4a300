"""The market `crypto`: fractions of a coin in whole steps, on every engine alike."""

from __future__ import annotations

from typing import Any

import backtrader as bt
import numpy as np
import pytest

from backfleet.bars import Bars, BarsWindow
from backfleet.engine import BrokerSettings, Engine, Outcome, RejectReason, Simulation
from backfleet.engines.backtrader import BacktraderEngine
from backfleet.engines.backtrader_stock import BacktraderStockEngine
from backfleet.engines.vector.engine import VectorEngine
from backfleet.facts import SymbolFacts
from backfleet.market import MarketSettings
from backfleet.markets.crypto import Crypto
from markets.market_bars import bars_of
from vector_tasks import Scripted, ScriptedPanel

BACKTRADER: tuple[Engine, ...] = (BacktraderStockEngine(), BacktraderEngine())
EVERY: tuple[Engine, ...] = (*BACKTRADER, VectorEngine())


def coins(prices: list[float], symbol: str = "BTC", **facts: Any) -> Bars:
    """Return bars of one price each, in the market."""
    days = (np.datetime64("2024-01-01") + np.arange(len(prices))).astype(str).tolist()
    settings = facts.pop("settings", MarketSettings())
    bars = bars_of(symbol, days, [(price,) * 4 for price in prices])
    return Crypto().follow(bars, SymbolFacts(symbol, **facts), settings).window(BarsWindow())


def play(simulation: Simulation, engines: tuple[Engine, ...] = EVERY) -> Outcome:
    """Run a task on engines that must agree to the last bit."""
    first, *others = (engine.run(simulation) for engine in engines)
    assert isinstance(first, Outcome)
    for other in others:
        assert isinstance(other, Outcome)
        for table in ("equity", "orders", "fills", "trades"):
            assert getattr(first, table).tobytes() == getattr(other, table).tobytes(), table
    return first


def script(*targets: float, **more: Any) -> dict[str, Any]:
    return {"script": np.array(targets, np.float64).tobytes().hex(), **more}


@pytest.mark.parametrize(
    ("facts", "units", "price"),
    [({}, 20_000, 0.5), ({"step": 0.001}, 200, 50.0), ({"step": 0.3}, 0, 15_000.0)],
)
def test_an_entry_takes_whole_steps_of_a_coin(
    facts: dict[str, float], units: int, price: float
) -> None:
    bars = coins([50_000.0] * 3, **facts)
    outcome = play(Simulation(Scripted, script(1, np.nan, 0), (bars,), BrokerSettings(10_000, 0.0)))
    assert outcome.fills["size"].sum() == units
    assert (outcome.fills["price"] == pytest.approx(price)) if units else not len(outcome.fills)


def test_without_lots_only_whole_coins_are_traded() -> None:
    bars = coins([4_000.0] * 2, settings=MarketSettings(off=frozenset({"lots"})))
    task = Simulation(Scripted, script(1, np.nan), (bars,), BrokerSettings(10_000, 0.0))
    assert play(task).fills["size"].tolist() == [2]


def test_an_order_below_the_least_size_is_rejected() -> None:
    bars = coins([100.0] * 3, step=0.1, least=0.3)
    task = Simulation(
        Scripted, script(2, 3, np.nan, target="size"), (bars,), BrokerSettings(1_000, 0.0)
    )
    orders = play(task).orders
    assert orders["reason"].tolist() == [RejectReason.LOT, RejectReason.NONE]


class Fractions(bt.Strategy):
    """Buys a fraction of a coin, sells a part of it, and closes the rest."""

    params = (("size", 0.123456789),)

    def __init__(self) -> None:
        self.held: list[float] = []

    def next(self) -> None:
        self.held.append(self.position.size)
        if len(self) == 1:
            self.buy(size=self.p.size)
        elif len(self) == 3:
            self.sell(size=self.position.size / 3)
        elif len(self) == 5:
            self.close()


@pytest.mark.parametrize(("price", "size"), [(50_000.0, 0.123456789), (0.00002, 123_456_789.1)])
def test_a_script_counts_coins_and_its_books_count_steps(price: float, size: float) -> None:
    bars = coins([price] * 8)
    task = Simulation(Fractions, {"size": size}, (bars,), BrokerSettings(1e5, 0.001))
    outcome = play(task, BACKTRADER)
    sizes = outcome.fills["size"]
    assert sizes.tolist() == np.round(sizes).tolist()
    assert sizes[0] == pytest.approx(size / 0.00001, abs=1.0)
    assert sizes.sum() == 0.0
    assert outcome.strategy.held[2] == pytest.approx(size, abs=1e-5)
    assert outcome.strategy.held[-1] == 0.0


@pytest.mark.parametrize("seed", range(6))
def test_engines_agree_on_random_portfolios_of_coins(seed: int) -> None:
    draw = np.random.default_rng(seed)
    count, first = 40, 10.0 ** draw.integers(-4, 5, 3)
    walks = first[:, None] * np.exp(np.cumsum(draw.normal(0, 0.05, (3, count)), axis=1))
    steps = (None, 0.001, 0.0001)
    bars = tuple(
        coins(walk.tolist(), f"C{number}", step=step)
        for number, (walk, step) in enumerate(zip(walks, steps, strict=True))
    )
    targets = draw.choice([np.nan, 0.0, 0.1, 0.3], (count, 3)).ravel()
    params = script(*targets, target="percent", sells_first=bool(seed % 2))
    task = Simulation(ScriptedPanel, params, bars, BrokerSettings(10_000, 0.001))
    fills = play(task).fills
    assert len(fills) > 10
    assert (fills["size"] == np.round(fills["size"])).all()
