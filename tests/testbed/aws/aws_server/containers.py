"""Jobs as containers of the Docker engine that DOCKER_HOST names."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from .tasks import OUT_OF_MEMORY, Attempt, CannotStart, Ended, Runner, Task

__all__ = ["LABEL", "ContainerRunner"]

LABEL = "backfleet.testbed.job"
"""Of a container: the id of its Batch job."""


class ContainerRunner(Runner):
    """Runs a job's image with the limits, the user and the mounts of its job definition."""

    @cached_property
    def _client(self) -> Any:
        import docker

        return docker.from_env()

    def start(self, attempt: Attempt) -> Task:
        import docker.errors

        try:
            container = self._client.containers.run(**_options(attempt))
        except docker.errors.ImageNotFound as error:
            raise CannotStart(f"CannotPullContainerError: {error.explanation}") from error
        except docker.errors.APIError as error:
            if "OCI" in str(error.explanation):
                reason = f"CannotStartContainerError: {error.explanation}"
                raise CannotStart(reason, 127) from error
            raise CannotStart(f"CannotPullContainerError: {error.explanation}") from error
        return ContainerTask(container)


def _options(attempt: Attempt) -> dict[str, Any]:
    properties = attempt.properties
    options: dict[str, Any] = {
        "image": attempt.image,
        "command": list(attempt.command) or None,
        "environment": dict(attempt.environment),
        "detach": True,
        "init": bool(_linux(properties).get("initProcessEnabled")),
        "labels": {LABEL: attempt.job},
        "user": properties.get("user"),
        "read_only": bool(properties.get("readonlyRootFilesystem")),
        "mounts": _mounts(properties),
        "network_mode": "host",
    }
    if attempt.memory is not None:
        options["mem_limit"] = options["memswap_limit"] = f"{attempt.memory}m"
    if attempt.vcpus is not None:
        options["nano_cpus"] = int(min(attempt.vcpus, os.cpu_count() or 1) * 1e9)
    return options


def _linux(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = properties.get("linuxParameters") or {}
    return found


def _mounts(properties: Mapping[str, Any]) -> list[Any]:
    """A Fargate volume without a host's folder is an empty one of the task's own."""
    from docker.types import Mount

    hosts = {
        volume["name"]: (volume.get("host") or {}).get("sourcePath")
        for volume in properties.get("volumes") or ()
    }
    return [
        Mount(
            point["containerPath"],
            hosts.get(point["sourceVolume"]),
            type="bind" if hosts.get(point["sourceVolume"]) else "volume",
            read_only=bool(point.get("readOnly")),
        )
        for point in properties.get("mountPoints") or ()
    ]


class ContainerTask(Task):
    def __init__(self, container: Any) -> None:
        self._container = container
        self._told = 0

    def lines(self) -> Sequence[str]:
        text = self._container.logs().decode(errors="replace")
        # The last line may still be being written.
        whole = text if self._state()["Status"] == "exited" else text[: text.rfind("\n") + 1]
        lines: list[str] = whole.splitlines()
        new, self._told = lines[self._told :], max(self._told, len(lines))
        return new

    def ended(self) -> Ended | None:
        state = self._state()
        if state["Status"] in ("created", "running"):
            return None
        return Ended(state["ExitCode"], OUT_OF_MEMORY if state.get("OOMKilled") else None)

    def _state(self) -> Mapping[str, Any]:
        self._container.reload()
        state: Mapping[str, Any] = self._container.attrs["State"]
        return state

    def stop(self, grace: float) -> None:
        self._container.stop(timeout=int(grace))

    def kill(self) -> None:
        import docker.errors

        with contextlib.suppress(docker.errors.APIError):
            self._container.kill()

    def remove(self) -> None:
        self._container.remove(force=True, v=True)
