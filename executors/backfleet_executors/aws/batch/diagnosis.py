"""What `backfleet doctor` says of the executor `aws-batch`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from backfleet.errors import BackfleetError
from backfleet.executor import Finding, FindingStatus
from backfleet.store import open_store
from backfleet_executors.aws.batch.environment import BatchEnvironment
from backfleet_executors.aws.batch.settings import AwsBatchSettings

__all__ = ["diagnosed", "diagnosis"]

DEPLOY = "run 'backfleet aws deploy'"

Check = Callable[[], Iterable[Finding]]


def diagnosis(settings: AwsBatchSettings, environment: BatchEnvironment) -> Iterator[Finding]:
    """Looks only; where the credentials do not do, nothing else is asked."""
    identity = list(diagnosed("identity", lambda: _identity(environment)))
    yield from identity
    if identity[-1].status is FindingStatus.FAILURE:
        return
    checks: dict[str, Check] = {
        "queues": lambda: _queues(settings, environment),
        "job definition": lambda: _definition(environment),
        "store": lambda: _place("store", settings.store, environment),
        "data": lambda: _place("data", settings.data, environment),
        "quota": lambda: _quota(environment),
    }
    for subject, check in checks.items():
        yield from diagnosed(subject, check)


def diagnosed(subject: str, check: Check) -> Iterator[Finding]:
    """What a check finds, or its error as a failure."""
    try:
        yield from check()
    except BackfleetError as error:
        yield Finding(subject, FindingStatus.FAILURE, str(error))


def _identity(environment: BatchEnvironment) -> Iterator[Finding]:
    region = environment.calls.clients.region
    text = f"{environment.user} in {region}"
    yield Finding("identity", FindingStatus.OK, text)


def _queues(settings: AwsBatchSettings, environment: BatchEnvironment) -> Iterator[Finding]:
    subject = "queues"
    faults = list(environment.queue_problems())
    for fault in faults:
        yield Finding(subject, FindingStatus.FAILURE, fault, DEPLOY)
    if not faults:
        names = dict.fromkeys(filter(None, [settings.queue, settings.on_demand_queue]))
        yield Finding(subject, FindingStatus.OK, " and ".join(names))
    if not faults and settings.on_demand_queue is None:
        text = "no queue is set for workers that Spot interrupts too often"
        yield Finding(subject, FindingStatus.WARNING, text, "set on_demand_queue")


def _definition(environment: BatchEnvironment) -> Iterator[Finding]:
    subject = "job definition"
    faults = list(environment.definition_problems())
    for fault in faults:
        yield Finding(subject, FindingStatus.FAILURE, fault, DEPLOY)
    if not faults:
        definition = environment.definition
        revision = f"{definition['jobDefinitionName']}:{definition['revision']}"
        image = definition.get("containerProperties", {}).get("image", "")
        yield Finding(subject, FindingStatus.OK, f"{revision} runs {image}")


def _place(subject: str, url: str | None, environment: BatchEnvironment) -> Iterator[Finding]:
    if url is None:
        yield Finding(subject, FindingStatus.WARNING, "it is not set", DEPLOY)
        return
    next(iter(open_store(url).list()), None)
    faults = list(environment.bucket_problems([url]))
    for fault in faults:
        yield Finding(subject, FindingStatus.FAILURE, fault, DEPLOY)
    if not faults:
        yield Finding(subject, FindingStatus.OK, url)


def _quota(environment: BatchEnvironment) -> Iterator[Finding]:
    subject = "quota"
    if environment.quota is None:
        text = "the quota of Fargate vCPU cannot be read with these credentials"
        yield Finding(subject, FindingStatus.WARNING, text, "allow servicequotas:GetServiceQuota")
    else:
        text = f"{environment.quota:g} vCPU of {environment.quota_name} at once"
        yield Finding(subject, FindingStatus.OK, text)
