"""A strategy sees the bars before the start, and does nothing on them."""

# mypy: allow-subclassing-any

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backfleet.bars import Bars, BarsWindow
from backfleet.class_call import ClassCall
from backfleet.engine import BrokerSettings, Engine, Outcome, Simulation
from backfleet.engines.bt import bt
from engine_tasks import ENGINES, make_bars, run_on_both

LONG = 5


class Calls(bt.Strategy):
    """Writes down on which bar which of its methods is called, and buys in each."""

    params = (("period", LONG),)

    def __init__(self) -> None:
        self.average = bt.indicators.SimpleMovingAverage(self.data, period=self.p.period)
        self.calls: list[tuple[str, int]] = []

    def _called(self, name: str) -> None:
        self.calls.append((name, len(self) - 1))
        self.buy(size=1)

    def prenext(self) -> None:
        self._called("prenext")

    def nextstart(self) -> None:
        self._called("nextstart")

    def next(self) -> None:
        self._called("next")


class Trend(bt.Strategy):
    """Long above the average; what it does on a bar depends on that bar alone."""

    params = (("first", 0),)

    def __init__(self) -> None:
        self.average = bt.indicators.ExponentialMovingAverage(self.data, period=LONG)

    def next(self) -> None:
        if len(self) <= self.p.first:
            return
        above = self.data.close[0] > self.average[0]
        if above and not self.position:
            self.buy(size=10)
        elif not above and self.position:
            self.close()


class Timed(bt.Strategy):
    """Buys when a timer says so."""

    def __init__(self) -> None:
        self.add_timer(when=time(0, 0))

    def notify_timer(
        self, timer: bt.timer.Timer, when: datetime, *args: object, **kwargs: Any
    ) -> None:
        self.buy(size=1)


class EachBar(bt.Strategy):
    """Counts its bars, also before all feeds have one."""

    def __init__(self) -> None:
        self.lengths: list[tuple[int, ...]] = []

    def prenext(self) -> None:
        self.next()

    def next(self) -> None:
        self.lengths.append(tuple(map(len, self.datas)))


def walk(count: int, seed: int = 1) -> np.ndarray[Any, Any]:
    return 20.0 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.03, count)))


def calls(strategy: bt.Strategy) -> list[tuple[str, int]]:
    recorded: list[tuple[str, int]] = strategy.calls
    return recorded


def test_with_enough_warmup_the_first_bar_of_the_job_is_the_first_one_acted_on() -> None:
    bars = make_bars(walk(12), warmup=8)
    outcome = run_on_both(Calls, bars)
    assert calls(outcome.strategy) == [("nextstart", 8), ("next", 9), ("next", 10), ("next", 11)]
    assert outcome.orders["created"].tolist() == bars.time[8:].tolist()
    assert outcome.equity["time"].tolist() == bars.time[8:].tolist()
    assert outcome.fallback is None


def test_with_too_little_warmup_prenext_is_called_from_the_start_on() -> None:
    outcome = run_on_both(Calls, make_bars(walk(7), warmup=2))
    assert calls(outcome.strategy) == [
        ("prenext", 2),
        ("prenext", 3),
        ("nextstart", 4),
        ("next", 5),
        ("next", 6),
    ]


def test_without_a_warmup_the_strategy_is_the_users_own_class(engine: Engine) -> None:
    from backfleet.engine import BrokerSettings, Simulation

    task = Simulation(Calls, {}, (make_bars(walk(7)),), BrokerSettings(100.0, 0.0))
    assert type(engine.run(task).strategy) is Calls


def test_it_trades_as_a_plain_backtrader_that_is_told_to_wait() -> None:
    bars = make_bars(walk(120), warmup=40)
    outcome = run_on_both(Trend, bars, cash=1000.0, commission=0.001)
    columns = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
    frame = pd.DataFrame(columns, index=pd.DatetimeIndex(bars.session.astype("M8[ns]")))
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(bt.feeds.PandasData(dataname=frame))
    cerebro.addstrategy(Trend, first=40)
    cerebro.addanalyzer(bt.analyzers.Transactions, _name="made")
    cerebro.broker.setcash(1000.0)
    cerebro.broker.setcommission(0.001)
    (plain,) = cerebro.run()
    made = plain.analyzers.made.get_analysis()
    ours = list(zip(outcome.fills["size"], outcome.fills["price"], strict=True))
    assert ours == [(size, price) for [(size, price, *_)] in made.values()]
    assert outcome.equity["value"][-1] == cerebro.broker.getvalue()
    assert len(outcome.fills) > 4


def test_fewer_bars_than_asked_for_are_taken_as_they_are() -> None:
    bars = make_bars(walk(9))
    start = bars.session[3].item()
    few = bars.window(BarsWindow(start, warmup=500))
    assert few.warmup == 3
    assert calls(run_on_both(Calls, few).strategy)[:2] == [("prenext", 3), ("nextstart", 4)]
    none = bars.window(BarsWindow(bars.session[0].item(), warmup=500))
    assert calls(run_on_both(Calls, none).strategy)[0] == ("prenext", 0)


@pytest.mark.parametrize("period", [2, 50])
def test_a_symbol_suspended_from_the_start_on_is_never_traded(period: int) -> None:
    bars = make_bars(walk(8), warmup=6, tradable=np.arange(8) < 6)
    outcome = run_on_both(Calls, bars, period=period)
    assert calls(outcome.strategy) == []
    assert len(outcome.equity) == len(outcome.orders) == 0


def test_a_timer_is_silent_in_the_warmup() -> None:
    bars = make_bars(walk(6), warmup=4)
    outcome = run_on_both(Timed, bars)
    assert outcome.orders["created"].tolist() == bars.time[4:].tolist()


@pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES)
@pytest.mark.parametrize("period", [LONG, 20])
def test_analyzers_measure_the_same_with_and_without_a_warmup(engine: Engine, period: int) -> None:
    bars = make_bars(walk(60), session=np.datetime64("2020-01-20") + np.arange(60))
    start = bars.session[30].item()
    calls = ("TimeReturn", "Returns", "SharpeRatio", "DrawDown", "Calmar", "PyFolio", "VWR")
    analyzers = tuple((name, ClassCall(name)) for name in calls)
    # The longer period is not over with the warm-up, so that `prenext` is called after it.
    none, some = (
        engine.run(
            Simulation(
                Calls,
                {"period": period},
                (bars.window(BarsWindow(start, warmup=warmup)),),
                BrokerSettings(1000.0, 0.001),
                analyzers=analyzers,
            )
        )
        for warmup in (0, 12)
    )
    assert isinstance(none, Outcome)
    assert isinstance(some, Outcome)
    assert some.orders.tobytes() == none.orders.tobytes()
    assert some.metrics == none.metrics
    # Rows of texts have NaN for a number, which differs from itself.
    assert list(map(repr, some.analyzers)) == list(map(repr, none.analyzers))
    assert len(some.analyzers) > 30


def test_several_symbols_begin_with_the_first_of_their_bars_from_the_start_on() -> None:
    first = make_bars(walk(8), symbol="A")
    gap = make_bars(walk(8), symbol="B", tradable=np.arange(8) != 4)
    window = BarsWindow(first.session[4].item(), warmup=3)
    late = later(make_bars(walk(2), symbol="C"), first, by=5)
    outcome = run_on_both(EachBar, *(bars.window(window) for bars in (gap, first, late)))
    assert outcome.strategy.lengths == [(3, 4, 0), (4, 5, 1), (5, 6, 2), (6, 7, 2)]
    assert outcome.equity["time"].tolist() == first.time[4:].tolist()


def later(bars: Bars, than: Bars, by: int) -> Bars:
    from dataclasses import replace

    days = timedelta(days=by)
    session = than.session[: len(bars)] + np.timedelta64(days)
    return replace(bars, session=session, time=than.time[by : by + len(bars)])
