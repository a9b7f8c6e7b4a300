"""One task: its random numbers, its log, and what becomes of its errors."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import pytest

import backfleet as bf
from backfleet.plan.plan import plan_job
from backfleet.plan.task_context import TaskContext
from backfleet.runs.run import Run
from backfleet.worker.task import TaskRunner


@pytest.fixture(scope="module")
def runner(probe_job: bf.Job) -> Iterator[TaskRunner]:
    plan = plan_job(probe_job)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("NUMBA_CPU_NAME", "here")
        yield TaskRunner(TaskContext(plan.manifest, plan.strategy, probe_job.data.path))


def test_random_numbers_differ_between_tasks(probed: Run) -> None:
    rows = probed.results()

    assert rows["process"].nunique() == 2, "they ran in two processes"
    for name in ("drawn", "drawn_by_numpy"):
        assert rows[name].nunique() == len(rows) == 128


def test_random_numbers_of_a_task_are_the_same_in_any_process_and_order(
    probed: Run, runner: TaskRunner
) -> None:
    rows = probed.results()
    random.seed(1)
    np.random.seed(1)

    for task in (127, 3, 64, 3):
        custom = runner.result(task).custom
        assert custom["drawn"] == rows["drawn"][task]
        assert custom["drawn_by_numpy"] == rows["drawn_by_numpy"][task]


def test_another_seed_draws_other_numbers(probe_job: bf.Job, runner: TaskRunner) -> None:
    other = bf.run_task(probe_job.model_copy(update={"seed": 7}), 0).row

    assert other["drawn"] != runner.result(0).custom["drawn"]
    assert other["drawn_by_numpy"] != runner.result(0).custom["drawn_by_numpy"]


def test_what_a_task_prints_is_found_under_its_number(probed: Run) -> None:
    assert list(probed.logs(2)) == ["AAA 2 prints"]
    assert sorted(probed.logs(3)) == ["AAA 3 prints", "AAA 3 writes"]
    assert list(probed.logs(64)) == ["BBB 0 prints"]
    assert len(list(probed.logs())) == 128 + 128 + 64
