"""A healthy worker never meets the time-out of AWS Batch, whatever the size of the run."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable

import pytest

from backfleet.executor import Pace, Submission, Workload
from backfleet.submissions.pace import SECONDS_PER_TASK
from backfleet.worker.child import FLUSH_SECONDS
from backfleet.worker.chunk_writer import PART_SECONDS
from backfleet_executors.aws.batch.executor import AwsBatchExecutor
from backfleet_executors.aws.batch.settings import AwsBatchSettings
from backfleet_executors.aws.batch.time_limit import TimeLimit
from testbed.aws.deployment import AwsServer

TASKS = (10, 1_000, 100_000, 1_000_000, 10_000_000)
SECONDS = (0.001, 0.01, 0.3, 0.96, 10.0, 60.0)
GIB = 2**30
START = 40.0


def simulated_attempts(work: float, task: float, limit: TimeLimit) -> int:
    """Return the attempts that a worker needs for its work, by a clock that only counts.

    Each attempt loses what was not stored when it ended: less than a part, and a task.
    """
    attempts, done = 0, 0.0
    while done < work:
        attempts += 1
        step = min(work - done, limit.worker - START)
        clock, done = START + step, done + step
        if done < work:
            done -= min(step, PART_SECONDS + FLUSH_SECONDS + task)
        assert clock < limit.attempt
        assert attempts <= 100
    return attempts


@pytest.mark.parametrize("is_measured", [True, False])
@pytest.mark.parametrize(("tasks", "seconds"), list(itertools.product(TASKS, SECONDS)))
def test_attempts_cover_the_work_of_any_run_and_none_meets_the_time_out(
    tasks: int, seconds: float, is_measured: bool
) -> None:
    settings = AwsBatchSettings()
    executor = AwsBatchExecutor(settings)
    # Without a measured task, backfleet expects a tenth of a second.
    expected = tasks * (seconds if is_measured else SECONDS_PER_TASK)
    work = Workload(1, tasks, tasks, 1, GIB, lambda: Pace(expected, is_measured=is_measured))
    shards = executor.count_shards(work)
    limit = TimeLimit.of(settings, expected / shards if is_measured else None)
    actual = seconds * -(-tasks // shards)

    assert limit.problem(task_timeout=seconds) == ""
    assert simulated_attempts(actual, seconds, limit) <= settings.attempts


def test_a_lost_child_process_costs_at_most_two_minutes_besides_its_task() -> None:
    assert PART_SECONDS + FLUSH_SECONDS <= 120


def test_a_worker_that_takes_three_times_as_long_as_measured_needs_one_attempt() -> None:
    for minutes in (4, 60, 600):
        limit = TimeLimit.of(AwsBatchSettings(), 60 * minutes)
        assert simulated_attempts(3 * 60 * minutes, 1, limit) == 1


def test_only_a_task_that_may_outlast_an_attempt_is_refused(
    executor: AwsBatchExecutor, submission: Callable[..., Submission]
) -> None:
    asked = submission()
    assert isinstance(executor.settings, AwsBatchSettings)
    settings = executor.settings.model_copy(update={"timeout_minutes": 4.0})
    (problem,) = AwsBatchExecutor(settings).preflight(asked)

    assert "resources.task_timeout is 5 minutes, and an attempt of a worker ends after 2" in problem
    assert executor.preflight(asked) == []


@pytest.mark.parametrize("minutes", [5.0, 60.0, 600.0])
def test_a_worker_whose_attempts_cannot_cover_its_work_is_refused(minutes: float) -> None:
    settings = AwsBatchSettings(timeout_minutes=3.0, attempts=2)
    problem = TimeLimit.of(settings, 60 * minutes).problem(task_timeout=1)
    suggested = re.search(r"Set timeout_minutes to ([\d,]+) or more", problem)

    assert f"expected to take {minutes:g} minutes, and its 2 attempts cover 2." in problem
    assert suggested is not None
    sufficient = AwsBatchSettings(timeout_minutes=suggested[1].replace(",", ""), attempts=2)
    limit = TimeLimit.of(sufficient, 60 * minutes)
    assert limit.problem(task_timeout=1) == ""


def test_a_worker_of_unmeasured_tasks_is_not_refused_for_a_guess() -> None:
    assert TimeLimit.of(AwsBatchSettings(timeout_minutes=3.0), None).problem(task_timeout=1) == ""


def test_workers_get_a_limit_of_their_own_before_the_time_out_of_their_job(
    submission: Callable[..., Submission], aws_server: AwsServer, settings: dict[str, str]
) -> None:
    executor = AwsBatchExecutor(AwsBatchSettings(**settings, timeout_minutes=60))
    handle = executor.submit(submission(1))
    executor.cancel(handle)
    job = aws_server.job(handle["arrays"][0]["job"])

    given = {variable["name"]: variable["value"] for variable in job["container"]["environment"]}
    assert given["BACKFLEET_TIME_LIMIT"] == str(58 * 60)
    assert job["timeout"] == {"attemptDurationSeconds": 3600}
