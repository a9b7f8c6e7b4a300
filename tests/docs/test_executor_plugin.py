"""The executor in the docs is short, and it works."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from backfleet.runs.open import open_run

PAGE = Path(__file__).parents[2] / "docs" / "executor-plugin.md"
GOLDEN = {"600519": 164109.44, "600559": 106285.36, "600560": 100000.0}

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def code() -> str:
    match = re.search(r'```python title="command_executor.py"\n(.*?)```', PAGE.read_text(), re.S)
    assert match
    return match[1]


@pytest.fixture
def environment(code: str, installed: Callable[..., dict[str, str]]) -> dict[str, str]:
    """An environment in which the page's executor is installed."""
    return installed(
        "command-executor",
        {"command_executor.py": code},
        {"backfleet.executors": {"command": "command_executor:CommandExecutor"}},
    )


def test_it_has_fewer_than_60_lines(code: str) -> None:
    assert len([line for line in code.splitlines() if line.strip()]) < 60


def test_it_gives_the_golden_numbers(
    backfleet: Command, sample_job: Path, environment: dict[str, str]
) -> None:
    done = backfleet("run", sample_job, "--executor", "command", env=environment)
    assert done.returncode == 0, done.stderr
    (folder,) = (sample_job.parent / "runs").glob("[0-9a-f]*")
    values = open_run(folder).results().set_index("symbol")["final_value"].round(2)
    assert values.to_dict() == GOLDEN


def test_it_refuses_a_program_that_is_not_there(
    backfleet: Command, sample_job: Path, environment: dict[str, str]
) -> None:
    options = ("--executor", "command", "-o", "prefix=no-such-program -x")
    done = backfleet("run", sample_job, *options, env=environment)
    assert done.returncode == 2
    assert "there is no program 'no-such-program'" in done.stderr
    assert not (sample_job.parent / "runs").exists()


def test_its_workers_outlive_the_command(
    backfleet: Command, sample_job: Path, environment: dict[str, str]
) -> None:
    backfleet("run", sample_job, "--executor", "command", "--detach", env=environment)
    (folder,) = (sample_job.parent / "runs").glob("[0-9a-f]*")
    assert backfleet("wait", folder, env=environment).returncode == 0
    assert open_run(folder).state() == "complete"
