"""Jobs through the command line, on every engine they run on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ENGINES = ("vector", "backtrader", "backtrader-stock")
VARYING = ("seconds", "engine", "run", "worker", "host")

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


@pytest.fixture
def rows_of(backfleet: Any, sample_job: Path) -> Callable[..., Rows]:
    """Runs the sample job with these settings on an engine, and returns its rows."""

    def run(engine: str, *settings: str) -> Rows:
        sets = [part for each in (f"engine='{engine}'", *settings) for part in ("--set", each)]
        ran = backfleet("run", sample_job, *sets, "--json")
        assert ran.returncode == 0, ran.stderr
        shown = backfleet("results", json.loads(ran.stdout)["run"], "--format", "json")
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
