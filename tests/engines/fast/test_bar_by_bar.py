"""Scripts that backtrader takes bar by bar: they see what backtrader shows, and nothing more."""

# mypy: allow-subclassing-any

from __future__ import annotations

import datetime
import inspect
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from backtrader.lineiterator import LinesCoupler

from backfleet.engines.bt import bt
from backfleet.engines.fast import bar_by_bar
from cerebro_runs import Ran, make_frame, same_as_stock

INDICATORS = sorted(
    {
        cls.__name__
        for cls in vars(bt.indicators).values()
        if inspect.isclass(cls) and issubclass(cls, bt.Indicator) and cls is not bt.Indicator
    }
)
FEW_INDICATORS = ("BollingerBands", "DemarkPivotPoint", "Ichimoku", "ParabolicSAR", "Stochastic")
BY_THE_BAR: tuple[dict[str, Any], ...] = (
    {"runonce": False},
    {"preload": False},
    {"runonce": False, "preload": False, "cheat_on_open": True},
)


class Looks(bt.Strategy):
    """Notes what lines show of themselves, also of bars to come, and trades."""

    params = (("indicator", "SMA"),)

    def __init__(self) -> None:
        kind = getattr(bt.indicators, self.p.indicator)
        self.used = [kind(data) for data in self.datas]
        # The first feed's bars go on being compared while the last one's stand still.
        average = bt.indicators.EMA(self.datas[-1], period=3)
        self.above = bt.indicators.SMA(self.data, period=40) > average
        self.seen: list[Any] = []

    def prenext(self) -> None:
        self.next()

    def next(self) -> None:
        series = [*self.datas, *self.used, self.above, self]
        self.seen.append([(len(owner), owner.buflen(), len(owner.array)) for owner in series])
        self.seen.append([tomorrow(owner) for owner in series])
        self.seen.append(self.data.datetime.datetime())
        self.trade(self.datas[len(self) % len(self.datas)])

    def trade(self, data: bt.DataBase) -> None:
        if len(self) % 5 == 0 and len(data):
            self.buy(data=data, size=10)
        elif len(self) % 8 == 0:
            self.close(data=data)
        elif len(self) % 9 == 0 and len(data):
            self.sell(data=data, exectype=bt.Order.Limit, price=data.close[0] * 1.01)


def tomorrow(series: bt.LineSeries) -> Any:
    try:
        return series[1]
    except IndexError as error:
        return str(error)


class Plain(Looks):
    """The same without a line of two feeds, which fails before both of them have begun."""

    def __init__(self) -> None:
        self.used = [bt.indicators.EMA(data, period=3) for data in self.datas]
        self.above = self.data.close > self.used[0]
        self.seen: list[Any] = []


class Own(bt.Indicator):
    """An indicator of a script's own, which looks at the strategy that it belongs to."""

    lines: Any = ("own",)

    def __init__(self) -> None:
        self.below = bt.indicators.SMA(self.data, period=4)

    def next(self) -> None:
        self.lines.own[0] = self.below[0] + len(self._owner) + self._owner.broker.getvalue()


class OfItsOwn(Looks):
    """A strategy with such an indicator, and lines that take the values of others."""

    lines: Any = ("signal",)

    def __init__(self) -> None:
        super().__init__()
        self.used.append(Own(self.data))
        self.lines.signal = self.data.close - self.used[0]
        self.coupled = self.datas[-1].close()


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The runs whose feeds were played back."""
    runs: list[Any] = []
    from backfleet.engines.fast import cerebro

    def run(*arguments: Any) -> None:
        runs.append(arguments)
        bar_by_bar.run_bar_by_bar(*arguments)

    monkeypatch.setattr(cerebro, "run_bar_by_bar", run)
    return runs


def one_feed(cerebro: bt.Cerebro) -> None:
    cerebro.adddata(bt.feeds.PandasData(dataname=make_frame(90)), name="a")


def two_feeds(cerebro: bt.Cerebro) -> None:
    cerebro.adddata(bt.feeds.PandasData(dataname=make_frame(90)), name="a")
    cerebro.adddata(bt.feeds.PandasData(dataname=make_frame(90, seed=2)[:70:2]), name="b")


def resampled(timeframe: int, compression: int, **options: Any) -> Callable[[Any], None]:
    def add(cerebro: bt.Cerebro) -> None:
        is_short = timeframe < bt.TimeFrame.Days
        frame = make_frame(300 if is_short else 120, freq="7min" if is_short else "D")
        unit = bt.TimeFrame.Minutes if is_short else bt.TimeFrame.Days
        feed = bt.feeds.PandasData(dataname=frame, timeframe=unit)
        if options.get("both", True):
            cerebro.adddata(feed, name="a")
        rest = {name: value for name, value in options.items() if name != "both"}
        cerebro.resampledata(feed, timeframe=timeframe, compression=compression, **rest)

    return add


FEEDS: dict[str, Callable[[Any], None]] = {
    "weeks": resampled(bt.TimeFrame.Weeks, 1),
    "weeks alone": resampled(bt.TimeFrame.Weeks, 1, both=False),
    "three days": resampled(bt.TimeFrame.Days, 3),
    "months": resampled(bt.TimeFrame.Months, 1, rightedge=False),
    "minutes": resampled(bt.TimeFrame.Minutes, 30, boundoff=1),
    "minutes alone": resampled(bt.TimeFrame.Minutes, 15, both=False, bar2edge=False),
    "days of minutes": resampled(bt.TimeFrame.Days, 1, both=False, adjbartime=False),
}


def look(feeds: Callable[[Any], None], strategy: type[bt.Strategy] = Looks, **options: Any) -> Ran:
    indicator = options.pop("indicator", "SMA")

    def setup(cerebro: bt.Cerebro) -> None:
        LinesCoupler.counter = 0  # it is in the names of classes
        feeds(cerebro)
        cerebro.addstrategy(strategy, indicator=indicator)
        cerebro.addanalyzer(bt.analyzers.TradeAnalyzer)

    return same_as_stock(setup, witness=False, **options)


@pytest.mark.parametrize("settings", BY_THE_BAR, ids=str)
def test_bars_one_by_one_show_what_backtrader_shows(
    settings: dict[str, Any], played: list[Any]
) -> None:
    assert look(two_feeds, OfItsOwn, **settings).orders
    assert played


@pytest.mark.parametrize("name", FEEDS)
def test_resampled_feeds_show_what_backtrader_shows(name: str, played: list[Any]) -> None:
    assert look(FEEDS[name], OfItsOwn).strategies
    assert played


def test_resampled_clone_that_is_preloaded_takes_the_lean_loop() -> None:
    def weeks_of_a_clone(cerebro: Any) -> None:
        one_feed(cerebro)
        clone = bt.DataClone(dataname=cerebro.datas[0])
        clone.addfilter(bt.ResamplerWeekly)
        cerebro.adddata(clone)

    run = look(weeks_of_a_clone, Plain)
    assert run.strategies
    assert run.fallback is None


def test_filters_of_a_script_run_in_backtraders_own_loop(played: list[Any]) -> None:
    def skip_each_third(feed: Any) -> bool:
        if feed.volume[0] % 3:
            return False
        feed.backwards()
        return True

    def filtered(cerebro: Any) -> None:
        feed = bt.feeds.PandasData(dataname=make_frame(60), todate=datetime.datetime(2018, 2, 9))
        feed.addfilter(skip_each_third)
        cerebro.adddata(feed)

    assert look(filtered, OfItsOwn, preload=False).strategies
    assert not played


@pytest.mark.parametrize("exactbars", [1, -1, -2])
def test_lines_that_save_memory_show_what_backtrader_shows(exactbars: int) -> None:
    assert look(one_feed, OfItsOwn, exactbars=exactbars).strategies


@pytest.mark.parametrize("compression", [1, 2])
def test_replayed_feeds_show_what_backtrader_shows(compression: int, played: list[Any]) -> None:
    def replayed(cerebro: bt.Cerebro) -> None:
        feed = bt.feeds.PandasData(dataname=make_frame(60))
        cerebro.replaydata(feed, timeframe=bt.TimeFrame.Weeks, compression=compression)

    assert look(replayed, OfItsOwn).strategies
    assert not played


@pytest.mark.parametrize(
    "name",
    [
        *FEW_INDICATORS,
        *(pytest.param(n, marks=pytest.mark.exhaustive) for n in INDICATORS),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_indicators_bar_by_bar_have_the_bits_of_backtrader(name: str) -> None:
    runs = [
        look(two_feeds, indicator=name, runonce=False),
        look(FEEDS["three days"], indicator=name),
    ]
    # Some of backtrader's indicators cannot be made of a feed alone.
    assert name not in FEW_INDICATORS or all(run.strategies for run in runs)


def csv(rows: list[str], folder: Path, made: list[Any]) -> Callable[[Any], None]:
    """A feed of these rows and its weeks; the feed is added to `made`."""
    path = folder / "bars.csv"
    path.write_text("\n".join(["date,open,high,low,close,volume", *rows, ""]), "utf-8")

    def add(cerebro: bt.Cerebro) -> None:
        feed = bt.feeds.GenericCSVData(
            dataname=str(path), dtformat="%Y-%m-%d", openinterest=-1, todate=pd.Timestamp("2021")
        )
        made.append(feed)
        cerebro.adddata(feed)
        cerebro.resampledata(feed, timeframe=bt.TimeFrame.Weeks)

    return add


def rows_of(days: list[str]) -> list[str]:
    return [f"{day},{10 + at},{12 + at},{9 + at},{11 + at},5" for at, day in enumerate(days)]


DAYS = [f"2020-01-{day:02}" for day in range(1, 31)]


@pytest.mark.parametrize(
    "rows",
    [
        rows_of(DAYS),
        [*rows_of(DAYS), "2020-02-01,bad,1,1,1,1"],
        rows_of([*DAYS, "2021-05-01", "2020-02-03", "2020-02-04"]),
    ],
    ids=["good", "a bad number", "a day after the end"],
)
def test_files_read_bar_by_bar_end_and_fail_at_their_own_row(
    rows: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Prints(Looks):
        def next(self) -> None:
            print(len(self), [len(data) for data in self.datas])

    made: list[Any] = []
    look(csv(rows, tmp_path, made), Prints)
    for feed in made:
        if feed.f is not None:  # backtrader leaves a file open that it failed to read
            feed.f.close()
    lines = capsys.readouterr().out.splitlines()
    assert lines[: len(lines) // 2] == lines[len(lines) // 2 :]


def test_run_that_is_stopped_leaves_what_backtrader_leaves(played: list[Any]) -> None:
    class Stops(Looks):
        def next(self) -> None:
            super().next()
            if len(self) == 30:
                self.cerebro.runstop()

    assert look(FEEDS["weeks"], Stops).strategies
    assert played


def random_feeds(seed: int) -> Callable[[Any], None]:
    """Add feeds with holes, some of them resampled in a random way, in a random order."""
    chance = random.Random(seed)
    freq = chance.choice(["D", "h", "7min", "20s"])
    sizes = {"D": bt.TimeFrame.Days, "20s": bt.TimeFrame.Seconds}
    unit = sizes.get(freq, bt.TimeFrame.Minutes)
    units = [u for u in range(bt.TimeFrame.Ticks, bt.TimeFrame.Years + 1) if u >= unit or not u % 4]

    def add(cerebro: Any) -> None:
        for number in range(chance.randint(1, 2)):
            frame = make_frame(chance.randint(3, 160), seed=seed + number, freq=freq)
            kept = [at for at in range(len(frame)) if at < 1 or chance.random() < 0.9]
            feed = bt.feeds.PandasData(
                dataname=frame.iloc[kept],
                timeframe=unit,
                todate=chance.choice([None, frame.index[-1 - len(frame) // 3]]),
                sessionend=chance.choice([None, datetime.time(16, 0)]),
            )
            is_shown = chance.random() < 0.7
            if is_shown:
                cerebro.adddata(feed)
            for _ in range(chance.randint(0 if is_shown else 1, 2)):
                cerebro.resampledata(
                    feed,
                    timeframe=chance.choice(units),
                    compression=chance.choice([1, 1, 2, 3, 15]),
                    bar2edge=chance.random() < 0.7,
                    adjbartime=chance.random() < 0.7,
                    rightedge=chance.random() < 0.7,
                    boundoff=chance.choice([0, 0, 1]),
                    takelate=chance.random() < 0.7,
                )

    return add


@pytest.mark.parametrize(
    "block", [0, *(pytest.param(n, marks=pytest.mark.exhaustive) for n in range(1, 60))]
)
def test_random_resampling_gives_the_bars_of_backtrader(block: int) -> None:
    for seed in range(10 * block, 10 * block + 10):
        settings = random.Random(seed).choice([{}, {}, {"runonce": False}, {"preload": False}])
        # Each Cerebro draws for itself.
        look(lambda cerebro, seed=seed: random_feeds(seed)(cerebro), Plain, **settings)
