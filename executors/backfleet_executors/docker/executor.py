"""`DockerExecutor`: workers in containers, found again by their labels."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, Any

from backfleet.errors import ExecutorError
from backfleet.executor import (
    Diagnosable,
    Executor,
    ExecutorSettings,
    Finding,
    Handle,
    Recoverable,
    Remote,
    ShardState,
    ShardStatus,
    Submission,
    Workload,
)
from backfleet.sdk import usable_cpus
from backfleet_executors.docker.client import EngineSilent, connect, engine_errors
from backfleet_executors.docker.container import (
    LABEL,
    STOP_SECONDS,
    ContainerPlan,
    create_container,
    deal_shards,
)
from backfleet_executors.docker.container_exit import ContainerExit
from backfleet_executors.docker.containers import Containers
from backfleet_executors.docker.diagnosis import diagnose, diagnose_live
from backfleet_executors.docker.handle import DockerHandle
from backfleet_executors.docker.image import pull_image
from backfleet_executors.docker.mounts import bindings
from backfleet_executors.docker.preflight import problems_of
from backfleet_executors.docker.settings import DockerSettings

if TYPE_CHECKING:
    from docker import APIClient

__all__ = ["DockerExecutor", "EngineGone"]

MAX_STARTS_AT_ONCE = 8
"""Containers that are started at once: more would only wait for the engine."""

MAX_SILENT_SECONDS = 10.0
"""Seconds that an engine may be silent before a run is given up: it may be restarting."""

CLEAN_UP_SECONDS = 10.0
"""Time for workers whose last chunk is committed to end. On an idle machine they end at once."""


class EngineGone(ExecutorError):
    """The engine went away during a run."""

    exit_code = 1


class DockerExecutor(Executor, Remote, Recoverable, Diagnosable):
    """Runs workers in containers, as many at once as there are cores.

    They go on when the process that started them ends, and are found again by their labels.
    """

    name = "docker"
    Settings = DockerSettings
    survives_exit = True

    def __init__(self, settings: ExecutorSettings) -> None:
        super().__init__(settings)
        assert isinstance(settings, DockerSettings)
        self.settings: DockerSettings = settings
        # `time.monotonic()` of the last answer to `poll`; None before the first.
        self._answered: float | None = None

    @cached_property
    def _client(self) -> APIClient:
        return connect()

    @cached_property
    def _containers(self) -> Containers:
        return Containers(self._client)

    # -- starting -----------------------------------------------------------------------------

    def count_shards(self, work: Workload) -> int:
        """Return the setting `shards`, or one shard per container."""
        return min(self.settings.shards or self._workers(work.cpus), work.tasks)

    def stored_settings(self, handle: Handle) -> Mapping[str, Any]:
        return DockerHandle.read(handle).settings

    def adopt_settings(self, settings: Mapping[str, Any], handle: Handle) -> None:
        # What is set here wins over what the handle holds.
        given = self.settings.model_dump(exclude_unset=True)
        self.settings = DockerSettings.model_validate({**settings, **given})

    def installed(self) -> Mapping[str, str] | None:
        from backfleet_executors.images.inventory import inventory_of

        return inventory_of(self.settings.image, self._client)

    def preflight(self, submission: Submission) -> Sequence[str]:
        return problems_of(self._client, self.settings, submission)

    def submit(self, submission: Submission) -> Handle:
        plan = ContainerPlan(
            submission,
            self.settings,
            pull_image(self._client, self.settings.image),
            bindings(submission, self.settings.mounts),
        )
        dealt = deal_shards(submission.shard_count, self._workers(submission.cpus))
        # No process runs in the background, so each submission removes what earlier clients have
        # left.
        self._containers.remove_expired()
        started = self._start_all(plan, dealt)
        return _handle(plan, list(zip(started, dealt, strict=True)))

    def _workers(self, cpus: int) -> int:
        return self.settings.workers or max(1, usable_cpus() // cpus)

    def _start_all(self, plan: ContainerPlan, dealt: Sequence[Sequence[int]]) -> list[str]:
        """Start the containers: all, or none."""
        created: list[str] = []

        def start(shards: Sequence[int]) -> str:
            with engine_errors(f"start a container of {plan.settings.image}"):
                container = create_container(self._client, plan, shards)
                # Before the start, which may fail: a created container must be removed, too.
                created.append(container)
                self._client.start(container)
            return container

        try:
            with ThreadPoolExecutor(min(MAX_STARTS_AT_ONCE, len(dealt))) as pool:
                return list(pool.map(start, dealt))
        # Also on Ctrl-C: no handle would name these containers.
        except BaseException:
            for container in created:
                self._containers.remove(container)
            raise

    # -- watching -----------------------------------------------------------------------------

    def poll(self, handle: Handle) -> Iterable[ShardStatus]:
        """Also removes the containers that have ended; what they wrote is kept on this machine."""
        stored = DockerHandle.read(handle)
        try:
            states = self._containers.states(stored)
        except EngineSilent as error:
            return self._while_silent(stored, error)
        self._answered = time.monotonic()
        return [
            _status(shard, states[container])
            for container, shards in stored.containers
            for shard in shards
        ]

    def _while_silent(self, handle: DockerHandle, error: EngineSilent) -> Iterable[ShardStatus]:
        """Nothing is known of the workers; for a while, that may be a restart of the engine."""
        # It has never answered to this command, so waiting for a restart makes no sense.
        if self._answered is None:
            raise error
        if time.monotonic() - self._answered > MAX_SILENT_SECONDS:
            run = handle.url.rpartition("/submissions/")[0]
            raise EngineGone(
                f"the Docker engine went away during the run: {error}; "
                f"then continue with: backfleet resume {run}"
            ) from error
        shards = [shard for _, shards in handle.containers for shard in shards]
        return [ShardStatus(shard, ShardState.UNKNOWN, reason=str(error)) for shard in shards]

    def logs(self, handle: Handle, shard: int, *, follow: bool = False) -> Iterator[str]:
        """Of the container that runs the shard, and maybe others too."""
        stored = DockerHandle.read(handle)
        containers = [name for name, shards in stored.containers if shard in shards]
        # A damaged handle may name a shard twice.
        for container in containers[:1]:
            yield from self._containers.lines(stored, container, follow=follow)

    def find_orphans(self, run_id: str) -> Iterable[Handle]:
        handles: dict[str, dict[str, Any]] = {}
        for facts in self._containers.of_run(run_id):
            labels = facts["Labels"]
            handle = json.loads(labels[LABEL + "handle"])
            # The label holds the handle as it was before there were containers; this adds each one
            # that is listed.
            known = handles.setdefault(handle["url"], {**handle, "containers": []})
            shards = [int(shard) for shard in labels[LABEL + "shards"].split(",")]
            known["containers"].append([facts["Id"], shards])
        return list(handles.values())

    # -- ending -------------------------------------------------------------------------------

    def cancel(self, handle: Handle) -> None:
        stored = DockerHandle.read(handle)
        # SIGTERM first, so that workers store their finished tasks.
        for signal, seconds in (("SIGTERM", STOP_SECONDS), ("SIGKILL", CLEAN_UP_SECONDS)):
            self._containers.signal(stored, signal)
            if self._containers.await_ends(stored, seconds):
                return

    def clean_up(self, handle: Handle) -> None:
        self._containers.await_ends(DockerHandle.read(handle), CLEAN_UP_SECONDS)

    # -- doctor -------------------------------------------------------------------------------

    def diagnose(self) -> Iterable[Finding]:
        return diagnose(self.settings)

    def diagnose_live(self) -> Iterable[Finding]:
        return diagnose_live(self.settings)


def _handle(plan: ContainerPlan, containers: Sequence[tuple[str, Sequence[int]]]) -> Handle:
    return {**plan.handle, "containers": [[name, list(shards)] for name, shards in containers]}


def _status(shard: int, state: ShardState | ContainerExit) -> ShardStatus:
    if isinstance(state, ShardState):
        return ShardStatus(shard, state)
    ended = ShardState.SUCCEEDED if state.succeeded else ShardState.FAILED
    return ShardStatus(shard, ended, state.exit_code, state.reason)
