"""What only a real account shows: `backfleet doctor --live` tries it, for a fraction of a cent."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from backfleet.errors import ExecutorError
from backfleet.executor import Finding, FindingStatus
from backfleet.store import open_store
from backfleet_executors.aws.batch.arrays import ShardArray
from backfleet_executors.aws.batch.environment import BatchEnvironment
from backfleet_executors.aws.batch.live_probes import probes_of
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
from backfleet_executors.aws.batch.submit import LOOKS, JobSubmitter
from backfleet_executors.aws.batch.time_limit import TimeLimit
from backfleet_executors.aws.clients import Clients
from backfleet_executors.aws.stack.live import unconditional_write

__all__ = ["live_checks"]

PAUSE = 3.0
PATIENCE = 600.0
"""Seconds for two containers to start and end."""

GIB = 2**30
LIVE = "doctor-live"


@dataclass
class _Trial:
    """A job whose containers run one command of backfleet."""

    settings: AwsBatchSettings
    environment: BatchEnvironment
    array: ShardArray
    began: float

    def found(self) -> bool:
        """Whether its name leads to it already."""
        jobs = self.environment.calls.named(self.array.queue, self.array.name)
        return any(job["jobId"] == self.array.job for job in jobs)

    def job(self) -> Any:
        return self.environment.calls.describe([self.array.job]).get(self.array.job)

    def seconds(self) -> float:
        return time.monotonic() - self.began


def live_checks(settings: AwsBatchSettings, environment: BatchEnvironment) -> Iterator[Finding]:
    """Write, submit, look, read logs, and say what differs from what the executor counts on.

    Raises ExecutorError, StoreError.
    """
    store = required(settings, "store")
    probes = probes_of(store)
    yield _conditional_write(store)
    yield unconditional_write(environment.calls.clients, store)
    trials = [_start(settings, environment, "0-1", ["--version"])]
    try:
        for probe in probes:
            trials.append(_start(settings, environment, "0", ["worker", probe.url]))
        yield from _followed(trials[0])
        for probe, trial in zip(probes, trials[1:], strict=True):
            ended = _waited(trial, probe.subject, partial(_has_ended, trial))
            is_ended = ended.status is FindingStatus.OK
            yield probe.finding(_lines(trial)) if is_ended else ended
    finally:
        for trial in trials:
            environment.calls.terminate(trial.array.job, "the check is over")


def _conditional_write(url: str) -> Finding:
    """The second writer of an object must be refused: every commit stands on it."""
    store = open_store(url).at(LIVE)
    key = f"{secrets.token_hex(8)}.json"
    first, second = (store.put_if_absent(key, json.dumps(who).encode()) for who in (1, 2))
    subject = "conditional writes"
    if first and not second and store.read(key) == b"1":
        return Finding(
            subject, FindingStatus.OK, f"the second writer of {url}/{LIVE}/{key} was refused"
        )
    return Finding(
        subject, FindingStatus.FAILURE, "a second writer overwrote the first", "use AWS S3"
    )


def _start(
    settings: AwsBatchSettings,
    environment: BatchEnvironment,
    shards: str,
    command: Sequence[str],
) -> _Trial:
    calls = environment.calls
    size = worker_size(1, GIB)
    shape = JobShape(
        url="",
        definition=environment.definition["jobDefinitionArn"],
        vcpus=size.vcpus,
        memory=size.memory,
        limit=TimeLimit(attempt=300, worker=300, attempts=1),
        tags={"backfleet:run": LIVE, TEAM_TAG: settings.team or NO_TEAM},
    )
    run = secrets.token_hex(8)
    array = ShardArray(run, 0, shards, required(settings, "queue"))
    if environment.is_fair_share(array.queue):
        shape = replace(shape, share=Share.of(settings.team, environment.user, 0))
    request = submit_request(array, shape)
    request["containerOverrides"]["command"] = list(command)
    submitter = JobSubmitter(Clients(calls.clients.region, total_max_attempts=1).batch, calls)
    began = time.monotonic()
    job = submitter.submit(request)
    return _Trial(settings, environment, ShardArray(run, 0, shards, array.queue, job), began)


def _followed(trial: _Trial) -> Iterator[Finding]:
    yield _waited(trial, "job seen by its id", lambda: trial.job() is not None)
    yield _in_time(_waited(trial, "job found by its name", trial.found), trial)
    yield _waited(trial, "two containers", lambda: _has_ended(trial))
    calls = trial.environment.calls
    children = calls.describe([trial.array.child(shard) for shard in (0, 1)])
    yield _exit_codes([job.get("container", {}).get("exitCode") for job in children.values()])
    yield _log(trial)


def _waited(trial: _Trial, subject: str, holds: Callable[[], bool]) -> Finding:
    while not holds():
        if trial.seconds() > PATIENCE:
            text = f"not within {PATIENCE:,.0f} s; the job is {trial.array.job}"
            return Finding(subject, FindingStatus.FAILURE, text, "see its queue in the AWS console")
        time.sleep(PAUSE)
    return Finding(subject, FindingStatus.OK, f"after {trial.seconds():.0f} s")


def _in_time(found: Finding, trial: _Trial) -> Finding:
    """A warning where a lost job would have been looked for in vain, and submitted again."""
    looked = sum(LOOKS)
    if found.status is FindingStatus.FAILURE or trial.seconds() <= looked:
        return found
    text = f"{found.text}, and a lost job is looked for {looked:.0f} s: it would run twice"
    return Finding(
        found.subject, FindingStatus.WARNING, text, "results are the same; it costs twice"
    )


def _has_ended(trial: _Trial) -> bool:
    job = trial.job()
    return job is not None and state_of(job["status"]).ended


def _exit_codes(codes: Sequence[int | None]) -> Finding:
    subject = "exit codes"
    if codes == [0, 0]:
        return Finding(subject, FindingStatus.OK, "both containers ended with 0")
    text = f"the containers ended with {codes}, not with [0, 0]"
    return Finding(subject, FindingStatus.FAILURE, text, "see 'backfleet image build'")


def _lines(trial: _Trial) -> list[str]:
    """Raises ExecutorError."""
    calls, group = trial.environment.calls, trial.settings.log_group
    return list(read_log(calls, trial.array.child(0), group, follow=False))


def _log(trial: _Trial) -> Finding:
    subject = "logs"
    try:
        lines = _lines(trial)
    except ExecutorError as error:
        return Finding(subject, FindingStatus.FAILURE, str(error))
    if any("backfleet" in line for line in lines):
        return Finding(subject, FindingStatus.OK, lines[-1])
    return Finding(subject, FindingStatus.WARNING, "nothing was written", "correct log_group")
