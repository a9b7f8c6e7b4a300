"""The main job, through the command line."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Cli = Callable[..., subprocess.CompletedProcess[str]]

GOLDEN = {
    "600519": (164109.44, 0.6411, 76, 16),
    "600559": (106285.36, 0.0629, 6, 290),
    "600560": (100000.00, 0.0000, 0, 302),
}
"""Final value, return, orders completed and rejected."""


@pytest.mark.parametrize("engine", ["auto", "backtrader-stock"])
def test_the_reference_job_gives_the_golden_numbers(
    backfleet: Cli, sample_job: Path, engine: str
) -> None:
    done = backfleet("run", sample_job, "--set", f"engine={engine}", "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout.splitlines()[-1])
    rows = json.loads(backfleet("results", summary["store"], "--format", "json").stdout)
    values = {
        row["symbol"]: (
            round(row["final_value"], 2),
            round(row["total_return"], 4),
            row["orders_completed"],
            row["orders_rejected"],
        )
        for row in rows
    }
    assert values == GOLDEN
    assert (summary["tasks"], summary["ok"], summary["suspicious"]) == (3, 1, 2)


@pytest.mark.parametrize("option", ["--dry-run", "--no-reuse"])
def test_what_a_strategy_prints_at_its_import_does_not_mix_with_json(
    backfleet: Cli, sample_job: Path, option: str
) -> None:
    # The option makes files of different content: one that is known is not imported again.
    text = f'import backtrader as bt\nprint("by {option}")\nclass Idle(bt.Strategy):\n    pass\n'
    sample_job.with_name("prints.py").write_text(text)
    keys = ("--set", "strategy=prints.py:Idle", "--set", "params={}")
    done = backfleet("run", sample_job, *keys, option, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["tasks"] == 3
    assert f"by {option}" in done.stderr
