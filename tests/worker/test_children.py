"""Children die, hang and talk nonsense; their worker has a result for every task."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from multiprocessing.forkserver import set_forkserver_preload
from pathlib import Path
from typing import Any

import pytest

from backfleet.chunks.task_result import TaskResult
from backfleet.errors import DataError, PluginError
from backfleet.worker.child_process import Limits
from backfleet.worker.children import ChildPool
from backfleet.worker.messages import TaskBatch, TaskResults

Outcomes = dict[int, TaskResult]
Run = Callable[..., Outcomes]

CHUNKS = [TaskBatch(0, range(4)), TaskBatch(1, range(4, 8)), TaskBatch(2, range(8, 12))]
GIB = 2**30


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`runners.Make`, importable here and in the children."""
    set_forkserver_preload(["backfleet.worker.child"])
    monkeypatch.syspath_prepend(Path(__file__).parent / "runners")
    return import_module("runners").Make


@pytest.fixture
def run(make: Any) -> Run:
    """Run three chunks of four tasks on runners of a kind; the result of each task."""

    def run(name: str, bad: int = -1, deed: str = "", *, size: int = 1) -> Outcomes:
        pool = ChildPool(make(name, bad, deed), size, Limits(task_timeout=2, memory=GIB))
        outcomes: Outcomes = {}

        def take(finished: TaskResults) -> None:
            for result in finished.results:
                assert result.task in CHUNKS[finished.chunk].tasks
                assert result.task not in outcomes, "a task has one result"
                outcomes[result.task] = result

        try:
            pool.run(CHUNKS, take)
        finally:
            pool.close()
        assert sorted(outcomes) == list(range(12))
        return outcomes

    return run


def errors(outcomes: Outcomes) -> dict[int, str]:
    return {task: result.error for task, result in outcomes.items() if result.error}


@pytest.mark.parametrize("size", [1, 3])
def test_every_task_has_its_result(run: Run, size: int) -> None:
    outcomes = run("good", size=size)

    assert errors(outcomes) == {}
    assert all(result.digest == f"digest of {task}" for task, result in outcomes.items())


@pytest.mark.parametrize("bad", [0, 5, 11])
def test_a_child_ended_by_a_signal_without_a_name(run: Run, bad: int) -> None:
    assert errors(run("bad", bad, "signal")) == {
        bad: "TaskCrashed: its process was ended by signal 37"
    }


def test_a_child_that_closes_its_connection(run: Run) -> None:
    (error,) = errors(run("bad", 6, "close_everything")).items()

    # It may end itself before that is seen: without the connection its worker seems to have gone.
    assert error in (
        (6, "TaskCrashed: it closed its process's connection to the worker"),
        (6, "TaskKilled: its process was ended by SIGKILL; was the machine out of memory?"),
    )


def test_a_child_that_ends_the_process_it_was_forked_from(run: Run) -> None:
    assert errors(run("bad", 6, "kill_parent", size=2)) == {
        6: "TaskCrashed: its process ended with exit code 255"
    }


def test_a_child_that_hangs_costs_its_task(run: Run) -> None:
    assert errors(run("bad", 6, "hang", size=2)) == {6: "TaskTimeout: timed out after 2 s"}


def test_memory_that_earlier_tasks_keep_is_not_a_tasks_own_fault(run: Run) -> None:
    assert errors(run("hoarder")) == {}


def test_a_death_that_an_earlier_task_brought_about_is_not_a_tasks_own_fault(run: Run) -> None:
    assert errors(run("dies early")) == {}


def test_children_that_die_again_and_again_at_any_moment_come_to_an_end(run: Run) -> None:
    # On a slow machine a task may die of its own bomb, twice.
    said = set(errors(run("time bomb")).values())

    assert said <= {"TaskCrashed: its process ended with exit code 1"}


def test_a_child_that_refuses_its_work_is_heard(run: Run) -> None:
    with pytest.raises(DataError, match=r"^prices\.csv is not what it was$"):
        run("refused")


@pytest.mark.parametrize(
    ("name", "said"), [("never ready", "no module named numbers"), ("crashes at once", "Fatal")]
)
def test_children_that_never_get_ready_are_given_up(run: Run, name: str, said: str) -> None:
    with pytest.raises(PluginError, match=f"ends before it is ready: .*{said}"):
        run(name)
