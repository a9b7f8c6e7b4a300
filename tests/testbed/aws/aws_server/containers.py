"""Jobs as containers of the Docker engine that DOCKER_HOST names."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Mapping, Sequence
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
            declared = self._image(attempt.image).attrs["Config"].get("Volumes") or ()
            container = self._client.containers.run(**_options(attempt, declared))
        except docker.errors.ImageNotFound as error:
            raise CannotStart(f"CannotPullContainerError: {error.explanation}") from error
        except docker.errors.APIError as error:
            if "OCI" in str(error.explanation):
                reason = f"CannotStartContainerError: {error.explanation}"
                raise CannotStart(reason, 127) from error
            raise CannotStart(f"CannotPullContainerError: {error.explanation}") from error
        return ContainerTask(container)

    def _image(self, name: str) -> Any:
        """From the registry where the engine lacks it."""
        import docker.errors

        try:
            return self._client.images.get(name)
        except docker.errors.ImageNotFound:
            return self._client.images.pull(name)


def _options(attempt: Attempt, declared: Collection[str]) -> dict[str, Any]:
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
        "mounts": _mounts(properties, declared),
        "network_mode": "host",
    }
    if attempt.memory is not None:
        options["mem_limit"] = options["memswap_limit"] = f"{attempt.memory}m"
    if attempt.vcpus is not None:
        options["nano_cpus"] = int(min(attempt.vcpus, os.cpu_count() or 1) * 1e9)
    return options


def _linux(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    parameters: Mapping[str, Any] = properties.get("linuxParameters") or {}
    return parameters


def _mounts(properties: Mapping[str, Any], declared: Collection[str]) -> list[Any]:
    """A volume without a host's folder is an empty one of the task's own.

    As on Fargate, root alone can write to it, unless the image declares a VOLUME there: then it has
    the permissions that the folder has in the image.
    """
    from docker.types import Mount

    hosts = {
        volume["name"]: (volume.get("host") or {}).get("sourcePath")
        for volume in properties.get("volumes") or ()
    }
    mounts = []
    for point in properties.get("mountPoints") or ():
        path, host = point["containerPath"], hosts.get(point["sourceVolume"])
        read_only = bool(point.get("readOnly"))
        if host:
            mounts.append(Mount(path, host, type="bind", read_only=read_only))
        else:
            no_copy = path not in declared
            mounts.append(Mount(path, None, type="volume", read_only=read_only, no_copy=no_copy))
    return mounts


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
