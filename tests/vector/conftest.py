"""Random markets, a strategy that follows a script, and the comparison of the engines."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from backfleet import Bars, Panel, Prices, VectorStrategy
from backfleet.engine import BrokerSettings, Outcome, Simulation
from backfleet.engines.backtrader import BacktraderEngine
from backfleet.engines.backtrader_stock import BacktraderStockEngine
from backfleet.engines.vector.engine import VectorEngine
from backfleet.engines.vector.panels import is_portfolio
from backfleet.engines.vector.points import PointRunner
from backfleet.metrics import Calendar, summary_of

TABLES = ("equity", "orders", "fills", "trades")


class ScriptedPanel(VectorStrategy):
    """Wants what its script says, one number per step and symbol."""

    script: str = ""
    target: str = "position"
    sizing: str = "all-in"
    amount: float = 1.0
    stop_loss: float | None = None
    take_profit: float | None = None
    sells_first: bool = False

    def portfolio_targets(self, universe: Panel) -> NDArray[np.float64]:
        wanted = np.frombuffer(bytes.fromhex(self.script), np.float64)
        return wanted.reshape(len(universe), len(universe.bars))


class Scripted(VectorStrategy):
    """Wants what its script says: float64 as hexadecimal digits, one number a tradable bar."""

    script: str = ""
    target: str = "position"
    sizing: str = "all-in"
    amount: float = 1.0
    stop_loss: float | None = None
    take_profit: float | None = None

    def targets(self, bars: Bars) -> NDArray[np.float64]:
        return np.frombuffer(bytes.fromhex(self.script), np.float64)


@pytest.fixture(scope="session")
def scripted() -> type[VectorStrategy]:
    """A strategy that takes its targets from its parameter `script`; see `script`."""
    return Scripted


@pytest.fixture(scope="session")
def scripted_panel() -> type[VectorStrategy]:
    """The same for `portfolio_targets`, row by row."""
    return ScriptedPanel


@pytest.fixture(scope="session")
def script() -> Callable[[Any], str]:
    """The parameter for these targets."""
    return lambda targets: np.array(targets, np.float64).tobytes().hex()


@pytest.fixture(scope="session")
def make_bars() -> Callable[..., Bars]:
    """Daily bars; a bar's high and low are those of its open and close unless they are given."""

    def make(open: Any, close: Any = None, high: Any = None, low: Any = None, **more: Any) -> Bars:
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

    return make


@pytest.fixture(scope="session")
def broker() -> Callable[..., BrokerSettings]:
    """Broker settings, free of costs unless they are given."""

    def settings(cash: float = 1000.0, commission: float = 0.0, **more: float) -> BrokerSettings:
        return BrokerSettings(cash, commission, **more)

    return settings


@pytest.fixture(scope="session")
def alike() -> Callable[..., Outcome]:
    """Runs a task on `vector`, `backtrader` and `backtrader-stock`, checks that every record is
    equal bit for bit, and returns the outcome.

    Where an order cannot be sized, it checks that all of them say so alike, and raises ValueError.
    """

    def run(
        strategy: type[VectorStrategy],
        bars: Bars | tuple[Bars, ...],
        broker: BrokerSettings | None = None,
        **params: Any,
    ) -> Outcome:
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
        return vector

    return run


@pytest.fixture(scope="session")
def may_be_unsizable() -> Any:
    """A context in which an order may be one that cannot be sized: profits are unbounded."""

    @contextmanager
    def allow() -> Iterator[None]:
        try:
            yield
        except ValueError as error:
            if "an order cannot be sized" not in str(error):
                raise

    return allow


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
