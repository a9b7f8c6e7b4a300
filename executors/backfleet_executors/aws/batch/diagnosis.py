"""The findings of `backfleet doctor` about the executor `aws-batch`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from backfleet.errors import BackfleetError
from backfleet.executor import Finding, FindingStatus
from backfleet.store import open_store
from backfleet_executors.aws.batch.account_setup import BatchAccount
from backfleet_executors.aws.batch.settings import AwsBatchSettings

__all__ = ["diagnosed", "diagnosis"]

DEPLOY = "run 'backfleet aws deploy'"

Check = Callable[[], Iterable[Finding]]


def diagnosis(settings: AwsBatchSettings, account: BatchAccount) -> Iterator[Finding]:
    """Looks only; where the credentials do not do, nothing else is asked."""
    identity = list(diagnosed("identity", lambda: _identity(account)))
    yield from identity
    # `diagnosed` yields at least one finding. Every other check would repeat the failure.
    if identity[-1].status is FindingStatus.FAILURE:
        return
    checks: dict[str, Check] = {
        "queues": lambda: _queues(settings, account),
        "job definition": lambda: _definition(account),
        "store": lambda: _location("store", settings.store, account),
        "data": lambda: _location("data", settings.data, account),
        "quota": lambda: _quota(account),
    }
    for subject, check in checks.items():
        yield from diagnosed(subject, check)


def diagnosed(subject: str, check: Check) -> Iterator[Finding]:
    """Yield the findings of a check, or its error as a failure."""
    try:
        yield from check()
    except BackfleetError as error:
        yield Finding(subject, FindingStatus.FAILURE, str(error))


def _identity(account: BatchAccount) -> Iterator[Finding]:
    region = account.calls.clients.region
    text = f"{account.user} in {region}"
    yield Finding("identity", FindingStatus.OK, text)


def _queues(settings: AwsBatchSettings, account: BatchAccount) -> Iterator[Finding]:
    subject = "queues"
    # Without the vCPU of a worker, which depend on a job: `doctor` has none.
    faults = list(account.queue_problems())
    for fault in faults:
        yield Finding(subject, FindingStatus.FAILURE, fault, DEPLOY)
    if not faults:
        names = dict.fromkeys(filter(None, [settings.queue, settings.on_demand_queue]))
        yield Finding(subject, FindingStatus.OK, " and ".join(names))
    if not faults and settings.on_demand_queue is None:
        text = "no queue is set for workers that Spot interrupts too often"
        yield Finding(subject, FindingStatus.WARNING, text, "set on_demand_queue")


def _definition(account: BatchAccount) -> Iterator[Finding]:
    subject = "job definition"
    faults = list(account.definition_problems())
    for fault in faults:
        yield Finding(subject, FindingStatus.FAILURE, fault, DEPLOY)
    if not faults:
        definition = account.definition
        revision = f"{definition['jobDefinitionName']}:{definition['revision']}"
        image = definition.get("containerProperties", {}).get("image", "")
        yield Finding(subject, FindingStatus.OK, f"{revision} runs {image}")


def _location(subject: str, url: str | None, account: BatchAccount) -> Iterator[Finding]:
    if url is None:
        yield Finding(subject, FindingStatus.WARNING, "it is not set", DEPLOY)
        return
    # The first page of a listing is enough to see that the location exists and can be read.
    next(iter(open_store(url).list()), None)
    faults = list(account.bucket_problems([url]))
    for fault in faults:
        yield Finding(subject, FindingStatus.FAILURE, fault, DEPLOY)
    if not faults:
        yield Finding(subject, FindingStatus.OK, url)


def _quota(account: BatchAccount) -> Iterator[Finding]:
    subject = "quota"
    if account.quota is None:
        text = "the quota of Fargate vCPU cannot be read with these credentials"
        yield Finding(subject, FindingStatus.WARNING, text, "allow servicequotas:GetServiceQuota")
    else:
        text = f"{account.quota:g} vCPU of {account.quota_name} at once"
        yield Finding(subject, FindingStatus.OK, text)
