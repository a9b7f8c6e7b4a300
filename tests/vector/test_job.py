"""Jobs on the engine `vector`, through the command line."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Cli = Callable[..., subprocess.CompletedProcess[str]]

GOLDEN = [
    ["600519", 164109.44, 76, 16],
    ["600559", 106285.36, 6, 290],
    ["600560", 100000.0, 0, 302],
]
COLUMNS = ("symbol", "final_value", "orders_completed", "orders_rejected")
WATCHING = """
import sys

import numpy as np

import backfleet as bf


class Watching(bf.VectorStrategy):
    number: int = 0
    target = "size"

    def targets(self, bars):
        self.metrics["compiled"] = "numba" in sys.modules
        return np.ones(len(bars))
"""
PLAIN = """
import backtrader as bt

class Plain(bt.Strategy):
    pass
"""


@pytest.mark.parametrize("engine", ["vector", "backtrader", "backtrader-stock"])
def test_the_reference_job_has_its_numbers_on_every_engine(
    backfleet: Cli, sample_job: Path, engine: str
) -> None:
    ran = backfleet("run", sample_job, "--set", f"engine='{engine}'", "--json")
    assert ran.returncode == 0, ran.stderr
    shown = backfleet("results", json.loads(ran.stdout)["run_id"], "--format", "json")
    rows = [[row[name] for name in COLUMNS] for row in json.loads(shown.stdout)]
    assert [[name, round(value, 2), *counts] for name, value, *counts in rows] == GOLDEN


def test_a_strategy_of_backtraders_is_refused_when_the_job_is_planned(
    backfleet: Cli, sample_job: Path, tmp_path: Path
) -> None:
    (tmp_path / "plain.py").write_text(PLAIN)
    sets = ("--set", "engine='vector'", "--set", "strategy='plain.py:Plain'", "--set", "params={}")
    refused = backfleet("run", sample_job, *sets)
    assert refused.returncode == 2
    assert "engine: 'vector' runs a backfleet.VectorStrategy" in refused.stderr
    assert "plain.py:Plain is a backtrader.Strategy" in refused.stderr


def test_wrong_targets_become_an_error_row(
    backfleet: Cli, sample_job: Path, tmp_path: Path
) -> None:
    (tmp_path / "short.py").write_text(
        "import backfleet as bf\n\n"
        "class Short(bf.VectorStrategy):\n"
        "    def targets(self, bars):\n"
        "        return bars.close[1:]\n"
    )
    sets = ("--set", "engine='vector'", "--set", "strategy='short.py:Short'", "--set", "params={}")
    ran = backfleet("run", sample_job, *sets, "--symbols", "600519", "--json")
    shown = backfleet("results", json.loads(ran.stdout)["run_id"], "--format", "json")
    (row,) = json.loads(shown.stdout)
    assert row["status"] == "error"
    assert row["error"].startswith(
        "ValueError: Short.targets must return one number per bar, shape"
    )


@pytest.mark.parametrize(("tasks", "compiled_tasks"), [(20, 0), (300, 299)])
def test_a_sweep_is_compiled_from_its_first_task_on_or_not_at_all(
    backfleet: Cli, sample_job: Path, tmp_path: Path, tasks: int, compiled_tasks: int
) -> None:
    (tmp_path / "watching.py").write_text(WATCHING)
    points = f"params={{number={{start=1, stop={tasks}, step=1}}}}"
    sets = ("--set", "strategy='watching.py:Watching'", "--set", points, "--symbols", "600519")
    ran = backfleet("run", sample_job, *sets, "-o", "workers=1", "--json")
    shown = backfleet("results", json.loads(ran.stdout)["run_id"], "--format", "json")
    rows = json.loads(shown.stdout)
    # A strategy gives its targets before the engine's first call.
    assert (len(rows), sum(row["compiled"] for row in rows)) == (tasks, compiled_tasks)
