"""Strategies that follow a script of targets, and the comparison of the engines on a task."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from backfleet import Bars, Panel, Prices, VectorStrategy
from backfleet.engine import BrokerSettings, Outcome, Simulation
from backfleet.engines.backtrader import BacktraderEngine
from backfleet.engines.backtrader_stock import BacktraderStockEngine
from backfleet.engines.vector.engine import VectorEngine
from backfleet.engines.vector.panels import is_portfolio
from backfleet.engines.vector.points import PointRunner
from backfleet.metrics import Calendar, summary_of

__all__ = [
    "Scripted",
    "ScriptedPanel",
    "broker_of",
    "make_bars",
    "may_be_unsizable",
    "run_alike",
    "script_of",
]

TABLES = ("equity", "orders", "fills", "trades")


class _WithScript(VectorStrategy):
    """A strategy whose targets are a parameter, as hexadecimal digits."""

    script: str = ""
    target: str = "position"
    sizing: str = "all-in"
    amount: float = 1.0
    stop_loss: float | None = None
    take_profit: float | None = None


class ScriptedPanel(_WithScript):
    """Takes its targets from its script: one float64 per step and symbol, as hexadecimal digits."""

    sells_first: bool = False

    def portfolio_targets(self, universe: Panel) -> NDArray[np.float64]:
        targets = np.frombuffer(bytes.fromhex(self.script), np.float64)
        return targets.reshape(len(universe), len(universe.bars))


class Scripted(_WithScript):
    """Takes its targets from its script: one float64 per tradable bar, as hexadecimal digits."""

    def targets(self, bars: Bars) -> NDArray[np.float64]:
        return np.frombuffer(bytes.fromhex(self.script), np.float64)


def script_of(targets: ArrayLike) -> str:
    """Return the parameter `script` of `Scripted` or `ScriptedPanel` for these targets."""
    return np.array(targets, np.float64).tobytes().hex()


def make_bars(
    open: ArrayLike,
    close: ArrayLike | None = None,
    high: ArrayLike | None = None,
    low: ArrayLike | None = None,
    **more: Any,
) -> Bars:
    """Return daily bars; without highs and lows, they are those of each bar's open and close."""
    opens = np.array(open, np.float64)
    closes = opens.copy() if close is None else np.array(close, np.float64)
    highs = np.maximum(opens, closes) if high is None else np.array(high, np.float64)
    lows = np.minimum(opens, closes) if low is None else np.array(low, np.float64)
    prices = Prices(opens, highs, lows, closes)
    session = np.datetime64("2020-01-01", "D") + np.arange(len(opens))
    columns: dict[str, Any] = {
        "symbol": "X",
        "session": session,
        "time": session.astype("M8[ns]").astype(np.int64),
        "volume": np.ones(len(opens)),
        "factor": np.ones(len(opens)),
        "tradable": np.ones(len(opens), np.bool_),
    }
    return Bars(prices=prices, raw=prices, **columns | more)


def broker_of(cash: float = 1000.0, commission: float = 0.0, **more: float) -> BrokerSettings:
    """Return broker settings, free of costs unless they are given."""
    return BrokerSettings(cash, commission, **more)


def run_alike(
    strategy: type[VectorStrategy],
    bars: Bars | tuple[Bars, ...],
    broker: BrokerSettings | None = None,
    **params: Any,
) -> Outcome:
    """Run a task on `vector`, `backtrader` and `backtrader-stock`, check that every record is
    equal bit for bit, and return the outcome.

    Where an order cannot be sized, check that all of them say so alike, and raise ValueError.
    """
    symbols = (bars,) if isinstance(bars, Bars) else bars
    task = Simulation(strategy, params, symbols, broker or BrokerSettings(1000.0, 0.0))
    others = BacktraderStockEngine(), BacktraderEngine()
    try:
        vector = VectorEngine().run(task)
    except ValueError as error:
        for engine in others:
            with pytest.raises(ValueError, match=f"^{re.escape(str(error))}$"):
                engine.run(task)
        raise
    for engine in others:
        compare(vector, engine.run(task), engine.name)
    if not is_portfolio(strategy, len(symbols)):
        compare_summary(task, vector)
    assert isinstance(vector, Outcome)
    return vector


@contextmanager
def may_be_unsizable() -> Iterator[None]:
    """Allow an order that cannot be sized: profits are unbounded."""
    try:
        yield
    except ValueError as error:
        if "an order cannot be sized" not in str(error):
            raise


def compare_summary(task: Simulation, outcome: Outcome) -> None:
    """The summary that is made without an outcome is that of the outcome."""
    (bars,), broker = task.bars, task.broker
    session = bars.session[bars.tradable][len(bars.session[bars.tradable]) - len(outcome.equity) :]
    calendar = Calendar(session, 252.0)
    ours = PointRunner(bars, task.strategy, broker).summarize(task.params, calendar)
    theirs = summary_of(outcome, broker.cash, calendar)
    assert repr(ours[:-1]) == repr(theirs[:-1])
    assert repr(ours.sums.segments) == repr(theirs.sums.segments)
    assert ours.sums.values.tobytes() == theirs.sums.values.tobytes()


def compare(vector: Outcome, other: Outcome, name: str) -> None:
    for table in TABLES:
        ours, theirs = getattr(vector, table), getattr(other, table)
        if ours.tobytes() != theirs.tobytes():
            assert ours.tolist() == theirs.tolist(), f"{table} of {name}"
            raise AssertionError(f"{table} of {name} differ in bits only: {ours} {theirs}")
    assert vector.metrics == other.metrics
