"""Jobs through the command line, on every engine they run on."""

from __future__ import annotations

import itertools
import json
import math
import statistics
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backfleet.job import Job
from backfleet.job.overrides import Overrides
from backfleet.runs.run_task import run_task

Cli = Callable[..., subprocess.CompletedProcess[str]]

ENGINES = ("vector", "backtrader", "backtrader-stock")
VARYING = ("seconds", "engine", "fallback", "origin", "run", "worker", "host")

SHANGHAI_NS = 8 * 3_600_000_000_000

Rows = list[dict[str, Any]]

FIRST_BAR = """
import backtrader as bt

class FirstBar(bt.Strategy):
    def __init__(self):
        self.average = bt.indicators.SimpleMovingAverage(self.data, period=30)
        self.metrics = {}

    def prenext(self):
        self.metrics["waited"] = True
        self.buy(size=1)

    def nextstart(self):
        self.metrics["first"] = str(self.data.datetime.date(0))
        self.metrics["average"] = self.average[0]
        self.buy(size=1)
"""


MINUTES = """
from datetime import time
import backtrader as bt

class Morning(bt.Strategy):
    params = (("period", 20),)

    def __init__(self):
        self.average = bt.indicators.SimpleMovingAverage(self.data, period=self.p.period)
        self.metrics = {"early": 0}

    def next(self):
        now = self.data.datetime.time(0)
        self.metrics["early"] += now < time(9, 35)
        if self.position and (now >= time(11, 25) or self.data.close[0] < self.average[0]):
            self.close()
        elif not self.position and now < time(11, 0) and self.data.close[0] > self.average[0]:
            self.buy(size=1000)
"""

EVENING = """
from datetime import timedelta
import backtrader as bt

class Evening(bt.Strategy):
    def __init__(self):
        self.metrics = {}

    def next(self):
        self.metrics.setdefault("first", str(self.data.datetime.datetime(0)))
        if not self.position and len(self) == 1:
            tomorrow = self.data.datetime.date(0) + timedelta(days=1)
            price = 2 * self.data.close[0]
            self.buy(size=1, exectype=bt.Order.Limit, price=price, valid=tomorrow)
"""

FILTERS = """
import backtrader as bt
import numpy as np
import backfleet as bf
from backfleet.indicators import sma

class Vector(bf.VectorStrategy):
    period: int = 20
    sizing = "fixed"
    amount = 10.0

    def targets(self, bars):
        market = bars.auxiliary["market"].close
        return np.where(market > sma(market, self.period), 1.0, 0.0)

class Script(bt.Strategy):
    params = (("period", 20),)

    def __init__(self):
        market = self.getdatabyname("market")
        assert market is self.datas[1]
        self.above = market.close > bt.indicators.SimpleMovingAverage(market, period=self.p.period)

    def next(self):
        if self.above[0] and not self.position:
            self.buy(size=10)
        elif not self.above[0] and self.position:
            self.close()
"""


@pytest.fixture
def rows_of(backfleet: Cli, sample_job: Path) -> Callable[..., Rows]:
    """Runs the sample job with these settings on an engine, and returns its rows."""

    def run(engine: str, *settings: str) -> Rows:
        sets = [
            part for setting in (f"engine='{engine}'", *settings) for part in ("--set", setting)
        ]
        ran = backfleet("run", sample_job, *sets, "--json")
        assert ran.returncode == 0, ran.stderr
        shown = backfleet("results", json.loads(ran.stdout)["run_id"], "--format", "json")
        rows: Rows = json.loads(shown.stdout)
        return [{k: v for k, v in row.items() if k not in VARYING} for row in rows]

    return run


def test_a_warmup_gives_equal_rows_on_every_engine(rows_of: Callable[..., Rows]) -> None:
    settings = ("data.start=2020-06-01", "data.warmup=20", "data.end=2021-06-01")
    vector, *others = (rows_of(engine, *settings) for engine in ENGINES)
    assert all(rows == vector for rows in others)
    cold = rows_of("vector", settings[0], settings[2])
    assert [row["final_value"] for row in vector] != [row["final_value"] for row in cold]


def test_a_strategy_begins_on_the_jobs_first_bar_with_whatever_warmup_there_is(
    rows_of: Callable[..., Rows], tmp_path: Path
) -> None:
    (tmp_path / "first.py").write_text(FIRST_BAR)
    settings = ("strategy='first.py:FirstBar'", "params={}", "data.start=2020-06-01")
    for warmup in (29, 100_000):
        rows = rows_of("backtrader", *settings, f"data.warmup={warmup}")
        assert [row["first"] for row in rows] == ["2020-06-01"] * 3
        assert all(row["orders_completed"] == 1 and row.get("waited") is None for row in rows)


@pytest.fixture
def minutes(tmp_path: Path) -> Path:
    """Two weeks of minute bars of X, 9:31 to 11:30 in Shanghai, as a CSV in a folder."""
    draw = np.random.default_rng(5)
    days = np.datetime64("2021-03-01", "m") + 1440 * np.array([0, 1, 2, 3, 4, 7, 8, 9, 10, 11])
    stamps = (days[:, None] + np.arange(571, 691)).ravel()
    close = np.round(50.0 * np.exp(np.cumsum(draw.normal(0, 0.001, len(stamps)))), 2)
    opened = np.round(close * np.exp(draw.normal(0, 0.0005, len(stamps))), 2)
    rows = [
        f"{stamp},{o},{max(o, c)},{min(o, c)},{c},100"
        for stamp, o, c in zip(stamps, opened, close, strict=True)
    ]
    folder = tmp_path / "minutes"
    folder.mkdir()
    (folder / "X.csv").write_text("date,open,high,low,close,volume\n" + "\n".join(rows))
    return folder


@pytest.fixture
def of_minutes(minutes: Path) -> tuple[str, ...]:
    """The settings of a job on `minutes`."""
    return (
        "data.source='csv'",
        f"data.path='{minutes}'",
        "data.symbols='X'",
        "results.periods_per_year=242",
    )


def test_minute_bars_give_equal_rows_on_every_engine(
    rows_of: Callable[..., Rows], of_minutes: tuple[str, ...]
) -> None:
    vector, *others = (rows_of(engine, *of_minutes) for engine in ENGINES)
    assert all(rows == vector for rows in others)
    assert vector[0]["trades"] > 20


def test_minute_bars_are_seen_in_local_time_and_measured_by_the_session(
    tmp_path: Path, sample_job: Path, of_minutes: tuple[str, ...]
) -> None:
    (tmp_path / "minutes.py").write_text(MINUTES)
    strategy = f"strategy='{tmp_path}/minutes.py:Morning'"
    settings = (strategy, "params={}", "engine='backtrader'", *of_minutes)
    ran = run_task(Job.load(sample_job, Overrides(sets=settings)), 0)
    assert ran.row["early"] == 10 * 4 - 4
    assert ran.outcome.fallback is None
    value, time = ran.outcome.equity["value"].tolist(), ran.outcome.equity["time"]
    days = [
        moment.date() for moment in (time + SHANGHAI_NS).view("M8[ns]").astype("M8[s]").tolist()
    ]
    closing = [value[bar] for bar in range(1200) if bar == 1199 or days[bar + 1] != days[bar]]
    assert len(closing) == 10
    returns = [new / old - 1.0 for old, new in itertools.pairwise(closing)]
    spread = statistics.stdev(returns)
    assert ran.row["volatility"] == pytest.approx(spread * math.sqrt(242))
    assert ran.row["sharpe"] == pytest.approx(statistics.mean(returns) / spread * math.sqrt(242))
    gross = sum(abs(size * price) for size, price in ran.outcome.fills[["size", "price"]].tolist())
    assert ran.row["turnover"] == pytest.approx(gross / (2 * statistics.mean(value)) * 242 / 10)
    assert ran.row["total_return"] == pytest.approx(value[-1] / 100_000 - 1)


@pytest.mark.parametrize("engine", ["backtrader", "backtrader-stock"])
def test_daily_bars_have_the_time_of_the_sessions_end(
    tmp_path: Path, sample_job: Path, engine: str
) -> None:
    (tmp_path / "evening.py").write_text(EVENING)
    strategy = f"strategy='{tmp_path}/evening.py:Evening'"
    settings = (strategy, "params={}", f"engine='{engine}'")
    midnight = run_task(Job.load(sample_job, Overrides(sets=settings)), 0)
    evening = run_task(
        Job.load(sample_job, Overrides(sets=(*settings, "data.session_end='15:00:30'"))), 0
    )
    assert midnight.row["first"] == "2019-01-02 00:00:00"
    assert evening.row["first"] == "2019-01-02 15:00:30"
    # An order that is valid until a day's midnight can still be filled by a bar of midnight.
    assert midnight.row["orders_completed"] > evening.row["orders_completed"] == 0
    assert midnight.outcome.equity["time"].tolist() == evening.outcome.equity["time"].tolist()


def test_session_end_changes_nothing_on_the_compiled_engine(sample_job: Path) -> None:
    sets = ("engine='vector'", "params.period=15")
    plain = run_task(Job.load(sample_job, Overrides(sets=sets)), 0)
    late = run_task(Job.load(sample_job, Overrides(sets=(*sets, "data.session_end='16:00'"))), 0)
    assert plain.row == late.row


def test_a_market_filter_has_equal_rows_as_a_script_and_as_a_vector_strategy(
    rows_of: Callable[..., Rows], tmp_path: Path
) -> None:
    (tmp_path / "filters.py").write_text(FILTERS)
    data = (
        "data.symbols='600519'",
        "data.auxiliary.market.symbols='600559'",
        "data.start=2020-06-01",
        "data.warmup=25",
    )
    vector, *others = (
        rows_of(engine, f"strategy='filters.py:{name}'", *data)
        for engine, name in (
            ("vector", "Vector"),
            ("backtrader-stock", "Vector"),
            ("backtrader", "Script"),
        )
    )
    assert all(rows == vector for rows in others)
    assert vector[0]["trades"] == 10
