"""Workers refuse to compute with other code or other libraries than the run was planned with."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from backfleet.code.versions import check_versions, library_versions
from backfleet.errors import PlatformMismatch

Cli = Callable[..., subprocess.CompletedProcess[str]]
Install = Callable[..., dict[str, str]]

IDLE = "import backtrader as bt\n\nclass Idle(bt.Strategy):\n    pass\n"
ENGINE = """
from backfleet.engines.backtrader import BacktraderEngine

class Mine(BacktraderEngine):
    name = "mine"
"""
SOURCE = """
from backfleet.sources.cn_daily import CnDailySource

class Mine(CnDailySource):
    name = "mine"
"""
HOOKS = """
from backfleet import hookimpl

@hookimpl
def backfleet_metrics(params, outcome):
    return {}
"""


def test_equal_versions_pass() -> None:
    check_versions(library_versions())


def test_other_versions_are_named_with_both() -> None:
    planned = dict(library_versions()) | {"numpy": "1.0", "python": "3.1"}
    with pytest.raises(PlatformMismatch, match=r"numpy \S+ instead of 1\.0;") as refused:
        check_versions(planned)
    assert "instead of 3.1," in str(refused.value)
    assert "pandas" not in str(refused.value)


@dataclass(frozen=True)
class CompletedRun:
    """A run whose code is a plugin of each kind and a file."""

    cli: Cli
    folder: Path
    store: Path
    env: Mapping[str, str]

    def worker(self, **env: str) -> subprocess.CompletedProcess[str]:
        """Start a worker of the run's submission again, as an executor would."""
        return self.cli("worker", self.store / "submissions" / "1.json", 0, env={**self.env, **env})


@pytest.fixture
def completed(backfleet: Cli, sample_job: Path, installed: Install, tmp_path: Path) -> CompletedRun:
    env = installed(
        "acme",
        {"acme_engine.py": ENGINE, "acme_source.py": SOURCE, "acme_hooks.py": HOOKS},
        {
            "backfleet.engines": {"mine": "acme_engine:Mine"},
            "backfleet.sources": {"mine": "acme_source:Mine"},
            "backfleet": {"mine": "acme_hooks"},
        },
    )
    (tmp_path / "idle.py").write_text(IDLE)
    sets = [
        f"strategy='{tmp_path}/idle.py:Idle'",
        "params={}",
        "engine='mine'",
        "data.source='mine'",
        "plugins=['mine']",
    ]
    arguments = [part for setting in sets for part in ("--set", setting)]
    done = backfleet("run", sample_job, *arguments, "--json", env=env)
    assert done.returncode == 0, done.stderr
    return CompletedRun(backfleet, tmp_path, Path(json.loads(done.stdout)["store"]), env)


def test_a_worker_refuses_other_code_than_the_run_was_planned_with(completed: CompletedRun) -> None:
    assert completed.worker().returncode == 0
    files = {
        "strategy idle.py:Idle": completed.folder / "idle.py",
        "engine mine": completed.folder / "site" / "acme_engine.py",
        "source mine": completed.folder / "site" / "acme_source.py",
        "hooks mine": completed.folder / "site" / "acme_hooks.py",
    }
    for what, file in files.items():
        before = file.read_text()
        file.write_text(before + "# changed\n")
        refused = completed.worker()
        file.write_text(before)
        assert refused.returncode == 64
        assert f"the code of {what} is " in refused.stderr
        assert "run the job again to plan a new run" in refused.stderr
        assert "Traceback" not in refused.stderr
    assert completed.worker().returncode == 0


def test_a_worker_refuses_other_libraries_than_the_run_was_planned_with(
    completed: CompletedRun, installed: Install
) -> None:
    installed("numba", {}, {}, version="0.1")
    refused = completed.worker()
    assert refused.returncode == 64
    assert "this worker has numba 0.1 instead of" in refused.stderr
    (word,) = (completed.store / "submissions").glob("1.failure.*.json")
    assert json.loads(word.read_text())["kind"] == "PlatformMismatch"


def test_a_run_with_other_libraries_is_another_run(
    backfleet: Cli, sample_job: Path, installed: Install
) -> None:
    ids = [
        json.loads(backfleet("run", sample_job, "--dry-run", "--json", env=env).stdout)["run_id"]
        for env in ({}, installed("pandas", {}, {}, version="9.9"))
    ]
    assert ids[0] != ids[1]
