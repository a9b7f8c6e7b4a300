"""Workers' containers: listed by their labels, stopped, read, and removed once they are read."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from backfleet.errors import ExecutorError
from backfleet.executor import ShardState
from backfleet_executors.docker.client import engine_errors
from backfleet_executors.docker.container import LABEL, owner
from backfleet_executors.docker.container_exit import ContainerExit, read_exit
from backfleet_executors.docker.handle import DockerHandle
from backfleet_executors.docker.kept import ContainerArchive

if TYPE_CHECKING:
    from docker import APIClient

__all__ = ["Containers"]

LOG_TAIL_BYTES = 4096
MAX_UNSTARTED_TIME = timedelta(minutes=1)
"""A container that was created this long ago and not started lost its client in between."""

MAX_UNREAD_TIME = timedelta(hours=1)
"""What ended this long ago, and nobody has read, is read and removed by the next submission."""

PAUSE_SECONDS = 0.05
ENDED = ("exited", "dead")
GONE = ContainerExit(None, "its container was removed before its exit status could be read")
LOST = ContainerExit(
    None, "its container was never started, because the command that started it has ended"
)

Facts = Mapping[str, Any]


class Containers:
    """The containers of an engine that backfleet has started."""

    def __init__(self, client: APIClient) -> None:
        self._client = client
        # The ends that this process has read, since a container is removed once it is read.
        self._ends: dict[str, ContainerExit] = {}

    def of_run(self, run: str) -> list[Facts]:
        return self._listed(f"run={run}")

    def states(self, handle: DockerHandle) -> dict[str, ShardState | ContainerExit]:
        """Return the state of each container of a submission; ended ones are read and removed."""
        listed = self._of_submission(handle)
        return {
            container: self._state(_kept(handle), container, listed.get(container))
            for container, _ in handle.containers
        }

    def await_ends(self, handle: DockerHandle, seconds: float) -> bool:
        """Whether all containers of a submission have ended within the given seconds."""
        until = time.monotonic() + seconds
        while True:
            if all(isinstance(state, ContainerExit) for state in self.states(handle).values()):
                return True
            if time.monotonic() > until:
                return False
            time.sleep(PAUSE_SECONDS)

    def signal(self, handle: DockerHandle, name: str) -> None:
        """Send a signal to the workers of a submission that still run."""
        # `states` knows only containers whose labels name the submission, so no other one is
        # signaled.
        for container, state in self.states(handle).items():
            if not isinstance(state, ContainerExit):
                # It may have ended just now.
                with contextlib.suppress(ExecutorError), engine_errors("stop a container"):
                    self._client.kill(container, name)

    def lines(self, handle: DockerHandle, container: str, *, follow: bool) -> Iterator[str]:
        """Yield the lines that a container's worker wrote, and with `follow` those to come."""
        from docker.errors import NotFound

        if container not in self._of_submission(handle):
            # It is gone, or it is somebody else's, whose log is not ours to read.
            yield from _kept(handle).log(container).splitlines()
            return
        with engine_errors("read a container's log"):
            try:
                stream = self._client.logs(container, stream=True, follow=follow)
            except NotFound:
                yield from _kept(handle).log(container).splitlines()
                return
            yield from _lines(stream)

    def remove(self, container: str) -> None:
        """Remove a container whatever it is at; one that is gone already is no error."""
        with contextlib.suppress(ExecutorError), engine_errors("remove a container"):
            self._client.remove_container(container, force=True)

    def remove_expired(self) -> None:
        """Read and remove this user's containers that ended long ago."""
        for facts in self._listed(f"owner={owner()}", status="exited"):
            kept = _kept_by_labels(facts)
            with contextlib.suppress(ExecutorError), engine_errors("look at a container"):
                container = self._client.inspect_container(facts["Id"])
                # Younger ones are left to the client that may be about to read them.
                if _age(container["State"]["FinishedAt"]) > MAX_UNREAD_TIME:
                    self._read(kept, facts["Id"])

    def _of_submission(self, handle: DockerHandle) -> dict[str, Facts]:
        """Return the containers whose labels name this very submission, by their ids."""
        labels = {"run": handle.run, "submission": str(handle.number), "url": handle.url}
        return {
            facts["Id"]: facts
            for facts in self._listed(f"url={handle.url}")
            if all(facts["Labels"].get(LABEL + name) == labels[name] for name in labels)
        }

    def _listed(self, label: str, **filters: str) -> list[Facts]:
        with engine_errors("list containers"):
            containers: list[Facts] = self._client.containers(
                all=True, filters={"label": LABEL + label, **filters}
            )
        return containers

    def _state(
        self, kept: ContainerArchive, container: str, facts: Facts | None
    ) -> ShardState | ContainerExit:
        if container in self._ends:
            return self._ends[container]
        if facts is None:
            return kept.end(container) or GONE
        if facts["State"] in ENDED:
            return self._read(kept, container)
        # Running, paused or restarting.
        if facts["State"] != "created":
            return ShardState.RUNNING
        if datetime.now(UTC).timestamp() - facts["Created"] < MAX_UNSTARTED_TIME.total_seconds():
            return ShardState.WAITING
        self.remove(container)
        return LOST

    def _read(self, kept: ContainerArchive, container: str) -> ContainerExit:
        """Keep what is to be known of a container that has ended, and remove it."""
        from docker.errors import NotFound

        with engine_errors("read a container's exit status"):
            try:
                facts = self._client.inspect_container(container)
                log = self._client.logs(container)
            except NotFound:
                # Another process was sooner.
                return kept.end(container) or GONE
        end = read_exit(facts, log[-LOG_TAIL_BYTES:].decode("utf-8", "replace").strip())
        # Kept before the container is removed, so that a client that dies in between loses nothing.
        kept.keep(container, end, log)
        self._ends[container] = end
        self.remove(container)
        return end


def _kept(handle: DockerHandle) -> ContainerArchive:
    return ContainerArchive(handle.run, handle.number)


def _kept_by_labels(facts: Facts) -> ContainerArchive:
    labels = facts["Labels"]
    return ContainerArchive(labels[LABEL + "run"], int(labels[LABEL + "submission"]))


def _age(time_stamp: str) -> timedelta:
    """Since a time as the engine writes it, in UTC with nanoseconds."""
    # `fromisoformat` takes at most microseconds.
    seconds = time_stamp.partition(".")[0].removesuffix("Z")
    return datetime.now(UTC) - datetime.fromisoformat(seconds).replace(tzinfo=UTC)


def _lines(stream: Iterable[bytes]) -> Iterator[str]:
    """Lines of a stream that comes in pieces of any size."""
    rest = b""
    for piece in stream:
        # Decoded line by line: a piece may end within a character.
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield line.decode("utf-8", "replace")
    if rest:
        yield rest.decode("utf-8", "replace")
