"""A job that `doctor --live` submits, and how it is followed."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from backfleet.executor import Finding, FindingStatus
from backfleet_executors.aws.batch.account_setup import BatchAccount
from backfleet_executors.aws.batch.arrays import ShardArray
from backfleet_executors.aws.batch.logs import read_log
from backfleet_executors.aws.batch.request import JobShape, submit_request
from backfleet_executors.aws.batch.settings import (
    NO_TEAM,
    TEAM_TAG,
    AwsBatchSettings,
    required,
)
from backfleet_executors.aws.batch.share import Share
from backfleet_executors.aws.batch.size import worker_size
from backfleet_executors.aws.batch.states import state_of
from backfleet_executors.aws.batch.submit import JobSubmitter
from backfleet_executors.aws.batch.time_limit import TimeLimit
from backfleet_executors.aws.clients import Clients

__all__ = ["LIVE", "LiveTrial", "TrialPlan", "start_trial", "tags_of_trials", "wait_until"]

PAUSE_SECONDS = 3.0
MAX_WAIT_SECONDS = 600.0
"""Seconds for containers to start and end."""

GIB = 2**30
LIVE = "doctor-live"


@dataclass(frozen=True)
class TrialPlan:
    """The command and limits of a trial job's containers.

    Attributes
    ----------
    command
        Of backfleet.
    shards
        One container per shard.
    attempts
        How often AWS Batch tries a container whose end the rules let it try again.
    timeout
        Seconds of an attempt; AWS Batch takes 60 or more.
    """

    command: Sequence[str]
    shards: str = "0"
    attempts: int = 1
    timeout: int = 300


@dataclass
class LiveTrial:
    """A job whose containers run one command of backfleet."""

    settings: AwsBatchSettings
    account: BatchAccount
    array: ShardArray
    began: float

    @property
    def tags(self) -> dict[str, str]:
        return tags_of_trials(self.settings)

    def is_listed(self) -> bool:
        """Return whether the list of jobs shows it under its name."""
        jobs = self.account.calls.named(self.array.queue, self.array.name)
        return any(job["jobId"] == self.array.job for job in jobs)

    def job(self) -> Any:
        return self.account.calls.describe([self.array.job]).get(self.array.job)

    def seconds(self) -> float:
        return time.monotonic() - self.began

    def has_ended(self) -> bool:
        job = self.job()
        return job is not None and state_of(job["status"]).ended

    def lines(self) -> list[str]:
        """Return the log of its first container. Raises ExecutorError."""
        calls, group = self.account.calls, self.settings.log_group
        return list(read_log(calls, self.array.child(0), group, follow=False))

    def end(self, subject: str) -> Finding:
        """Wait for its end."""
        return wait_until(self, subject, self.has_ended)


def start_trial(settings: AwsBatchSettings, account: BatchAccount, plan: TrialPlan) -> LiveTrial:
    """Submit a job. Raises ExecutorError."""
    calls = account.calls
    size = worker_size(1, GIB)
    shape = JobShape(
        # The command below replaces the one that names a submission.
        url="",
        definition=account.definition["jobDefinitionArn"],
        vcpus=size.vcpus,
        memory=size.memory,
        limit=TimeLimit(attempt=plan.timeout, worker=plan.timeout, attempts=plan.attempts),
        tags=tags_of_trials(settings),
    )
    # A run id of its own: a job of an earlier check must not be found by this one's name.
    run = secrets.token_hex(8)
    array = ShardArray(run, 0, plan.shards, required(settings, "queue"))
    if account.is_fair_share(array.queue):
        # 0 seconds: it takes no precedence over the runs of its user.
        shape = replace(shape, share=Share.of(settings.team, account.user, 0))
    request = submit_request(array, shape)
    request["containerOverrides"]["command"] = list(plan.command)
    # Submitted as real jobs are, so that the live check also tries this way.
    submitter = JobSubmitter(Clients(calls.clients.region, total_max_attempts=1).batch, calls)
    began = time.monotonic()
    job = submitter.submit(request)
    return LiveTrial(settings, account, replace(array, job=job), began)


def tags_of_trials(settings: AwsBatchSettings) -> dict[str, str]:
    # Submitters and the hourly clean-up may only stop jobs with these tags.
    return {"backfleet:run": LIVE, TEAM_TAG: settings.team or NO_TEAM}


def wait_until(trial: LiveTrial, subject: str, holds: Callable[[], bool]) -> Finding:
    """Wait until a condition holds, and return after how many seconds."""
    while not holds():
        # Counted from the submission and not from this call: all checks of a job share the time.
        if trial.seconds() > MAX_WAIT_SECONDS:
            text = f"not within {MAX_WAIT_SECONDS:,.0f} s; the job is {trial.array.job}"
            return Finding(subject, FindingStatus.FAILURE, text, "see its queue in the AWS console")
        time.sleep(PAUSE_SECONDS)
    return Finding(subject, FindingStatus.OK, f"after {trial.seconds():.0f} s")
