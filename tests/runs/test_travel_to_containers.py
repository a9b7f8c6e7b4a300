"""Edited strategy code runs in containers of an image that knows nothing of it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import backfleet as bf

pytestmark = [pytest.mark.testbed]

Cli = Callable[..., subprocess.CompletedProcess[str]]
Install = Callable[..., dict[str, str]]

STRATEGY = """
import os

import backtrader as bt
from acme_levels import LEVEL

class Hold(bt.Strategy):
    def __init__(self):
        self.metrics = {"level": LEVEL, "host": os.uname().nodename}
"""
POINTS = {"backfleet.strategies": {"acme-hold": "acme_alpha:Hold"}}


@pytest.fixture
def row(
    backfleet: Cli, sample_job: Path, worker_image: str
) -> Callable[[str, Mapping[str, str]], Mapping[str, Any]]:
    """The row of the sample job's first symbol, run with a strategy in a container."""

    def run(strategy: str, env: Mapping[str, str]) -> Mapping[str, Any]:
        sets = [f"strategy='{strategy}'", "params={}", "data.symbols=['600519']"]
        arguments = [part for setting in sets for part in ("--set", setting)]
        docker = ("--executor", "docker", "-o", f"image={worker_image}", "-o", "workers=1")
        done = backfleet("run", sample_job, *arguments, *docker, "--json", env=dict(env))
        assert done.returncode == 0, done.stderr
        (only,) = bf.open_run(json.loads(done.stdout)["store"]).results().to_dict("records")
        assert only["host"] != os.uname().nodename
        return {str(name): value for name, value in only.items()}

    return run


def test_a_package_changed_a_second_before_runs_changed_in_a_container(
    row: Callable[..., Mapping[str, Any]], installed: Install, tmp_path: Path
) -> None:
    levels = tmp_path / "site" / "acme_levels.py"
    installed("acme-levels", {"acme_levels.py": "LEVEL = 3\n"}, {})
    env = installed("acme-alpha", {"acme_alpha.py": STRATEGY}, POINTS)
    assert row("acme-hold", env)["level"] == 3
    levels.write_text("LEVEL = 4\n")
    assert row("acme-hold", env)["level"] == 4


def test_a_strategy_in_a_file_runs_in_a_container(
    row: Callable[..., Mapping[str, Any]], tmp_path: Path
) -> None:
    folder = tmp_path / "factors"
    folder.mkdir()
    (folder / "mine.py").write_text(STRATEGY)
    (folder / "acme_levels.py").write_text("LEVEL = 5\n")
    assert row(f"{folder}/mine.py:Hold", {})["level"] == 5
