"""Hooks: installed plugins are told what happens; those that a job names change its rows."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., subprocess.CompletedProcess[str]]
Install = Callable[..., dict[str, str]]

NOTES = """
import json, os, pathlib
from backfleet import hookimpl

def note(event, **facts):
    with pathlib.Path("events.jsonl").open("a") as log:
        log.write(json.dumps([event, os.getpid(), facts]) + "\\n")

@hookimpl
def backfleet_run_planned(run_id, tasks):
    note("planned", run_id=run_id, tasks=tasks)

@hookimpl
def backfleet_run_submitted(run_id, submission, shards):
    note("submitted", run_id=run_id, submission=submission, shards=shards)

@hookimpl
def backfleet_chunk_committed(run_id, chunk, tasks):
    note("committed", run_id=run_id, chunk=chunk, tasks=tasks)

@hookimpl
def backfleet_run_finished(run_id, summary):
    note("finished", run_id=run_id, summary=dict(summary))
"""

RAISES = """
from backfleet import hookimpl

@hookimpl
def backfleet_run_planned(run_id):
    raise RuntimeError("no planning today")

@hookimpl
def backfleet_chunk_committed(run_id):
    raise SystemExit(3)
"""

MISSPELLED = """
from backfleet import hookimpl

@hookimpl
def backfleet_run_finnished(run):
    pass
"""

WRONG_ARGUMENT = """
from backfleet import hookimpl

@hookimpl
def backfleet_run_finished(run_id, color):
    pass
"""

UNMARKED = """
def backfleet_run_finished(run_id):
    pass
"""

ROWS = """
from backfleet import hookimpl

@hookimpl
def backfleet_bars(bars):
    return bars[100:]

@hookimpl
def backfleet_metrics(params, outcome):
    return {"bars_seen": len(outcome.equity), "period_twice": params["period"] * 2}
"""

PICKY = """
from backfleet import hookimpl

@hookimpl
def backfleet_bars(bars):
    if bars.symbol == "600559":
        raise ValueError("not this one")
    return None
"""


@dataclass(frozen=True)
class Runner:
    """Runs the sample job with some hooks installed."""

    cli: Cli
    job: Path
    folder: Path

    def run(self, env: dict[str, str], *sets: str) -> subprocess.CompletedProcess[str]:
        arguments = [part for setting in sets for part in ("--set", setting)]
        return self.cli("run", self.job, *arguments, "--json", env=env)

    def rows(self, done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
        store = json.loads(done.stdout)["store"]
        rows: list[dict[str, Any]] = json.loads(
            self.cli("results", store, "--format", "json").stdout
        )
        return rows


@pytest.fixture
def runner(backfleet: Cli, sample_job: Path, tmp_path: Path) -> Runner:
    return Runner(backfleet, sample_job, tmp_path)


def hooks(installed: Install, **modules: str) -> dict[str, str]:
    """Install each module as a distribution with hooks, both of that name."""
    env = {}
    for name, text in modules.items():
        env = installed(
            f"acme-{name}", {f"acme_{name}.py": text}, {"backfleet": {name: f"acme_{name}"}}
        )
    return env


def test_installed_plugins_are_told_what_happens_by_one_process(
    runner: Runner, installed: Install
) -> None:
    done = runner.run(hooks(installed, notes=NOTES))
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    run = summary["run_id"]
    records = [
        json.loads(line) for line in (runner.folder / "events.jsonl").read_text().splitlines()
    ]
    assert len({process for _, process, _ in records}) == 1
    events = [(event, facts) for event, _, facts in records]
    assert events[0] == ("planned", {"run_id": run, "tasks": 3})
    assert events[1][0] == "submitted"
    assert events[1][1]["submission"] == 1
    assert sorted(facts["chunk"] for event, facts in events if event == "committed") == [0, 1, 2]
    assert all(facts["tasks"] == 1 for event, facts in events if event == "committed")
    assert events[-1][0] == "finished"
    del summary["verdict"]
    assert events[-1][1]["summary"] | {"seconds": 0} == summary | {"seconds": 0}


def test_a_run_that_is_complete_is_planned_and_finished_and_no_more(
    runner: Runner, installed: Install
) -> None:
    runner.run({})
    runner.run(hooks(installed, notes=NOTES))
    records = [
        json.loads(line) for line in (runner.folder / "events.jsonl").read_text().splitlines()
    ]
    assert [event for event, _, _ in records] == ["planned", "finished"]


def test_hooks_that_go_wrong_are_warned_about_and_break_nothing(
    runner: Runner, installed: Install
) -> None:
    env = hooks(
        installed,
        raises=RAISES,
        misspelled=MISSPELLED,
        argument=WRONG_ARGUMENT,
        unmarked=UNMARKED,
        notes=NOTES,
    )
    done = runner.run(env | {"PYTHONWARNINGS": "error::UserWarning"})
    assert done.returncode == 0, done.stderr
    warnings = [line for line in done.stderr.splitlines() if "warning: " in line]
    for words in (
        ("'raises'", "failed in backfleet_run_planned", "no planning today"),
        ("'raises'", "failed in backfleet_chunk_committed", "SystemExit: 3"),
        ("'misspelled' of acme-misspelled 1.0", "did you mean 'backfleet_run_finished'?"),
        ("'unmarked' of acme-unmarked 1.0", "mark one with backfleet.hookimpl"),
    ):
        assert [all(word in line for word in words) for line in warnings].count(True) == 1, words
    assert "'argument' of acme-argument 1.0" in done.stderr
    assert "{'color'}" in done.stderr
    assert "backfleet_run_finished has run_id, summary" in done.stderr
    assert "Traceback" not in done.stderr
    assert "finished" in (runner.folder / "events.jsonl").read_text()


def test_hooks_that_are_wrong_are_named_where_plugins_are_listed(
    runner: Runner, installed: Install
) -> None:
    env = hooks(installed, misspelled=MISSPELLED)
    (row,) = json.loads(runner.cli("plugins", "show", "misspelled", "--json", env=env).stdout)
    assert "did you mean 'backfleet_run_finished'?" in row["error"]
    refused = runner.run(env, "plugins=['misspelled']")
    assert refused.returncode == 2
    assert "did you mean 'backfleet_run_finished'?" in refused.stderr


def test_row_hooks_run_only_where_the_job_names_their_plugin(
    runner: Runner, installed: Install
) -> None:
    env = hooks(installed, rows=ROWS)
    bare = runner.run({})
    unnamed = runner.run(env)
    assert json.loads(unnamed.stdout)["run_id"] == json.loads(bare.stdout)["run_id"]
    assert "bars_seen" not in runner.rows(unnamed)[0]
    named = runner.run(env, "plugins=['rows']")
    assert named.returncode == 0, named.stderr
    before, after = runner.rows(unnamed)[0], runner.rows(named)[0]
    assert after["period_twice"] == 30
    assert after["bars_seen"] == 508
    assert after["final_value"] != before["final_value"]


def test_the_code_of_a_named_plugin_is_part_of_the_id(runner: Runner, installed: Install) -> None:
    def planned(text: str, *sets: str) -> str:
        arguments = [part for setting in sets for part in ("--set", setting)]
        env = hooks(installed, rows=text)
        done = runner.cli("run", runner.job, *arguments, "--dry-run", "--json", env=env)
        run: str = json.loads(done.stdout)["run_id"]
        return run

    assert planned(ROWS) == planned(ROWS + "# changed\n")
    named = planned(ROWS, "plugins=['rows']")
    assert named != planned(ROWS)
    assert named != planned(ROWS + "# changed\n", "plugins=['rows']")


def test_plugins_change_bars_one_after_the_other(runner: Runner, installed: Install) -> None:
    done = runner.run(hooks(installed, one=ROWS, two=ROWS), "plugins=['one', 'two']")
    assert done.returncode == 0, done.stderr
    assert [row["bars_seen"] for row in runner.rows(done)] == [408] * 3


def test_a_hook_that_raises_costs_the_rows_of_its_symbol(
    runner: Runner, installed: Install
) -> None:
    done = runner.run(hooks(installed, picky=PICKY), "plugins=['picky']")
    assert done.returncode == 1
    rows = runner.rows(done)
    assert [row["status"] == "error" for row in rows] == [False, True, False]
    assert rows[1]["error"] == "ValueError: not this one"
