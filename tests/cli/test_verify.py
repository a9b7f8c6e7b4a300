"""`backfleet verify`: equal runs are called equal, and the first record that differs is shown."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from exhaustive_cases import cases

Cli = Callable[..., subprocess.CompletedProcess[str]]

RANDOM = """
import os

import backtrader as bt


class Random(bt.Strategy):
    def next(self):
        if os.urandom(1)[0] > 127:
            self.buy(size=1)
"""


SOMETIMES = """
import backtrader as bt


class Sometimes(bt.Strategy):
    params = (("period", 1),)

    def next(self):
        if self.p.period in (2, FAILS):
            raise RuntimeError("not this one")
        self.order_target_size(target=self.p.period)
"""


@pytest.fixture
def finished(backfleet: Cli, sample_job: Path) -> str:
    summary = json.loads(backfleet("run", sample_job, "--json").stdout)
    return str(summary["store"])


def test_the_fast_engine_agrees_with_plain_backtrader(backfleet: Cli, finished: str) -> None:
    done = backfleet("verify", finished, "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["with"], report["tasks"], report["differences"]) == ("backtrader-stock", 3, [])


def test_another_executor_gives_the_same_rows(backfleet: Cli, finished: str) -> None:
    done = backfleet("verify", finished, "--executor", "local", "--sample", "2")
    assert done.returncode == 0, done.stderr
    assert "2 of 2 tasks are equal to local to the last bit" in done.stdout


def test_a_strategy_that_is_really_random_is_shown_side_by_side(
    backfleet: Cli, sample_job: Path, tmp_path: Path
) -> None:
    (tmp_path / "random_strategy.py").write_text(RANDOM)
    job = sample_job.read_text().replace("sma-crossover", "random_strategy.py:Random")
    sample_job.write_text(job.replace("period = 15", ""))
    run = json.loads(backfleet("run", sample_job, "--symbols", "600519", "--json").stdout)
    for option in (("--engine", "backtrader-stock"), ("--executor", "local")):
        done = backfleet("verify", run["store"], *option, "--json")
        assert done.returncode == 1, done.stderr
        (difference,) = json.loads(done.stdout)["differences"]
        assert difference["symbol"] == "600519"
        assert difference["ours"] != difference["theirs"]


def test_an_unknown_engine_is_refused(backfleet: Cli, finished: str) -> None:
    done = backfleet("verify", finished, "--engine", "bactrader")
    assert done.returncode == 2
    assert "did you mean 'backtrader'?" in done.stderr


@pytest.mark.parametrize(("fails", "equal"), cases((1, 1), exhaustive=[(0, 2), (3, 1)]))
def test_tasks_with_errors_are_left_out_and_their_neighbors_are_not(
    backfleet: Cli, sample_job: Path, tmp_path: Path, fails: int, equal: int
) -> None:
    (tmp_path / "sometimes.py").write_text(SOMETIMES.replace("FAILS", str(fails)))
    job = sample_job.read_text().replace("sma-crossover", "sometimes.py:Sometimes")
    sample_job.write_text(job.replace("period = 15", "period = [1, 2, 3]"))
    run = json.loads(backfleet("run", sample_job, "--symbols", "600519", "--json").stdout)
    done = backfleet("verify", run["store"])
    assert done.returncode == 0, done.stderr
    assert f"{equal} of {equal} tasks are equal to backtrader-stock" in done.stdout
    left_out = 3 - equal
    assert (
        f"{left_out} {'task' if left_out == 1 else 'tasks'} with errors were left out"
        in done.stdout
    )


def test_a_run_of_errors_alone_has_nothing_to_verify(
    backfleet: Cli, sample_job: Path, tmp_path: Path
) -> None:
    (tmp_path / "sometimes.py").write_text(SOMETIMES.replace("FAILS", "2"))
    job = sample_job.read_text().replace("sma-crossover", "sometimes.py:Sometimes")
    sample_job.write_text(job.replace("period = 15", "period = 2"))
    run = json.loads(backfleet("run", sample_job, "--symbols", "600519", "--json").stdout)
    done = backfleet("verify", run["store"])
    assert done.returncode == 2
    assert "nothing to verify" in done.stderr
