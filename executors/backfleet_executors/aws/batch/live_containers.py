"""Containers of `doctor --live`: rights, zone, SIGTERM, retries and time-outs of workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from backfleet.errors import ExecutorError
from backfleet.executor import Finding, FindingStatus
from backfleet_executors.aws.batch import container_check as check
from backfleet_executors.aws.batch.account_setup import BatchAccount
from backfleet_executors.aws.batch.live_share import share_findings
from backfleet_executors.aws.batch.live_trial import (
    LiveTrial,
    TrialPlan,
    start_trial,
    wait_until,
)
from backfleet_executors.aws.batch.settings import AwsBatchSettings, required

__all__ = ["ContainerChecks"]

GRACE_SECONDS = 25.0
"""Seconds after SIGTERM in which a container must still run. A worker needs 20 of Fargate's 30."""

RETRIED, FINAL = 75, 64
ATTEMPTS = 2
MIN_TIMEOUT_SECONDS = 60
"""Seconds; AWS Batch takes no less."""

DEPLOY = "run 'backfleet aws deploy'"


class ContainerChecks:
    """Jobs that are started together, for each takes a minute or so, and read one by one.

    Parameters
    ----------
    trials
        Gets each job once it is submitted, so that the caller can stop it.
    """

    def __init__(
        self, settings: AwsBatchSettings, account: BatchAccount, trials: list[LiveTrial]
    ) -> None:
        def start(*arguments: str, attempts: int = 1, timeout: int = 300) -> LiveTrial:
            command = ("aws", "container-check", *arguments)
            plan = TrialPlan(command, attempts=attempts, timeout=timeout)
            trial = start_trial(settings, account, plan)
            trials.append(trial)
            return trial

        self._rights = start("--store", required(settings, "store"))
        self._stopped = start("--grace", f"{GRACE_SECONDS:g}")
        self._retried = start("--exit", str(RETRIED), attempts=ATTEMPTS)
        self._final = start("--exit", str(FINAL), attempts=ATTEMPTS)
        # It waits for SIGTERM much longer than its time-out, which sends one.
        # Two attempts are allowed, of which AWS Batch must use one only.
        self._hanging = start("--grace", "0.1", attempts=ATTEMPTS, timeout=MIN_TIMEOUT_SECONDS)

    def findings(self) -> Iterator[Finding]:
        """Wait for the jobs and return what they show. Raises ExecutorError."""
        # In the order in which the containers end, about: the time-out takes longest.
        yield from _after(self._rights, "rights of workers", self._rights_of_workers)
        yield from self._sigterm()
        for subject, trial, attempts in (
            ("exit code 75", self._retried, ATTEMPTS),
            ("exit code 64", self._final, 1),
            ("time-out", self._hanging, 1),
        ):
            ended = trial.end(subject)
            is_ended = ended.status is FindingStatus.OK
            yield _attempts(subject, trial, attempts) if is_ended else ended

    def _rights_of_workers(self) -> Iterator[Finding]:
        lines = self._rights.lines()
        subject = "rights of workers"
        # A write that succeeded and should not, or the one that a worker needs and did not get.
        wrong = [line for line in lines if line.split(" ")[0] in (check.WRITTEN, check.REFUSED)]
        denied = [line for line in lines if line.startswith(f"{check.DENIED} ")]
        # Without a denial the container may not have tried anything, such as that of an old image.
        if wrong or not denied:
            text = f"the container wrote: {'; '.join(wrong) or 'nothing'}"
            yield Finding(subject, FindingStatus.FAILURE, text, DEPLOY)
        else:
            text = f"one chunk was stored, {len(denied)} other writes were denied"
            yield Finding(subject, FindingStatus.OK, text)
        yield _versions(lines)
        # Nothing is expected of the zone. It helps to read a report in which a network is at fault.
        zones = [line.partition(" ")[2] for line in lines if line.startswith(f"{check.ZONE} ")]
        for zone in zones:
            yield Finding("zone", FindingStatus.OK, f"the container ran in {zone}")
        tags = self._rights.job().get("tags", {})
        expected = self._rights.tags
        # Additional tags do no harm.
        if expected.items() <= tags.items():
            yield Finding("tags", FindingStatus.OK, "the job has the tags of its request")
        else:
            text = f"the job has the tags {tags}, not {expected}: roles go by them"
            yield Finding("tags", FindingStatus.FAILURE, text)

    def _sigterm(self) -> Iterator[Finding]:
        subject, trial = "SIGTERM", self._stopped
        ready = wait_until(
            # The line comes after the handler is installed; a signal before it would simply end the
            # container.
            trial,
            subject,
            lambda: _has_line(trial, check.READY) or trial.has_ended(),
        )
        if ready.status is not FindingStatus.OK:
            yield ready
            return
        if trial.has_ended():
            text = "the container ended before it was stopped"
            yield Finding(subject, FindingStatus.FAILURE, text, "see 'backfleet image build'")
            return
        # This container runs until it is stopped, so that its share is in use while it is looked
        # for.
        yield from share_findings(trial)
        trial.account.calls.terminate(trial.array.job, "doctor --live tries SIGTERM")
        ended = trial.end(subject)
        if ended.status is not FindingStatus.OK:
            yield ended
            return
        # SIGKILL ends the lines, so the last one shows the time that the container was given.
        alive = [
            float(line.split(" ")[1])
            for line in trial.lines()
            if line.startswith(f"{check.ALIVE} ")
        ]
        longest = max(alive, default=0.0)
        # A container writes every half second, so its last line comes a bit before its end.
        if longest >= GRACE_SECONDS - 1:
            text = f"a stopped container had {longest:.0f} s or more to store what is finished"
            yield Finding(subject, FindingStatus.OK, text)
        else:
            text = f"a stopped container had {longest:.0f} s, and a worker needs up to 20"
            yield Finding(subject, FindingStatus.FAILURE, text)


def _versions(lines: Sequence[str]) -> Finding:
    """Check whether this machine, such as a notebook, can plan runs for the image."""
    words = [line.split(" ") for line in lines if line.startswith(f"{check.VERSION} ")]
    image = {name: version for _, name, version in words}
    # The same function writes the lines in the container.
    here = check.decisive_versions()
    differing = [
        f"{name} is {here[name]} here and {image.get(name, 'missing')} in the image"
        for name in here
        if here[name] != image.get(name)
    ]
    if differing:
        text = f"{'; '.join(differing)}: workers refuse runs that are planned here"
        fix = "install the versions of the image, or run 'backfleet aws deploy' here"
        return Finding("versions", FindingStatus.FAILURE, text, fix)
    return Finding("versions", FindingStatus.OK, "this machine has those of the image")


def _attempts(subject: str, trial: LiveTrial, expected: int) -> Finding:
    number = len(trial.job().get("attempts", ()))
    if number == expected:
        return Finding(subject, FindingStatus.OK, f"attempts of the job: {number}")
    text = f"attempts of the job: {number}, not {expected}; workers are lost or paid twice"
    return Finding(subject, FindingStatus.FAILURE, text)


def _after(
    trial: LiveTrial, subject: str, read: Callable[[], Iterator[Finding]]
) -> Iterator[Finding]:
    ended = trial.end(subject)
    if ended.status is FindingStatus.OK:
        yield from read()
    else:
        yield ended


def _has_line(trial: LiveTrial, word: str) -> bool:
    try:
        lines: Sequence[str] = trial.lines()
    except ExecutorError:
        # The container has no log yet.
        return False
    return any(line.startswith(f"{word} ") for line in lines)
