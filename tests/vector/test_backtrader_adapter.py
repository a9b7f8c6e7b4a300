"""`as_backtrader`: a vector strategy in a script of one's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import backfleet
from backfleet import Bars, VectorStrategy
from backfleet.engine import BrokerSettings, OrderKind, Simulation
from backfleet.engines.bt import bt
from backfleet.engines.vector.engine import VectorEngine
from backfleet_strategies.dual_moving_average import DualMovingAverage
from backfleet_strategies.top_n_momentum import TopNMomentum
from vector_tasks import make_bars


class Shown(VectorStrategy):
    """Writes down the bars that it is shown."""

    def targets(self, bars: Bars) -> Any:
        self.metrics.update(
            first=str(bars.session[0]), time=int(bars.time[1]), volume=float(bars.volume[1])
        )
        return np.zeros(len(bars))


def script(
    strategy: type[VectorStrategy],
    *symbols: Bars,
    modes: dict[str, Any] | None = None,
    **params: Any,
) -> Any:
    """A plain Cerebro over the bars. Returns it and the strategy after the run."""
    cerebro = bt.Cerebro(stdstats=False, **(modes or {}))
    for bars in symbols:
        columns = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
        frame = pd.DataFrame(columns, index=pd.DatetimeIndex(bars.time.view("M8[ns]")))
        cerebro.adddata(bt.feeds.PandasData(dataname=frame), name=bars.symbol)
    cerebro.addstrategy(backfleet.as_backtrader(strategy), **params)
    cerebro.broker.setcash(1000.0)
    return cerebro, cerebro.run()[0]


def test_a_script_with_it_ends_where_the_vector_engine_does() -> None:
    bars = make_bars(20.0 * np.exp(np.cumsum(np.random.default_rng(3).normal(0, 0.03, 120))))
    params: dict[str, Any] = {"fast": 3, "slow": 9}
    cerebro, _ = script(DualMovingAverage, bars, **params)
    task = Simulation(DualMovingAverage, params, (bars,), BrokerSettings(1000.0, 0.0))
    assert cerebro.broker.getvalue() == VectorEngine().run(task).equity["value"][-1]


class GuardedMomentum(TopNMomentum):
    """With orders that close positions at a loss or a profit."""

    stop_loss: float = 0.04
    take_profit: float = 0.08


@pytest.mark.parametrize("strategy", [TopNMomentum, GuardedMomentum])
@pytest.mark.parametrize("runonce", [True, False])
def test_a_script_with_several_feeds_trades_them_as_a_portfolio(
    strategy: type[VectorStrategy], runonce: bool
) -> None:
    draw = np.random.default_rng(3)
    whole, late, brief = (
        make_bars(20.0 * np.exp(np.cumsum(draw.normal(0, 0.03, 120))), symbol=name)
        for name in ("WHOLE", "LATE", "BRIEF")
    )
    symbols = whole, late[40:], brief[:70]
    params: dict[str, Any] = {"n": 1, "days": 5, "every": 5}
    cerebro, _ = script(strategy, *symbols, modes={"runonce": runonce}, **params)
    task = Simulation(strategy, params, symbols, BrokerSettings(1000.0, 0.0))
    outcome = VectorEngine().run(task)
    assert set(outcome.fills["symbol"]) == {0, 1, 2}
    guards = (OrderKind.STOP, OrderKind.LIMIT) if strategy is GuardedMomentum else ()
    assert set(outcome.orders["kind"][outcome.orders["filled"] != 0]) == {OrderKind.MARKET, *guards}
    assert cerebro.broker.getvalue() == outcome.equity["value"][-1]


def test_its_parameters_are_those_of_the_vector_strategy() -> None:
    derived = backfleet.as_backtrader(DualMovingAverage)
    assert derived.params._getpairs() == {"fast": 10, "slow": 30, "sizing": "fee-aware"}
    assert derived.__doc__ == DualMovingAverage.__doc__
    assert backfleet.as_backtrader(DualMovingAverage) is derived


def test_the_bars_are_read_back_from_the_feed_to_the_millisecond() -> None:
    time = np.array(["2020-01-01T09:30:00.001", "2020-01-01T09:31:07.5"], "M8[ns]")
    bars = make_bars([10.0, 11.0], time=time.view("i8"), volume=np.array([5.0, 7.0]))
    _, strategy = script(Shown, bars)
    assert strategy.metrics == {"first": "2020-01-01", "time": int(bars.time[1]), "volume": 7.0}


def test_a_feed_that_is_not_preloaded_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a vector strategy computes .* Cerebro\(preload=True\)"):
        script(Shown, make_bars([10.0] * 3), modes={"preload": False})
