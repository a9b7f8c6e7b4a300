"""Checks of `backfleet doctor --live` that need a real account, for a fraction of a cent."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Sequence

from backfleet.errors import ExecutorError
from backfleet.executor import Finding, FindingStatus
from backfleet.store import open_store
from backfleet_executors.aws.batch.account_setup import BatchAccount
from backfleet_executors.aws.batch.live_containers import ContainerChecks
from backfleet_executors.aws.batch.live_probes import probes_of
from backfleet_executors.aws.batch.live_trial import (
    LIVE,
    LiveTrial,
    TrialPlan,
    start_trial,
    wait_until,
)
from backfleet_executors.aws.batch.settings import AwsBatchSettings, required
from backfleet_executors.aws.batch.submit import LOOKS
from backfleet_executors.aws.stack.live import unconditional_write

__all__ = ["live_checks"]


def live_checks(settings: AwsBatchSettings, account: BatchAccount) -> Iterator[Finding]:
    """Write, submit, look, read logs, and say what differs from what the executor counts on.

    Raises ExecutorError, StoreError.
    """
    store = required(settings, "store")
    probes = probes_of(store)
    yield _conditional_write(store)
    yield unconditional_write(account.calls.clients, store)
    # Two containers, because AWS Batch takes no array of one child.
    two = start_trial(settings, account, TrialPlan(["--version"], shards="0-1"))
    trials = [two]
    try:
        for probe in probes:
            plan = TrialPlan(["worker", probe.url])
            # Each job is noted before the next one is submitted, so that an error stops those that
            # run.
            trials.append(start_trial(settings, account, plan))
        # All jobs start before the first is waited for: their containers start side by side.
        containers = ContainerChecks(settings, account, trials)
        yield from _followed(two)
        for probe, trial in zip(probes, trials[1 : 1 + len(probes)], strict=True):
            ended = trial.end(probe.subject)
            is_ended = ended.status is FindingStatus.OK
            yield probe.finding(trial.lines()) if is_ended else ended
        yield from containers.findings()
    finally:
        # Most have ended by then; stopping those again changes nothing.
        jobs = [trial.array.job for trial in trials]
        account.calls.terminate_all(jobs, "the check is over")


def _conditional_write(url: str) -> Finding:
    """Check that the second writer of an object is refused, which every commit relies on."""
    store = open_store(url).at(LIVE)
    key = f"{secrets.token_hex(8)}.json"
    # A generator runs in order: the writer of 1 comes first.
    first, second = (store.put_if_absent(key, json.dumps(who).encode()) for who in (1, 2))
    subject = "conditional writes"
    if first and not second and store.read(key) == b"1":
        return Finding(
            subject, FindingStatus.OK, f"the second writer of {url}/{LIVE}/{key} was refused"
        )
    return Finding(
        subject, FindingStatus.FAILURE, "a second writer overwrote the first", "use AWS S3"
    )


def _followed(trial: LiveTrial) -> Iterator[Finding]:
    yield wait_until(trial, "job seen by its id", lambda: trial.job() is not None)
    # A list may lag behind. JobSubmitter counts on the lag being short.
    yield _in_time(wait_until(trial, "job found by its name", trial.is_listed), trial)
    yield trial.end("two containers")
    calls = trial.account.calls
    # The array itself has no exit code.
    children = calls.describe([trial.array.child(shard) for shard in (0, 1)])
    yield _exit_codes([job.get("container", {}).get("exitCode") for job in children.values()])
    yield _log(trial)


def _in_time(finding: Finding, trial: LiveTrial) -> Finding:
    """Turn a finding into a warning if a lost job would not be found, and submitted again."""
    looked = sum(LOOKS)
    if finding.status is FindingStatus.FAILURE or trial.seconds() <= looked:
        return finding
    text = f"{finding.text}, and a lost job is looked for {looked:.0f} s: it would run twice"
    return Finding(
        finding.subject, FindingStatus.WARNING, text, "results are the same; it costs twice"
    )


def _exit_codes(codes: Sequence[int | None]) -> Finding:
    subject = "exit codes"
    if codes == [0, 0]:
        return Finding(subject, FindingStatus.OK, "both containers ended with 0")
    text = f"the containers ended with {codes}, not with [0, 0]"
    return Finding(subject, FindingStatus.FAILURE, text, "see 'backfleet image build'")


def _log(trial: LiveTrial) -> Finding:
    subject = "logs"
    try:
        lines = trial.lines()
    except ExecutorError as error:
        return Finding(subject, FindingStatus.FAILURE, str(error))
    if any("backfleet" in line for line in lines):
        return Finding(subject, FindingStatus.OK, lines[-1])
    return Finding(subject, FindingStatus.WARNING, "nothing was written", "correct log_group")
