"""`data.feeds`: a job's strategy has the feeds that it has in a plain script of backtrader."""

# mypy: allow-subclassing-any

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Sequence
from datetime import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backfleet.engines.bt import bt
from backfleet.errors import DataError, JobError
from backfleet.job import Data, Job
from backfleet.plan.plan import plan_job
from backfleet.runs.run_task import run_task

ENGINES = ("backtrader", "backtrader-stock")

STRATEGY = '''
import backtrader as bt

class Notes(bt.Strategy):
    """Trades some of its feeds, and notes what it sees of all of them."""

    params = (("traded", 1), ("period", 3))

    def __init__(self):
        self.averages = [bt.ind.SMA(data, period=self.p.period) for data in self.datas]
        self.notes = []

    def prenext(self):
        self.note()

    def next(self):
        self.note()
        for i in (int(digit) for digit in str(self.p.traded)):
            data, average = self.datas[i - 1], self.averages[i - 1]
            if not self.getposition(data) and data.close[0] > average[0]:
                self.buy(data, size=len(self) % 5 + 1)
            elif self.getposition(data) and data.close[0] < self.averages[-1][0]:
                self.close(data)

    def note(self):
        self.notes.append([
            len(self), self.broker.getvalue(),
            *((data._name, len(data), *self.bar(data)) for data in self.datas)])

    def bar(self, data):
        if not len(data):
            return ()
        lines = (data.datetime, data.open, data.high, data.low, data.close, data.volume)
        return tuple(line[0] for line in lines)
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with prices of symbols, two of which lack days, and a strategy."""
    everyday = pd.bdate_range("2021-01-04", periods=90)
    hours = pd.date_range("2021-01-04 09:05", periods=36, freq="5min")
    times = {"AAA": everyday, "BBB": everyday, "CCC": everyday, "MKT": everyday}
    intraday = [time + pd.Timedelta(days=day) for day in (0, 1, 3) for time in hours]
    times["MIN"] = pd.DatetimeIndex(intraday)
    for seed, (name, all_times) in enumerate(times.items()):
        draw = random.Random(seed)
        days = [day for day in all_times if name not in ("CCC", "MKT") or draw.random() < 0.95]
        close = 50.0 * np.exp(np.cumsum([draw.gauss(0, 0.02) for _ in days]))
        opened = close * [draw.uniform(0.99, 1.01) for _ in days]
        columns = {
            "open": opened,
            "high": np.maximum(opened, close) * 1.01,
            "low": np.minimum(opened, close) * 0.99,
            "close": close,
            "volume": [draw.uniform(0.1, 9.9) for _ in days],
        }
        frame = pd.DataFrame(columns, index=pd.DatetimeIndex(days, name="date"))
        frame.to_csv(tmp_path / f"{name}.csv", float_format="%.17g")
    (tmp_path / "notes.py").write_text(STRATEGY)
    return tmp_path


def job(
    folder: Path,
    feeds: Sequence[str],
    engine: str,
    traded: int,
    market: Any = None,
    **data: Any,
) -> Job:
    return Job(
        strategy=f"{folder}/notes.py:Notes",
        engine=engine,
        params={"traded": traded},
        data={"source": "csv", "path": str(folder), "feeds": feeds, **data},
        broker={"cash": 3000.0, "commission": 0.001},
        market=market,
    )


def plain_notes(folder: Path, traded: int, add_feeds: Callable[[Any], None]) -> list[Any]:
    """The notes of the strategy in a script on plain backtrader."""
    names: dict[str, Any] = {}
    exec(STRATEGY, names)
    cerebro = bt.Cerebro(stdstats=False)
    add_feeds(cerebro)
    cerebro.addstrategy(names["Notes"], traded=traded)
    cerebro.broker.setcash(3000.0)
    cerebro.broker.setcommission(0.001)
    notes: list[Any] = cerebro.run()[0].notes
    return notes


def feed_of(folder: Path, name: str) -> Any:
    path = str(folder / f"{name}.csv")
    if name == "MIN":
        return bt.feeds.GenericCSVData(
            dataname=path, openinterest=-1, timeframe=bt.TimeFrame.Minutes, compression=5
        )
    midnight = time(0, 0)
    return bt.feeds.GenericCSVData(
        dataname=path, dtformat="%Y-%m-%d", openinterest=-1, sessionend=midnight
    )


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("feeds", "traded"), [(("CCC", "AAA", "BBB"), 123), (("MKT", "BBB"), 2), (("BBB",), 1)]
)
def test_feeds_are_those_of_a_script_that_adds_them_in_this_order(
    folder: Path, engine: str, feeds: Sequence[str], traded: int
) -> None:
    def add(cerebro: bt.Cerebro) -> None:
        for name in feeds:
            cerebro.adddata(feed_of(folder, name), name=name)

    ran = run_task(job(folder, feeds, engine, traded), 0)
    assert ran.outcome.strategy.notes == plain_notes(folder, traded, add)
    assert ran.outcome.fallback is None
    assert ran.row["trades"] > 5


# What is left of the rules never binds here: all sizes are whole, and no symbol is halted.
@pytest.mark.parametrize("market", [None, {"rules": "us-equity", "off": ["section-31"]}])
@pytest.mark.parametrize("engine", ENGINES)
def test_auxiliary_feed_stands_where_the_feeds_name_it(
    folder: Path, engine: str, market: Any
) -> None:
    def add(cerebro: bt.Cerebro) -> None:
        for name, file in (("market", "MKT"), ("BBB", "BBB"), ("AAA", "AAA")):
            cerebro.adddata(feed_of(folder, file), name=name)

    feeds = ("market", "BBB", "AAA")
    auxiliary = {"market": {"symbols": "MKT"}}
    ran = run_task(job(folder, feeds, engine, 23, market, auxiliary=auxiliary), 0)
    assert ran.outcome.strategy.notes == plain_notes(folder, 23, add)
    with pytest.raises(ValueError, match=r"data\.auxiliary\.market is an auxiliary feed"):
        run_task(job(folder, feeds, engine, 1, market, auxiliary=auxiliary), 0)


SPANS = {
    "15min": (bt.TimeFrame.Minutes, 15),
    "1h": (bt.TimeFrame.Minutes, 60),
    "1w": (bt.TimeFrame.Weeks, 1),
    "1mo": (bt.TimeFrame.Months, 1),
    "1y": (bt.TimeFrame.Years, 1),
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("symbols", "longer"),
    [
        (("CCC",), ("1w",)),
        (("CCC",), ("1mo", "1w")),
        (("AAA", "BBB"), ("1w", "1mo")),
        (("MIN",), ("15min", "1h")),
        # Three years are needed and one is there, so backtrader goes bar by bar.
        (("CCC",), ("1y",)),
    ],
)
def test_resampled_feeds_are_those_of_resampledata(
    folder: Path, engine: str, symbols: Sequence[str], longer: Sequence[str]
) -> None:
    pairs = list(zip(itertools.cycle(symbols), longer, strict=False))
    names = [span if len(symbols) == 1 else f"{symbol}.{span}" for symbol, span in pairs]

    def add(cerebro: bt.Cerebro) -> None:
        feeds = {symbol: feed_of(folder, symbol) for symbol in symbols}
        for symbol, feed in feeds.items():
            cerebro.adddata(feed, name=symbol)
        for (symbol, span), name in zip(pairs, names, strict=True):
            unit, count = SPANS[span]
            cerebro.resampledata(feeds[symbol], name=name, timeframe=unit, compression=count)

    auxiliary = {span: {"resample": span} for span in longer}
    options = {"stamp": "close"} if symbols == ("MIN",) else {}
    asked = job(folder, (*symbols, *names), engine, 1, auxiliary=auxiliary, options=options)
    ran = run_task(asked, 0)
    assert ran.outcome.strategy.notes == plain_notes(folder, 1, add)
    units = [(data._timeframe, data._compression) for data in ran.outcome.strategy.datas]
    assert units[len(symbols) :] == [SPANS[span] for span in longer]
    assert (ran.outcome.fallback is None) == (engine != "backtrader" or longer != ("1y",))


def test_order_of_feeds_is_part_of_the_run(folder: Path) -> None:
    ids = {
        plan_job(job(folder, feeds, "backtrader", 1)).manifest.identity.run_id
        for feeds in (("AAA", "BBB"), ("BBB", "AAA"))
    }
    assert len(ids) == 2


def test_vector_strategy_is_refused(folder: Path) -> None:
    asked = job(folder, ("AAA", "BBB"), "auto", 1)
    vector = asked.model_copy(update={"strategy": "top-n-momentum", "params": {}})
    with pytest.raises(JobError, match=r"data\.feeds: a VectorStrategy, which the engine 'vector'"):
        plan_job(vector)


def test_feeds_of_two_lengths_are_refused(folder: Path) -> None:
    lines = (folder / "AAA.csv").read_text().splitlines()
    (folder / "WEEK.csv").write_text("\n".join(lines[:1] + lines[1::5]))
    with pytest.raises(DataError, match=r"data\.feeds: AAA has bars of .*, WEEK of"):
        plan_job(job(folder, ("AAA", "WEEK"), "backtrader", 1))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({"symbols": "A"}, "data: has both feeds and symbols"),
        ({"symbols": 5}, "data: has both feeds and symbols"),
        ({"symbols": [["A"]]}, "data: has both feeds and symbols"),
        ({"universe": "each"}, "data: has feeds, which belong to one task"),
        ({"exclude": ["B"]}, "data: has feeds, whose symbols are all needed; remove exclude"),
        ({"on_bad_symbol": "skip"}, "all needed; remove on_bad_symbol"),
        ({"feeds": ["A", "A"]}, "data.feeds = "),
        ({"feeds": ["A*"]}, "data.feeds"),
        ({"feeds": "A"}, "must be a list"),
        ({"feeds": ["m"], "auxiliary": {"m": {"symbols": "M"}}}, "feeds must have a symbol"),
        (
            {"auxiliary": {"m": {"symbols": "M"}}},
            "feeds does not have the auxiliary feed 'm'; add \"m\"",
        ),
        (
            {"auxiliary": {"w": {"resample": "1w"}}},
            'feeds does not have the auxiliary feed \'w\'; add "A.w" or "B.w"',
        ),
    ],
)
def test_keys_that_contradict_feeds_are_refused(data: dict[str, Any], problem: str) -> None:
    with pytest.raises(JobError) as refusal:
        Job(strategy="s", data={"source": "csv", "path": "p", "feeds": ["A", "B"], **data})
    assert problem in str(refusal.value)


@pytest.mark.parametrize(
    ("feeds", "problem"),
    [
        (["A", "A"], """data.feeds = ["A", "A"]: names 'A' twice"""),
        ([1], "data.feeds[0] = 1: must be text in quotes"),
        (["A", 1], "data.feeds[1] = 1: must be text in quotes"),
        ([""], 'data.feeds[0] = "": must not be empty'),
    ],
)
def test_a_wrong_feed_is_reported_once(feeds: list[Any], problem: str) -> None:
    with pytest.raises(JobError) as refusal:
        Job(strategy="s", data={"source": "csv", "path": "p", "feeds": feeds})
    assert str(refusal.value) == problem


def test_symbols_of_feeds_are_those_that_are_no_auxiliary_feeds() -> None:
    auxiliary = {"m": {"symbols": "M"}, "w": {"resample": "1w"}}
    feeds = ["B.w", "m", "B", "A", "A.x"]
    data = Data(source="csv", path="p", feeds=feeds, auxiliary=auxiliary)
    assert data.symbols == ("B", "A", "A.x")
    assert data.universe == "portfolio"
    assert Data(**data.model_dump(exclude_unset=True)) == data
