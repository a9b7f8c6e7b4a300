"""`backfleet.Cerebro` in a script, beside backtrader itself."""

# mypy: allow-subclassing-any

from __future__ import annotations

import gc
import pickle
import subprocess
import sys
from typing import Any

import pandas as pd
import pytest

import backfleet
from backfleet.engines.bt import bt
from backfleet.engines.fast import heap
from backfleet.engines.fast.broker import FastBroker
from backfleet.engines.fast.lines import LineMovedError
from cerebro_runs import make_frame


# backtrader keeps the lines of a strategy under its name, and pickles find them there: no other
# strategy of the tests has this one.
class PickledCrossing(bt.Strategy):
    params = (("period", 10),)

    def __init__(self) -> None:
        self.average = bt.indicators.SMA(period=self.p.period)
        self.above = self.data.close > self.average

    def next(self) -> None:
        if self.above and not self.position:
            self.buy(size=10)
        elif not self.above and self.position:
            self.close()


class Watching(PickledCrossing):
    """Notes the classes that it meets."""

    def start(self) -> None:
        self.met: set[Any] = set()

    def next(self) -> None:
        super().next()
        for part in (self.data, self.data.close, self.average, self.above, self.position):
            self.met.add((type(part).__name__, type(part).__module__))
        assert isinstance(self.data, bt.feeds.PandasData)
        assert isinstance(self.average, bt.indicators.SMA)


class Moves(bt.Strategy):
    """Moves lines in a way that its code does not show."""

    def next(self) -> None:
        if len(self) == 3:
            getattr(self.data, "re" + "wind")()


def again(data: bt.DataBase) -> None:
    data.rewind()


class SeesTwice(PickledCrossing):
    """Sees some bars twice, and notes them."""

    def start(self) -> None:
        self.notes: list[Any] = []

    def next(self) -> None:
        super().next()
        numbers = (self.data.close[0], self.average[0], self.broker.getvalue())
        self.notes.append((len(self), len(self.data), len(self.average), *numbers))
        if len(self) in (30, 47, 48):
            again(self.data)


def script(
    cerebro_class: type[bt.Cerebro],
    frame: pd.DataFrame,
    strategy: type[bt.Strategy] = PickledCrossing,
    **params: Any,
) -> tuple[Any, Any]:
    cerebro = cerebro_class(**params)
    cerebro.adddata(bt.feeds.PandasData(dataname=frame), name="d0")
    cerebro.addstrategy(strategy)
    return cerebro, cerebro.run()[0]


@pytest.fixture
def frame() -> pd.DataFrame:
    return make_frame(120)


def test_it_is_a_cerebro_with_the_same_arguments(frame: pd.DataFrame) -> None:
    cerebro, strategy = script(backfleet.Cerebro, frame, stdstats=False, maxcpus=1)
    assert isinstance(cerebro, bt.Cerebro)
    assert isinstance(cerebro.broker, bt.brokers.BackBroker)
    assert cerebro.p.stdstats is False
    assert cerebro.fallback is None
    assert strategy.cerebro is cerebro
    assert len(cerebro.broker.orders) > 3


def test_nothing_of_backtraders_own_is_changed(frame: pd.DataFrame) -> None:
    classes = [
        bt.Cerebro,
        bt.Strategy,
        bt.Order,
        bt.Position,
        bt.brokers.BackBroker,
        bt.feeds.PandasData,
        bt.indicators.SMA,
        bt.linebuffer.LineBuffer,
        bt.lineseries.LineSeries,
        bt.Analyzer,
    ]
    before = [dict(vars(kind)) for kind in classes]
    subclasses = set(bt.Strategy._indcol), set(bt.Indicator._indcol)
    script(backfleet.Cerebro, frame)
    assert [dict(vars(kind)) for kind in classes] == before
    assert (set(bt.Strategy._indcol), set(bt.Indicator._indcol)) == subclasses
    cerebro, strategy = script(bt.Cerebro, frame)
    assert type(cerebro.broker) is bt.brokers.BackBroker
    assert type(strategy.data.close) is bt.linebuffer.LineBuffer
    assert type(strategy.position) is bt.Position


def test_importing_backfleet_leaves_backtrader_alone() -> None:
    code = (
        "import backtrader as bt\n"
        "before = dict(vars(bt.Cerebro)), dict(vars(bt.linebuffer.LineBuffer))\n"
        "import backfleet; backfleet.Cerebro\n"
        "assert before == (dict(vars(bt.Cerebro)), dict(vars(bt.linebuffer.LineBuffer)))\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)


def test_everything_is_of_its_own_class_again_after_a_run(frame: pd.DataFrame) -> None:
    _, strategy = script(backfleet.Cerebro, frame, Watching)
    _, stock = script(bt.Cerebro, frame, Watching)
    assert {name for name, _ in strategy.met} == {name for name, _ in stock.met}
    assert type(strategy.data) is bt.feeds.PandasData
    assert type(strategy.average) is bt.indicators.SMA
    assert type(strategy.above) is bt.linebuffer.LinesOperation
    for owner in (strategy, strategy.data, strategy.average, strategy.above):
        assert not [name for name in vars(owner) if name.startswith("_fast")]
    assert "once" not in vars(strategy.above)
    assert "preload" not in vars(strategy.data)


def test_an_error_of_a_strategy_leaves_no_object_changed(frame: pd.DataFrame) -> None:
    class Fails(PickledCrossing):
        def next(self) -> None:
            if len(self) == 40:
                raise ZeroDivisionError("in next")

    cerebro = backfleet.Cerebro()
    feed = bt.feeds.PandasData(dataname=frame)
    cerebro.adddata(feed)
    cerebro.addstrategy(Fails)
    with pytest.raises(ZeroDivisionError, match="in next"):
        cerebro.run()
    assert type(feed) is bt.feeds.PandasData
    assert type(feed.close) is bt.linebuffer.LineBuffer
    assert len(feed) == 40


def test_a_strategy_that_moves_a_line_is_told_what_to_do(frame: pd.DataFrame) -> None:
    with pytest.raises(LineMovedError, match=r"cerebro\.fast = False"):
        script(backfleet.Cerebro, frame, Moves)


def test_rewound_feeds_give_what_they_give_on_backtrader(frame: pd.DataFrame) -> None:
    fast, mine = script(backfleet.Cerebro, frame, SeesTwice)
    stock, theirs = script(bt.Cerebro, frame, SeesTwice)
    assert fast.fallback == "the strategy SeesTwice calls rewind, which moves lines"
    assert mine.notes == theirs.notes
    assert len(mine.notes) > 100
    assert fast.broker.getvalue() == stock.broker.getvalue() != 10_000.0


def test_switched_off_it_runs_everything_itself(frame: pd.DataFrame) -> None:
    cerebro = backfleet.Cerebro()
    cerebro.fast = False
    cerebro.adddata(bt.feeds.PandasData(dataname=frame))
    cerebro.addstrategy(PickledCrossing)
    cerebro.run()
    assert cerebro.fallback == "switched off"


def test_it_runs_twice_and_gives_the_same(frame: pd.DataFrame) -> None:
    cerebro = backfleet.Cerebro()
    cerebro.adddata(bt.feeds.PandasData(dataname=frame))
    cerebro.addstrategy(PickledCrossing)
    values = []
    for _ in range(2):
        cerebro.run()
        values.append(cerebro.broker.getvalue())
    assert values[0] == values[1] != 10_000.0


@pytest.mark.parametrize("maxcpus", [1, 2])
@pytest.mark.parametrize("optreturn", [True, False])
def test_optstrategy_gives_what_it_gives_on_backtrader(
    frame: pd.DataFrame, maxcpus: int, optreturn: bool
) -> None:
    def sweep(cerebro_class: type[bt.Cerebro]) -> list[Any]:
        cerebro = cerebro_class(maxcpus=maxcpus, optreturn=optreturn)
        cerebro.adddata(bt.feeds.PandasData(dataname=frame))
        cerebro.optstrategy(PickledCrossing, period=range(5, 9))
        cerebro.addanalyzer(bt.analyzers.TimeReturn)
        cerebro.addanalyzer(bt.analyzers.DrawDown)
        return [
            (run.p.period, run.analyzers.timereturn.get_analysis(), dict(run.analyzers[1].rets))
            for (run,) in cerebro.run()
        ]

    assert sweep(backfleet.Cerebro) == sweep(bt.Cerebro)


def test_a_plot_has_the_same_curves(frame: pd.DataFrame) -> None:
    class Curves:
        """A plotter that draws nothing and keeps what it was given."""

        def plot(self, strategy: bt.Strategy, **_: Any) -> Any:
            owners = [*strategy.datas, *strategy.getindicators(), *strategy.getobservers()]
            return [
                repr(line.plotrange(0, len(strategy))) for owner in owners for line in owner.lines
            ]

        def show(self) -> None:
            pass

    drawn = [
        script(cerebro_class, frame)[0].plot(plotter=Curves())
        for cerebro_class in (backfleet.Cerebro, bt.Cerebro)
    ]
    assert drawn[0] == drawn[1]


def test_a_cerebro_can_be_pickled_as_backtraders_can(frame: pd.DataFrame) -> None:
    cerebro, _ = script(backfleet.Cerebro, frame)
    again = pickle.loads(pickle.dumps(cerebro))
    assert isinstance(again.broker, FastBroker)
    assert again.broker.getvalue() == cerebro.broker.getvalue()


def collector_settings() -> tuple[object, ...]:
    return gc.get_threshold(), gc.isenabled(), list(gc.callbacks)


@pytest.mark.parametrize("thresholds", [gc.get_threshold(), (50, 3, 7), (0, 0, 0)])
@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("fast", [True, False])
def test_a_run_leaves_the_settings_of_the_garbage_collector_alone(
    frame: pd.DataFrame, thresholds: tuple[int, int, int], enabled: bool, fast: bool
) -> None:
    observed = []

    class Observes(PickledCrossing):
        def next(self) -> None:
            super().next()
            observed.append(collector_settings())

        def stop(self) -> None:
            observed.append(collector_settings())

    class Chosen(backfleet.Cerebro):
        pass

    Chosen.fast = fast
    usual = gc.get_threshold()
    gc.set_threshold(*thresholds)
    if not enabled:
        gc.disable()
    try:
        before = collector_settings()
        script(Chosen, frame, Observes)
        observed.append(collector_settings())
    finally:
        gc.enable()
        gc.set_threshold(*usual)
    assert len(observed) > 100
    assert all(settings == before for settings in observed)


@pytest.mark.parametrize("frozen", [False, True])
def test_only_the_first_run_of_a_process_exempts_the_heap_and_gives_it_back(
    frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch, frozen: bool
) -> None:
    observed = []

    class Observes(PickledCrossing):
        def stop(self) -> None:
            observed.append(gc.get_freeze_count())
            raise ArithmeticError

    monkeypatch.setattr(heap, "_runs_began", False)
    if frozen:
        gc.freeze()
    try:
        before = gc.get_freeze_count()
        for _ in range(2):
            with pytest.raises(ArithmeticError):
                script(backfleet.Cerebro, frame, Observes)
            observed.append(gc.get_freeze_count())
    finally:
        gc.unfreeze()
    assert [count > 0 for count in observed] == [True, frozen, frozen, frozen]
    assert (before > 0) == frozen
