"""The runs of one user or team do not hold back those of another."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from backfleet.executor import Pace, Submission, Workload
from backfleet_executors.aws.batch.arrays import ShardArray
from backfleet_executors.aws.batch.executor import AwsBatchExecutor
from backfleet_executors.aws.batch.request import JobShape, submit_request
from backfleet_executors.aws.batch.settings import AwsBatchSettings
from backfleet_executors.aws.batch.share import (
    LONG_PRIORITY,
    SHORT_PRIORITY,
    Share,
    share_identifier,
)
from backfleet_executors.aws.batch.time_limit import TimeLimit
from backfleet_executors.aws.stack.compute import FAIR_SHARE
from testbed.aws.aws_server.fair_share import JobOrder, SchedulingPolicy, Waiting
from testbed.aws.deployment import AwsServer
from testbed.aws.gate import Gate

SLOTS = 256
STACK_POLICY = SchedulingPolicy.of(
    {
        "shareDecaySeconds": FAIR_SHARE["ShareDecaySeconds"],
        "computeReservation": FAIR_SHARE["ComputeReservation"],
    }
)


class Clock:
    """Seconds that pass when a test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def children(run: str, count: int, share: Share) -> list[Waiting]:
    """Return the children of the array job that the executor submits."""
    shape = JobShape("s3://b/r", "worker:1", 1, 2048, TimeLimit(60, 60, 1), share=share)
    request = submit_request(ShardArray(run, 1, f"0-{count - 1}", "queue"), shape)
    identifier, priority = request["shareIdentifier"], request["schedulingPriorityOverride"]
    size = request["arrayProperties"]["size"]
    return [Waiting((run, index), identifier, priority) for index in range(size)]


def starts(
    policy: SchedulingPolicy | None, arrivals: Sequence[tuple[float, Sequence[Waiting]]]
) -> list[tuple[float, str]]:
    """Return the moments and runs of the starts, in a queue of 256 slots."""
    clock, draw = Clock(), random.Random(14)
    order = JobOrder(policy, clock)
    started: list[tuple[float, str]] = []
    running: list[tuple[float, int, Waiting]] = []
    coming = list(arrivals)
    while coming or running:
        moments = [arrival[0] for arrival in coming[:1]] + [start[0] for start in running[:1]]
        clock.now = min(moments)
        while coming and coming[0][0] <= clock.now:
            for waiting in coming.pop(0)[1]:
                order.add(waiting)
        while running and running[0][0] <= clock.now:
            order.end(heapq.heappop(running)[2])
        while order and len(running) < SLOTS:
            waiting = order.start()
            started.append((clock.now, waiting.job[0]))
            heapq.heappush(running, (clock.now + draw.uniform(60, 600), len(started), waiting))
    return started


def starts_of_a_while_b_waits(policy: SchedulingPolicy | None, moment: float) -> int:
    """Return how many of A's 10,000 children start between B's submission and B's last start."""
    a = children("a", 10_000, Share.of(None, "ann", 0))
    b = children("b", 100, Share.of(None, "bob", 0))
    order = starts(policy, [(0, a), (moment, b)])
    assert len(order) == 10_100
    last = max(place for place, (_, run) in enumerate(order) if run == "b")
    return sum(run == "a" and at > moment for at, run in order[:last])


@pytest.mark.parametrize("moment", [1, 900, 3600])
def test_100_children_of_b_start_before_500_more_of_10000_children_of_a(moment: float) -> None:
    assert starts_of_a_while_b_waits(STACK_POLICY, moment) < 500


def test_the_same_children_wait_for_thousands_on_a_queue_without_fair_share() -> None:
    assert starts_of_a_while_b_waits(None, 1) > 9_000


def test_two_shares_get_equal_parts_and_a_weight_counts() -> None:
    halves = [children(run, 2_000, Share(run, 1)) for run in ("a", "b")]
    equal = starts(STACK_POLICY, [(0, [*halves[0], *halves[1]])])[:2_000]
    assert sum(run == "a" for _, run in equal) == pytest.approx(1_000, abs=60)
    weighted = replace(STACK_POLICY, weights={"b": 3.0})
    uneven = starts(weighted, [(0, [*halves[0], *halves[1]])])[:2_000]
    assert sum(run == "a" for _, run in uneven) == pytest.approx(1_500, abs=60)


def test_within_a_share_short_runs_start_first() -> None:
    long, short = Share.of("alpha", "ann", 3600), Share.of("alpha", "bob", 60)
    assert long.identifier == short.identifier
    order = starts(
        STACK_POLICY, [(0, children("long", 1_000, long)), (1, children("short", 100, short))]
    )
    assert [run for _, run in order].index("short") == SLOTS
    assert {run for _, run in order[SLOTS : SLOTS + 100]} == {"short"}


@pytest.mark.parametrize(
    ("team", "user", "share"),
    [
        (None, "ann.smith@example.com", "userannsmithexamplecom"),
        (None, "botocore-session-1700000000", "user"),
        ("alpha", "ann", "teamalpha"),
        (None, "x" * 300, "user" + "x" * 251),
    ],
)
def test_the_share_is_the_teams_or_the_users_in_letters_and_digits(
    team: str | None, user: str, share: str
) -> None:
    assert share_identifier(team, user) == share


def submitted_job(executor: AwsBatchExecutor, server: AwsServer, submission: Submission) -> Any:
    handle = executor.submit(submission)
    executor.cancel(handle)
    return server.job(handle["arrays"][0]["job"])


def test_a_job_has_the_share_and_the_tag_of_its_team_or_user(
    settings: Mapping[str, Any], aws_server: AwsServer, submission: Callable[..., Submission]
) -> None:
    plain = AwsBatchExecutor(AwsBatchSettings(**settings))
    job = submitted_job(plain, aws_server, submission())
    assert job["shareIdentifier"] == "usermoto"
    assert job["tags"]["backfleet:team"] == "all"
    aws_server.lift_roles()
    team = AwsBatchExecutor(AwsBatchSettings(**settings, team="alpha"))
    job = submitted_job(team, aws_server, submission(points=5))
    assert job["shareIdentifier"] == "teamalpha"
    assert job["tags"]["backfleet:team"] == "alpha"


def test_a_queue_without_fair_share_gets_no_share(
    settings: Mapping[str, Any], aws_server: AwsServer, submission: Callable[..., Submission]
) -> None:
    queue = aws_server.fifo_queue()
    aws_server.lift_roles(queue)
    executor = AwsBatchExecutor(AwsBatchSettings(**settings | {"queue": queue}))
    assert "shareIdentifier" not in submitted_job(executor, aws_server, submission())


@pytest.mark.parametrize(
    ("quota", "priority"), [(None, SHORT_PRIORITY), (3.0, SHORT_PRIORITY), (1.0, LONG_PRIORITY)]
)
def test_a_run_is_long_if_its_workers_run_one_after_the_other_and_not_if_the_quota_is_unknown(
    executor: AwsBatchExecutor,
    aws_server: AwsServer,
    gate: Gate,
    submission: Callable[..., Submission],
    quota: float | None,
    priority: int,
) -> None:
    if quota is None:
        gate.refuse("GetServiceQuota", 400, "AccessDeniedException")
    else:
        gate.answer("GetServiceQuota", {"Quota": {"Value": quota}})
    # Three workers of 225 s each; ten minutes decide.
    pace = Pace(675.0, is_measured=True)
    executor.count_shards(Workload(3, 300, 300, 1, 2 * 2**30, lambda: pace))
    job = submitted_job(executor, aws_server, submission(shards=3))
    assert job["schedulingPriority"] == priority


def test_a_share_that_aws_failed_to_create_is_submitted_again(
    executor: AwsBatchExecutor,
    aws_server: AwsServer,
    gate: Gate,
    submission: Callable[..., Submission],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("backfleet_executors.aws.batch.submit.LOOKS", (0.0,))
    message = "Failed to create shareIdentifier"
    gate.refuse("SubmitJob", 500, "ServerException", message, times=1)
    assert submitted_job(executor, aws_server, submission())["shareIdentifier"] == "usermoto"
    assert gate.calls["SubmitJob"] == 2


def test_a_team_has_a_name_that_a_share_can_have() -> None:
    with pytest.raises(ValueError, match="team"):
        AwsBatchSettings(team="Alpha-1")
