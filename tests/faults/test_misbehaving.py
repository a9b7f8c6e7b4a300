"""Strategies that crash, hang, eat memory or leave things behind: it is they who pay for it."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import pandas as pd
import psutil
import pytest

from backfleet.worker.output import MAX_TASK_OUTPUT_BYTES

if TYPE_CHECKING:
    from faults.conftest import Fleet, FleetMaker

ERRORS = {
    "raise": "ValueError: no such price, says <object object at 0x...> \\ud800 (_raise)",
    "raise-base": "Odd: not an Exception (_raise_base)",
    "exit": "SystemExit: 3 (_exit)",
    "leave-list": "TypeError: the strategy's metrics['drawn'] must be a bool, int, float, str or "
    "None, not list",
    "exit-at-once": "TaskCrashed: its process ended with exit code 7",
    "segfault": "TaskCrashed: its process was ended by SIGSEGV",
    "kill": "TaskKilled: its process was ended by SIGKILL; was the machine out of memory?",
    "hang": "TaskTimeout: timed out after 4 s",
    "eat": "TaskOutOfMemory: it exceeded resources.memory",
}
"""Mode to the error in the row of the task that misbehaves, without file and line."""

PLACE = re.compile(r"\(trial\.py, line \d+, in ")
RETRYABLE = ("kill", "hang", "eat")
HARMLESS = ("die-later", "print", "leave-process", "fork")
"""Modes that hurt no row, not even their own."""

MODES = (*ERRORS, *HARMLESS)
"""Those that hurt others come last: what dies later must not fall on a task that is counted."""

POINTS = 25
CHUNK = 5


def ran(make_fleet: FleetMaker, name: str, *, behaves: bool) -> Fleet:
    fleet = make_fleet(name)
    fleet.write_job(modes=MODES, points=POINTS, symbols=("AAA",), task_timeout=4)
    if behaves:
        fleet.behave.touch()
    done = fleet.run()
    assert done.returncode == (0 if behaves else 1), done.stderr
    assert len(fleet.rows()) == len(MODES) * POINTS
    return fleet


@pytest.fixture(scope="module")
def clean(make_fleet: FleetMaker) -> Fleet:
    return ran(make_fleet, "clean", behaves=True)


@pytest.fixture(scope="module")
def bad(make_fleet: FleetMaker) -> Fleet:
    return ran(make_fleet, "bad", behaves=False)


def misbehaves(row: dict[str, Any], modes: Collection[str] = ERRORS) -> bool:
    return row["mode"] in modes and row["point"] == 1


def neighbors(fleet: Fleet, modes: Collection[str]) -> list[dict[str, Any]]:
    """All rows but those of the tasks that misbehave in one of these modes."""
    return [row for row in fleet.rows() if not misbehaves(row, modes)]


def test_its_row_says_what_a_task_did(bad: Fleet) -> None:
    rows = {row["mode"]: row for row in bad.rows() if misbehaves(row)}

    said = {mode: PLACE.sub("(", row["error"]) for mode, row in rows.items()}
    assert said == ERRORS
    assert {row["status"] for row in rows.values()} == {"error"}
    assert {row["final_value"] for row in rows.values()} == {None}


def test_all_other_rows_are_those_of_a_clean_run(bad: Fleet, clean: Fleet) -> None:
    assert bad.opened().id == clean.opened().id
    assert neighbors(bad, ERRORS) == neighbors(clean, ERRORS)


def test_a_task_that_only_raises_or_hangs_runs_once(bad: Fleet) -> None:
    executed = bad.executed()

    assert [executed[f"AAA {mode} 1"] for mode in ("raise", "exit", "hang")] == [1, 1, 1]
    assert executed["AAA segfault 1"] == 2, "once with others, once alone"


def test_its_log_says_where_a_task_died(bad: Fleet) -> None:
    tasks = {row["mode"]: row["task"] for row in bad.rows() if misbehaves(row)}
    logs = {mode: "\n".join(bad.opened().logs(task)) for mode, task in tasks.items()}

    assert "Segmentation fault" in logs["segfault"]
    assert "trial.py" in logs["segfault"]
    assert "Traceback" in logs["raise"]
    assert "MemoryError" in logs["eat"]


def test_a_megabyte_of_output_is_cut_and_stays_with_its_task(bad: Fleet) -> None:
    first = MODES.index("print") * POINTS
    logs = ["\n".join(bad.opened().logs(first + point)) for point in range(CHUNK)]

    assert MAX_TASK_OUTPUT_BYTES - 100 < len(logs[1]) < MAX_TASK_OUTPUT_BYTES + 100
    assert "[output cut here]" in logs[1]
    assert not any(logs[:1] + logs[2:])


def test_no_process_outlives_the_run(bad: Fleet) -> None:
    left = bad.left()

    # The task that leaves one may have run twice: a task before it ends the child some time later.
    assert left
    assert not any(map(psutil.pid_exists, left))
    assert not bad.workers()


def test_retrying_computes_what_may_come_out_differently_and_nothing_else(
    bad: Fleet, clean: Fleet
) -> None:
    before, chunks = bad.executed(), bad.chunks()
    bad.behave.touch()
    done = bad.resume("--retry-failed")

    assert done.returncode == 1, "the errors that are results stay"
    assert bad.executed() - before == {f"AAA {mode} 1": 1 for mode in RETRYABLE}
    still = set(ERRORS) - set(RETRYABLE)
    assert neighbors(bad, still) == neighbors(clean, still)
    added = sorted(set(bad.chunks()) - set(chunks))
    assert [path.suffix for path in added] == [".1"] * len(RETRYABLE)
    check_details(bad, clean)


def check_details(bad: Fleet, clean: Fleet) -> None:
    """Of all tasks of the chunks that were written anew, details are those of the clean run."""
    for mode in RETRYABLE:
        first = MODES.index(mode) * POINTS
        for task in range(first, first + CHUNK):
            for name in ("equity", "orders", "fills", "trades"):
                got, want = (getattr(fleet.opened(), name)(task) for fleet in (bad, clean))
                assert len(want)
                pd.testing.assert_frame_equal(got, want)
