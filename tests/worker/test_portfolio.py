"""A portfolio task: all symbols with one cash pool."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import backtrader as bt
import numpy as np
import pandas as pd
import pytest

import backfleet as bf
from backfleet.chunks.task_result import outcome_digest

Cli = Callable[..., subprocess.CompletedProcess[str]]

ROTATION = """
import backtrader as bt


class Rotation(bt.Strategy):
    params = (("weight", 0.3), ("every", 10))

    def prenext(self):
        self.next()

    def next(self):
        if len(self) % self.p.every == 0:
            for data in self.datas:
                if len(data) and data.datetime[0] == self.datetime[0]:
                    self.order_target_percent(data, target=self.p.weight)
"""


@pytest.fixture
def job_file(tmp_path: Path, sample_data: Path) -> Path:
    """Three stocks, of which one is listed late, one is delisted early, and one has gaps."""
    folder = tmp_path / "data"
    folder.mkdir()
    for name, rows in {"600519": slice(100, 400), "600559": slice(0, 250)}.items():
        lines = (sample_data / f"{name}.csv").read_text().splitlines()
        (folder / f"{name}.csv").write_text("\n".join([lines[0], *lines[1:][rows]]) + "\n")
    lines = (sample_data / "600560.csv").read_text().splitlines()
    kept = [line for row, line in enumerate(lines[1:401]) if row % 7]
    (folder / "600560.csv").write_text("\n".join([lines[0], *kept]) + "\n")
    (tmp_path / "rotation.py").write_text(ROTATION)
    job = tmp_path / "portfolio.toml"
    job.write_text(
        f"""
strategy = "rotation.py:Rotation"
[params]
weight = [0.2, 0.3]
[data]
source = "cn-daily"
path = "data"
universe = "portfolio"
[broker]
commission = 0.0002
[results]
store = "{tmp_path / "runs"}"
"""
    )
    return job


def plain_backtrader(folder: Path, source: str) -> list[float]:
    """Account values of the same, by a script that knows nothing of backfleet."""
    space: dict[str, type[bt.Strategy]] = {}
    exec(source, space)

    class Values(bt.Analyzer):
        def start(self) -> None:
            self.values: list[float] = []

        def next(self) -> None:
            self.values.append(self.strategy.broker.getvalue())

    cerebro = bt.Cerebro(stdstats=False)
    for name in ("600519", "600559", "600560"):
        frame = pd.read_csv(folder / f"{name}.csv")
        columns = {"openprice": "open", "highestprice": "high", "lowestprice": "low"}
        frame = frame.rename(columns=columns | {"closeprice": "close", "turnovervol": "volume"})
        for column in ("open", "high", "low", "close"):
            factor = frame["accumadjfactor"]
            frame[column] = frame[column] * factor / factor.iloc[-1]
        frame.index = pd.to_datetime(frame["tradedate"])
        cerebro.adddata(bt.feeds.PandasData(dataname=frame), name=name)
    cerebro.addstrategy(space["Rotation"], weight=0.3)
    cerebro.addanalyzer(Values)
    cerebro.broker.setcash(100_000.0)
    cerebro.broker.setcommission(commission=0.0002)
    values: list[float] = cerebro.run()[0].analyzers[0].values
    return values


def test_a_portfolio_equals_plain_backtrader_on_both_engines(job_file: Path) -> None:
    job = bf.Job.load(job_file)
    fast = bf.run_task(job, 1)
    stock = bf.run_task(job.model_copy(update={"engine": "backtrader-stock"}), 1)
    assert outcome_digest(fast.outcome) == outcome_digest(stock.outcome)
    values = plain_backtrader(job_file.parent / "data", ROTATION)
    np.testing.assert_array_equal(fast.outcome.equity["value"], values)
    assert set(fast.outcome.fills["symbol"].tolist()) == {0, 1, 2}


@pytest.mark.parametrize("strategy", ["top-n-momentum", "donchian-breakout"])
def test_a_vector_strategy_gives_a_portfolio_the_same_bits_on_every_engine(
    job_file: Path, strategy: str
) -> None:
    points = {"n": 1, "days": [5, 20]} if strategy == "top-n-momentum" else {"entry": [5, 20]}
    job = bf.Job.load(job_file).model_copy(update={"strategy": strategy, "params": points})
    digests = set()
    for engine in ("vector", "backtrader", "backtrader-stock"):
        ran = bf.run_task(job.model_copy(update={"engine": engine}), 1)
        digests.add(outcome_digest(ran.outcome))
        assert len(ran.outcome.trades) > 5
    assert len(digests) == 1


def test_a_vector_strategy_takes_the_compiled_engine_by_itself(job_file: Path) -> None:
    job = bf.Job.load(job_file).model_copy(update={"strategy": "top-n-momentum", "params": {}})
    rows = bf.run(job, progress=None).results()
    assert rows[["symbol", "engine", "status"]].values.tolist() == [["portfolio", "vector", "ok"]]


def test_a_portfolio_is_one_task_a_point(backfleet: Cli, job_file: Path) -> None:
    done = backfleet("run", job_file, "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    run = bf.open_run(summary["store"])
    rows = run.results()
    assert rows["symbol"].tolist() == ["portfolio", "portfolio"]
    assert rows["weight"].tolist() == [0.2, 0.3]
    assert sorted(set(run.fills(0)["symbol"])) == ["600519", "600559", "600560"]


def test_another_universe_is_another_run(job_file: Path) -> None:
    one = bf.run(bf.Job.load(job_file), progress=None)
    text = job_file.read_text().replace('universe = "portfolio"', 'universe = "each"')
    job_file.write_text(text)
    other = bf.run(bf.Job.load(job_file), progress=None)
    assert one.id != other.id
    assert not other.failures()
    assert (len(one.results()), len(other.results())) == (2, 6)
