"""That a run is taken apart when nobody holds it any more, and not before."""

# mypy: allow-subclassing-any

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import numpy as np
import pytest

from backfleet.engine import BrokerSettings, Simulation
from backfleet.engines.backtrader import BacktraderEngine
from backfleet.engines.bt import bt
from engine_tasks import make_bars


class Buys(bt.Strategy):
    def next(self) -> None:
        self.buy(size=1)


@pytest.fixture
def task() -> Simulation:
    return Simulation(Buys, {}, (make_bars(np.full(30, 10.0)),), BrokerSettings(1000.0, 0.0))


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_the_orders_of_a_run_go_without_the_collector(task: Simulation) -> None:
    engine = BacktraderEngine()
    outcome = engine.run(task)
    order = weakref.ref(outcome.strategy._orders[-1])
    assert order() is not None
    del outcome
    engine.run(task)
    assert order() is None


@pytest.mark.parametrize("part", ["outcome", "strategy", "broker", "orders"])
def test_a_run_of_which_somebody_holds_a_part_stays_whole(task: Simulation, part: str) -> None:
    engine = BacktraderEngine()
    outcome = engine.run(task)
    strategy = outcome.strategy
    parts = {"outcome": outcome, "strategy": strategy, "broker": strategy.broker}
    held = parts.get(part, strategy.broker.orders)
    orders = [weakref.ref(order) for order in strategy._orders]
    del outcome, strategy, parts
    for _ in range(6):
        engine.run(task)
    assert orders
    assert all(order() is not None for order in orders)
    del held
