"""Checks of `doctor --live` of the rules by which a fair-share queue orders jobs."""

from __future__ import annotations

import time
from collections.abc import Iterator

from backfleet.errors import ExecutorError
from backfleet.executor import Finding, FindingStatus
from backfleet_executors.aws.batch.live_trial import LiveTrial
from backfleet_executors.aws.batch.share import share_identifier
from backfleet_executors.aws.stack.compute import FAIR_SHARE

__all__ = ["share_findings"]

SUBJECT = "fair share"
LOOKS = 40
PAUSE_SECONDS = 3.0
"""Seconds between two looks at a snapshot, which AWS Batch brings up to date by and by."""

DEPLOY = "run 'backfleet aws deploy'"


def share_findings(trial: LiveTrial) -> Iterator[Finding]:
    """Look at the queue while a job of a trial runs on it. Raises ExecutorError."""
    account, queue = trial.account, trial.array.queue
    if not account.is_fair_share(queue):
        text = f"the queue {queue} has no scheduling policy: one run can hold back all others"
        yield Finding(SUBJECT, FindingStatus.WARNING, text, DEPLOY)
        return
    yield _policy(trial)
    yield _refusal(trial)
    yield _share(trial)


def _policy(trial: LiveTrial) -> Finding:
    policy = trial.account.calls.fair_share_policy(trial.array.queue)
    # The template spells the properties in CloudFormation's way, the API begins them with a small
    # letter.
    expected = {name[0].lower() + name[1:]: value for name, value in FAIR_SHARE.items()}
    wrong = {
        name: policy.get(name) for name, value in expected.items() if policy.get(name) != value
    }
    # Shares that are not listed have a weight of 1, so any list gives some users more than others.
    if wrong or policy.get("shareDistribution"):
        text = f"the scheduling policy has {dict(policy)}, and the stack's has {expected}"
        return Finding(SUBJECT, FindingStatus.WARNING, text, DEPLOY)
    text = "use fades within an hour, all shares weigh the same, and no capacity is kept idle"
    return Finding(SUBJECT, FindingStatus.OK, text)


def _refusal(trial: LiveTrial) -> Finding:
    """Check that AWS Batch refuses a job without a share, which would count to nobody."""
    subject = "jobs without a share"
    calls = trial.account.calls
    definition = trial.account.definition["jobDefinitionArn"]
    try:
        # With the name and tags of the trial, so that the rights of submitters cover it.
        job = calls.submit_plain(trial.array.name, trial.array.queue, definition, trial.tags)
    except ExecutorError:
        return Finding(subject, FindingStatus.OK, "AWS Batch refuses them")
    calls.terminate(job, "the check is over")
    return Finding(subject, FindingStatus.FAILURE, f"AWS Batch took one: {job}")


def _share(trial: LiveTrial) -> Finding:
    """Check that the running job has its share, also in the snapshot of the queue."""
    subject = "share of a job"
    account = trial.account
    expected = share_identifier(trial.settings.team, account.user)
    # First what the job was given, then whether the queue really counts by it.
    share = trial.job().get("shareIdentifier")
    if share != expected:
        return Finding(subject, FindingStatus.FAILURE, f"it is {share!r}, not {expected!r}")
    for _ in range(LOOKS):
        if expected in account.calls.shares_in_use(trial.array.queue):
            return Finding(subject, FindingStatus.OK, f"the queue counts it to {expected}")
        time.sleep(PAUSE_SECONDS)
    text = f"the snapshot of the queue does not show {expected} although its job runs"
    return Finding(subject, FindingStatus.WARNING, text, "look at the queue in the AWS console")
