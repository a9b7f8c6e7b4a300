"""A Batch job that lives as on AWS, where moto's takes short cuts."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, ClassVar

from moto.batch.models import datetime2int_milliseconds

from .described_job import DONE, WAITING, DescribedJob
from .enforcement import ENFORCED
from .events import tell_state
from .fair_share import SchedulingPolicy, Waiting
from .retries import TIMED_OUT, is_retried
from .scheduler import Scheduler
from .tasks import Attempt, CannotStart, Ended, Runner, Task

__all__ = ["REQUESTED", "BatchJob", "Chaos", "Surroundings"]

STOP_TIMEOUT = 30
LOOK_SECONDS = 0.05
LOG_SECONDS = 0.5
NO_ROOM = (
    "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - The job resource requirement (vCPU/memory/GPU) is "
    "higher than that can be met by the CE(s) attached to the job queue."
)

REQUESTED: ContextVar[Mapping[str, Any]] = ContextVar("requested", default=MappingProxyType({}))
"""The fields of the SubmitJob request in progress that moto hands to no job."""


@dataclass
class Chaos:
    """Attempts that are killed at random: a share of them, within so many seconds."""

    rate: float = 0.0
    seconds: float = 1.0
    random: random.Random = field(default_factory=lambda: random.Random(0))

    def moment(self) -> float | None:
        """When the next attempt is killed, in seconds after its start."""
        drawn, moment = self.random.random(), self.random.uniform(0, self.seconds)
        return moment if drawn < self.rate else None


@dataclass(frozen=True)
class Surroundings:
    """What all jobs of the server share.

    Attributes
    ----------
    environment
        What the job role and AWS's own endpoints are on AWS: credentials and the server's URL.
    lock
        Held by whoever changes what moto keeps.
    ledger
        The job and the seconds of every attempt, by a clock that no answer shows.
    """

    runner: Runner
    scheduler: Scheduler
    environment: Mapping[str, str]
    lock: Any
    chaos: Chaos = field(default_factory=Chaos)
    ledger: list[tuple[str, float]] = field(default_factory=list)


class BatchJob(DescribedJob):
    """Takes moto's place for a job: `start` queues it, and a slot of the scheduler runs it."""

    surroundings: ClassVar[Surroundings]

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        requested = REQUESTED.get()
        self.retry = requested.get("retryStrategy") or self.retry
        self.share: str = requested.get("shareIdentifier") or ""
        self.priority = int(requested.get("schedulingPriorityOverride") or 0)
        self.interruption: str | None = None
        self.task: Task | None = None

    def start(self) -> None:
        if self.depends_on:
            self.status = "PENDING"
            threading.Thread(target=self._wait_for_others, daemon=True).start()
        else:
            self._queue()

    def _wait_for_others(self) -> None:
        others = [job for job in map(self.all_jobs.get, self._awaited()) if job]
        while not self.job_stopped and any(job.status not in DONE for job in others):
            time.sleep(LOOK_SECONDS)
        if any(job.status == "FAILED" for job in others):
            self.end(False, "Dependent Job failed")
        elif not self.job_stopped:
            self._queue()

    def _awaited(self) -> Sequence[str]:
        ids = []
        for dependency in self.depends_on or ():
            if dependency.get("type") == "SEQUENTIAL":
                if self.index:
                    ids.append(f"{self.job_id.rpartition(':')[0]}:{self.index - 1}")
            elif dependency.get("type") == "N_TO_N" and self.index is not None:
                ids.append(f"{dependency['jobId']}:{self.index}")
            else:
                ids.append(dependency["jobId"])
        return ids

    def _queue(self) -> None:
        self.status = "RUNNABLE"
        if self._fits():
            vcpus = float(self._get_container_property("vcpus", 1))
            waiting = Waiting(self.run, self.share, self.priority, vcpus)
            self.surroundings.scheduler.add(self.job_queue.arn, self._policy(), waiting)
        else:
            self.job_stopped_reason = NO_ROOM

    def _policy(self) -> SchedulingPolicy | None:
        arn = self.job_queue.schedule_policy
        if not arn:
            return None
        return SchedulingPolicy.of(self.backend._scheduling_policies[arn].fairshare_policy)

    def describe(self) -> dict[str, Any]:
        result = super().describe()
        if self.share:
            result |= {"shareIdentifier": self.share, "schedulingPriority": self.priority}
        return result

    def _fits(self) -> bool:
        """A job whose size no compute environment has waits for ever."""
        places = [place for place in self.job_queue.environments if place.state == "ENABLED"]
        needed = self._get_container_property("vcpus", 1)
        return any((place.compute_resources or {}).get("maxvCpus", 0) >= needed for place in places)

    def run(self) -> None:
        """One attempt; where there is to be another, that waits for its turn again."""
        if self.job_stopped:
            return
        ended = self._attempt()
        self.exit_code, self.reason = ended.exit_code, ended.reason
        self._note_attempt(ended)
        succeeded = ended.exit_code == 0
        if self.stop:
            self.end(False, self.job_stopped_reason or "")
        elif not succeeded and is_retried(self.retry, len(self.attempts), ended):
            self._queue()
        else:
            self.end(succeeded, ended.status_reason)

    def end(self, succeeded: bool, reason: str) -> None:
        """Once: SUCCEEDED or FAILED for good."""
        with self.surroundings.lock:
            if self.job_stopped:
                return
            self.job_stopped_reason = reason
            self._mark_stopped(succeeded)
            tell_state(self)
            if self.parent is not None and self.parent.status in DONE:
                tell_state(self.parent)

    def terminate(self, reason: str) -> None:
        """TerminateJob, of a child or a single job."""
        super().terminate(reason)
        if self.status in WAITING:
            self.end(False, reason)

    def _attempt(self) -> Ended:
        began = time.monotonic()
        try:
            return self._container()
        finally:
            self.surroundings.ledger.append((self.job_id, time.monotonic() - began))

    def _container(self) -> Ended:
        self.log_stream_name = None
        self.interruption = None
        self.job_started_at = datetime.now()
        self.status = "STARTING"
        self._start_attempt()
        try:
            self.task = self.surroundings.runner.start(self._order())
        except CannotStart as error:
            return error.ended
        try:
            self.status = "RUNNING"
            return self._follow(self.task)
        finally:
            self.task.remove()
            self.task = None

    def _order(self) -> Attempt:
        memory = self._get_container_property("memory", None)
        properties = self.job_definition.container_properties or {}
        return Attempt(
            job=self.job_id,
            number=len(self.attempts),
            image=properties["image"],
            command=self._add_parameters_to_command(self._get_container_property("command", [])),
            environment=self._environment(),
            vcpus=self._get_container_property("vcpus", None),
            memory=None if memory is None else int(memory),
            properties=properties,
        )

    def _environment(self) -> dict[str, str]:
        given = self._get_container_property("environment", [])
        environment = dict(self.surroundings.environment) | self._role()
        environment |= {variable["name"]: variable["value"] for variable in given}
        environment |= {
            "AWS_BATCH_JOB_ID": self.job_id,
            "AWS_BATCH_JOB_ATTEMPT": str(len(self.attempts)),
            "AWS_BATCH_JQ_NAME": self.job_queue.name,
            "AWS_BATCH_CE_NAME": self.job_queue.environments[0].name,
        }
        if self.index is not None and self.parent is not None:
            size = len(self.parent._child_jobs or ()) or self.parent.array_properties["size"]
            environment["AWS_BATCH_JOB_ARRAY_INDEX"] = str(self.index)
            environment["AWS_BATCH_JOB_ARRAY_SIZE"] = str(size)
        return environment

    def _role(self) -> dict[str, str]:
        """The access key of the role of the job definition, if its rights are enforced by name."""
        properties = self.job_definition.container_properties or {}
        name = str(properties.get("jobRoleArn", "")).rpartition("/")[2]
        is_known = any(name in deployment.roles for deployment in ENFORCED.deployments)
        return {"AWS_ACCESS_KEY_ID": name} if is_known else {}

    def _follow(self, task: Task) -> Ended:
        started = time.monotonic()
        limit = self._get_attempt_duration() or float("inf")
        fatal = self.surroundings.chaos.moment()
        logged = 0.0
        while True:
            age = time.monotonic() - started
            if self.stop or self.interruption is not None or age > limit:
                task.stop(STOP_TIMEOUT)
            elif fatal is not None and age >= fatal:
                task.kill()
            ended = task.ended()
            if ended is not None or age - logged >= LOG_SECONDS:
                self._log(task.lines())
                logged = age
            if ended is not None:
                overdue = TIMED_OUT if age > limit else ended.status_reason
                return Ended(ended.exit_code, ended.reason, self.interruption or overdue)
            time.sleep(LOOK_SECONDS)

    def _log(self, lines: Sequence[str]) -> None:
        number = len(self.attempts)
        stream = self._stream_name if number == 1 else f"{self._stream_name}-{number}"
        group = self._log_group_of_definition()
        now = int(time.time() * 1000)
        with self.surroundings.lock:
            self._log_backend.ensure_log_group(group)
            self._log_backend.ensure_log_stream(group, stream)
            self.log_stream_name = stream
            if lines:
                events = [{"timestamp": now, "message": line} for line in lines]
                self._log_backend.put_log_events(group, stream, events)

    def _log_group_of_definition(self) -> str:
        properties = self.job_definition.container_properties or {}
        options = (properties.get("logConfiguration") or {}).get("options") or {}
        group: str = options.get("awslogs-group", self._log_group)
        return group

    def _note_attempt(self, ended: Ended) -> None:
        assert self.latest_attempt is not None
        self.latest_attempt["container"] |= {"logStreamName": self.log_stream_name or ""}
        self.latest_attempt["container"] |= self._end()
        self.latest_attempt["statusReason"] = ended.status_reason
        self.latest_attempt["stoppedAt"] = datetime2int_milliseconds(datetime.now())
