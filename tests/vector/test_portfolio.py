"""Portfolios on engine `vector`: the order in which orders are made and worked off, and errors."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from backfleet import Bars, Panel, VectorStrategy
from backfleet.engine import (
    NOT_YET,
    BrokerSettings,
    Engine,
    OrderKind,
    OrderStatus,
    RejectReason,
    Simulation,
)
from backfleet.engines.backtrader import BacktraderEngine
from backfleet.engines.vector import growing_buffers
from backfleet.engines.vector.engine import VectorEngine
from backfleet.engines.vector.portfolio import PortfolioRunner
from backfleet.engines.vector.portfolio_simulate import simulate_portfolio
from backfleet_strategies.sma_crossover import SmaCrossover
from vector_tasks import Scripted, ScriptedPanel, make_bars, run_alike, script_of

NAN = math.nan
DAYS = np.datetime64("2020-01-01", "D") + np.arange(10)
ENGINES = pytest.mark.parametrize("engine", [VectorEngine(), BacktraderEngine()])


def on_days(symbol: str, days: list[int], price: ArrayLike = 10.0, **more: Any) -> Bars:
    """Bars of a symbol on some of the days, at one price or at a price each."""
    session = DAYS[days]
    bars: Bars = make_bars(
        np.broadcast_to(price, len(days)),
        symbol=symbol,
        session=session,
        time=session.astype("M8[ns]").astype(np.int64),
        **more,
    )
    return bars


def days_of(times: NDArray[np.int64]) -> list[int]:
    return [-1 if time == NOT_YET else int(time // 86_400_000_000_000 - 18262) for time in times]


def test_one_symbol_alone_goes_as_it_does_outside_a_portfolio() -> None:
    bars = make_bars(20.0 * np.exp(np.cumsum(np.random.default_rng(3).normal(0, 0.05, 80))))
    rows = script_of(np.random.default_rng(4).choice((1.0, -1.0, 0.0, NAN), 80))
    alone, panel = (
        run_alike(strategy, bars, script=rows) for strategy in (Scripted, ScriptedPanel)
    )
    for table in ("equity", "orders", "fills", "trades"):
        assert getattr(alone, table).tobytes() == getattr(panel, table).tobytes()
    assert len(alone.trades) > 5


def test_targets_are_asked_of_each_symbol() -> None:
    rising, falling = [10.0, 11.0, 11.0, 11.0], [10.0, 9.0, 9.0, 9.0]
    symbols = on_days("UP", [0, 1, 2, 3], rising), on_days("DOWN", [0, 1, 2, 3], falling)
    fills = run_alike(SmaCrossover, symbols, period=2).fills
    assert set(fills["symbol"]) == {0}


def test_an_order_waits_for_a_bar_of_its_own_symbol() -> None:
    gaps, whole = on_days("GAPS", [0, 3, 4]), on_days("WHOLE", [0, 1, 2, 3, 4])
    rows = np.full((5, 2), NAN)
    rows[0] = 5.0
    outcome = run_alike(ScriptedPanel, (gaps, whole), script=script_of(rows), target="size")
    assert outcome.fills["symbol"].tolist() == [1, 0]
    assert days_of(outcome.fills["time"]) == [1, 3]
    assert outcome.trades["bars"].tolist() == [3, 1]


def test_what_is_wanted_of_a_symbol_without_a_bar_is_not_done_later() -> None:
    late, whole = on_days("LATE", [2, 3, 4]), on_days("WHOLE", [0, 1, 2, 3, 4])
    rows = np.full((5, 2), NAN)
    rows[1] = 5.0
    outcome = run_alike(ScriptedPanel, (late, whole), script=script_of(rows), target="size")
    assert outcome.orders["symbol"].tolist() == [1]


def test_an_order_of_a_symbols_last_bar_stays_accepted_and_its_position_keeps_its_price() -> None:
    gone, whole = on_days("GONE", [0, 1, 2], [10.0, 10.0, 12.0]), on_days("WHOLE", [0, 1, 2, 3, 4])
    rows = np.full((5, 2), NAN)
    rows[0, 0], rows[2, 0] = 10.0, 0.0
    outcome = run_alike(ScriptedPanel, (gone, whole), script=script_of(rows), target="size")
    assert outcome.orders["status"].tolist() == [OrderStatus.COMPLETED, OrderStatus.ACCEPTED]
    assert days_of(outcome.orders["closed"]) == [1, -1]
    assert outcome.equity["value"].tolist() == [1000.0, 1000.0, 1020.0, 1020.0, 1020.0]


def test_an_order_refused_between_its_symbols_bars_is_dated_by_the_last() -> None:
    gaps, whole = on_days("GAPS", [0, 3, 4]), on_days("WHOLE", [0, 1, 2, 3, 4])
    rows = np.full((5, 2), NAN)
    rows[0, 0] = 500.0
    outcome = run_alike(ScriptedPanel, (gaps, whole), script=script_of(rows), target="size")
    assert outcome.orders["reason"].tolist() == [RejectReason.CASH_AT_SUBMISSION]
    assert days_of(outcome.orders["closed"]) == [0]


@pytest.mark.parametrize(("sells_first", "bought"), [(False, 0), (True, 1)])
def test_sales_first_pay_for_purchases(sells_first: bool, bought: int) -> None:
    """The purchase is of the first symbol, and only the sale of the second one brings its cash."""
    symbols = on_days("A", [0, 1, 2, 3]), on_days("B", [0, 1, 2, 3])
    rows = [[NAN, 100.0], [100.0, 0.0], [NAN, NAN], [NAN, NAN]]
    outcome = run_alike(
        ScriptedPanel, symbols, script=script_of(rows), target="size", sells_first=sells_first
    )
    assert np.count_nonzero(outcome.fills["symbol"] == 0) == bought


def test_an_order_that_is_refused_takes_the_cash_from_those_after_it() -> None:
    symbols = tuple(on_days(name, [0, 1, 2]) for name in "ABC")
    rows = [[20.0, 500.0, 20.0], [NAN] * 3, [NAN] * 3]
    orders = run_alike(ScriptedPanel, symbols, script=script_of(rows), target="size").orders
    assert orders["reason"].tolist() == [
        RejectReason.NONE,
        RejectReason.CASH_AT_SUBMISSION,
        RejectReason.CASH_AT_SUBMISSION,
    ]


def test_a_position_is_guarded_from_the_bar_after_its_fill_on_by_the_bars_of_its_symbol() -> None:
    falls = on_days("FALLS", [0, 1, 2, 3], 10.0, low=[10.0, 1.0, 8.5, 10.0])
    rises = on_days("RISES", [0, 1, 2, 3], 10.0, high=[10.0, 99.0, 10.0, 12.5])
    rows = np.full((4, 2), NAN)
    rows[0] = 10.0
    outcome = run_alike(
        ScriptedPanel,
        (falls, rises),
        script=script_of(rows),
        target="size",
        stop_loss=0.1,
        take_profit=0.2,
    )
    orders, closings = outcome.orders, outcome.fills[2:]
    assert orders["kind"].tolist() == [
        *[OrderKind.MARKET] * 2,
        *[OrderKind.STOP, OrderKind.LIMIT] * 2,
    ]
    assert days_of(orders["created"][2:]) == [1] * 4
    assert [order["status"] for order in orders[2:]] == [
        OrderStatus.COMPLETED,
        OrderStatus.CANCELED,
        OrderStatus.CANCELED,
        OrderStatus.COMPLETED,
    ]
    assert days_of(closings["time"]) == [2, 3]
    assert closings["price"].tolist() == [9.0, 12.0]


def test_a_guard_waits_for_a_bar_of_its_own_symbol() -> None:
    """Its last bar, on which it was made, would fill it."""
    gaps = on_days("GAPS", [0, 1, 4, 5], 10.0, low=[10.0, 8.0, 10.0, 8.0])
    whole = on_days("WHOLE", [0, 1, 2, 3, 4, 5])
    rows = np.full((6, 2), NAN)
    rows[0, 0] = 10.0
    outcome = run_alike(
        ScriptedPanel, (gaps, whole), script=script_of(rows), target="size", stop_loss=0.1
    )
    assert days_of(outcome.fills["time"]) == [1, 5]
    assert outcome.fills["price"].tolist() == [10.0, 9.0]


def test_a_further_order_takes_back_what_guards_its_symbol_alone() -> None:
    symbols = on_days("A", [0, 1, 2, 3, 4]), on_days("B", [0, 1, 2, 3, 4])
    rows = np.full((5, 2), NAN)
    rows[0], rows[2, 0] = 10.0, 5.0
    orders = run_alike(
        ScriptedPanel, symbols, script=script_of(rows), target="size", stop_loss=0.1
    ).orders
    stops = orders[orders["kind"] == OrderKind.STOP]
    assert stops["symbol"].tolist() == [0, 1, 0]
    assert stops["size"].tolist() == [-10.0, -10.0, -5.0]
    assert stops["status"].tolist() == [OrderStatus.CANCELED, *[OrderStatus.ACCEPTED] * 2]
    assert days_of(stops["closed"]) == [2, -1, -1]


def test_a_guard_is_worked_off_before_an_order_made_after_it() -> None:
    """Only what the stop of the second symbol brings pays for the first one's higher open."""
    dear = on_days("DEAR", [0, 1, 2, 3], [10.0, 10.0, 10.0, 15.0])
    stopped = on_days("STOPPED", [0, 1, 2, 3], 10.0, low=[10.0, 10.0, 10.0, 8.0])
    rows = np.full((4, 2), NAN)
    rows[0, 1], rows[2, 0] = 50.0, 50.0
    outcome = run_alike(
        ScriptedPanel, (dear, stopped), script=script_of(rows), target="size", stop_loss=0.1
    )
    assert outcome.fills["symbol"].tolist() == [1, 1, 0]
    assert outcome.equity["cash"][-1] == 1000.0 - 50 * 10 + 50 * 9 - 50 * 15


def test_symbols_that_are_halted_throughout_have_no_say() -> None:
    halted = on_days("HALTED", [0, 1, 2], tradable=np.zeros(3, np.bool_))
    outcome = run_alike(
        ScriptedPanel,
        (halted, on_days("B", [0, 1, 2])),
        script=script_of(np.full((3, 2), 3.0)),
        target="size",
    )
    assert outcome.fills["symbol"].tolist() == [1]


def test_buffers_that_are_too_small_at_first_change_no_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    symbols = tuple(on_days(name, [0, 1, 2, 4, 5, 7, 8, 9]) for name in "ABC")
    targets = np.random.default_rng(8).choice((4.0, -3.0, 0.0, NAN), (8, 3))
    point = {"script": script_of(targets), "target": "size", "stop_loss": 0.5, "take_profit": 0.5}
    broker = BrokerSettings(1000.0, 0.001)
    roomy = PortfolioRunner(symbols, ScriptedPanel, broker).run(point)
    assert len(roomy.orders) > 12
    monkeypatch.setattr(growing_buffers, "FIRST_ROOM", 2)
    grown = PortfolioRunner(symbols, ScriptedPanel, broker).run(point)
    for table in ("equity", "orders", "fills", "trades"):
        assert getattr(grown, table).tobytes() == getattr(roomy, table).tobytes()


def test_compiled_and_interpreted_code_agree() -> None:
    draw = np.random.default_rng(7)
    symbols = [on_days(name, list(range(10)), draw.uniform(9, 11, 10)) for name in "ABCD"]
    rows = draw.choice((0.0, 0.3, 0.5, -0.2, NAN), (10, 4)).tobytes().hex()
    runner = PortfolioRunner(symbols, ScriptedPanel, BrokerSettings(1000.0, 0.001, 0.5, 0.01))
    params = {"script": rows, "target": "percent", "sells_first": True, "stop_loss": 0.05}
    before = runner.run(params)
    assert callable(simulate_portfolio.dispatcher)
    after = runner.run(params)
    for table in ("equity", "orders", "fills", "trades"):
        assert getattr(before, table).tobytes() == getattr(after, table).tobytes()
    assert len(before.fills) > 5


SMALL = """
import sys

import numpy as np

from backfleet import Bars, Prices
from backfleet.engine import BrokerSettings, Simulation
from backfleet.engines.vector.engine import VectorEngine
from backfleet_strategies.top_n_momentum import TopNMomentum


def symbol(name):
    close = 20.0 * np.exp(np.cumsum(np.random.default_rng(ord(name)).normal(0.0, 0.02, 2520)))
    session = np.datetime64("2010-01-01", "D") + np.arange(2520)
    time = session.astype("M8[ns]").astype(np.int64)
    prices, ones = Prices(close, close, close, close), np.ones(2520)
    return Bars(name, time, session, prices, prices, ones, ones, ones.astype(np.bool_))


task = Simulation(TopNMomentum, {}, tuple(map(symbol, "ABCDE")), BrokerSettings(1e5, 0.001))
assert len(VectorEngine().run(task).fills) > 100
assert "numba" not in sys.modules
"""


def test_a_small_portfolio_waits_for_no_compiler(tmp_path: Path) -> None:
    """Compiling takes longer than backtrader would."""
    caches = {"BACKFLEET_CACHE": str(tmp_path), "NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", SMALL],
        env={**os.environ, **caches},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


class Answer(VectorStrategy):
    """Answers what it is told to."""

    answer = np.zeros(0)
    target = "size"

    def portfolio_targets(self, universe: Panel) -> NDArray[np.float64]:
        return type(self).answer


@ENGINES
@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        ([[1.0]], TypeError, "portfolio_targets must return a numpy array, not list"),
        (np.zeros((3, 2), np.int64), TypeError, "portfolio_targets must return float64, not int64"),
        (np.zeros(3), ValueError, r"one number per step and symbol, shape \(3, 2\), not \(3,\)"),
        (
            np.array([[0.0, 0.0], [0.0, np.inf], [0.0, 0.0]]),
            ValueError,
            r"is inf at step 1 \(2020-01-02\) for B; it must be finite",
        ),
    ],
)
def test_wrong_answers_are_refused(
    engine: Engine, answer: object, error: type[Exception], message: str
) -> None:
    strategy = type("Wrong", (Answer,), {"answer": answer})
    symbols = on_days("A", [0, 1, 2]), on_days("B", [0, 1, 2])
    with pytest.raises(error, match=message):
        engine.run(Simulation(strategy, {}, symbols, BrokerSettings(1000.0, 0.0)))


@ENGINES
def test_wrong_targets_of_a_symbol_are_refused_by_its_own_bars(engine: Engine) -> None:
    class Short(VectorStrategy):
        def targets(self, bars: Bars) -> NDArray[np.float64]:
            return np.zeros(2)

    symbols = on_days("A", [0, 1]), on_days("B", [0, 1, 2])
    with pytest.raises(
        ValueError, match=r"Short.targets must return one number per bar, shape \(3,"
    ):
        engine.run(Simulation(Short, {}, symbols, BrokerSettings(1000.0, 0.0)))


@ENGINES
def test_an_order_that_cannot_be_sized_names_the_symbol_and_its_bar(engine: Engine) -> None:
    symbols = on_days("A", [0, 1, 2]), on_days("B", [1, 2], 1e-300)
    params = {"script": script_of(np.full((3, 2), 0.1)), "target": "percent"}
    task = Simulation(ScriptedPanel, params, symbols, BrokerSettings(1000.0, 0.0))
    with pytest.raises(ValueError, match=r"B: an order cannot be sized at bar 0 \(2020-01-02\)"):
        engine.run(task)
