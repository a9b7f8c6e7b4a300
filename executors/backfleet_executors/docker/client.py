"""The Docker engine: the one place that connects to it and tells its errors in a user's words."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from backfleet.errors import ExecutorError, install_command

if TYPE_CHECKING:
    from docker import APIClient

__all__ = ["DEFAULT_HOST", "EngineSilent", "connect", "engine_errors", "engine_host", "is_local"]

DEFAULT_HOST = "unix:///var/run/docker.sock"
ANSWER_SECONDS = 60


class EngineSilent(ExecutorError):
    """The engine does not answer: it is not running, or it has gone away."""


def engine_host() -> str:
    """Return the address of the engine: `DOCKER_HOST`, or Docker's usual socket."""
    return os.environ.get("DOCKER_HOST") or DEFAULT_HOST


def is_local(host: str) -> bool:
    """Whether the engine sees this machine's directories."""
    return host.startswith("unix://")


def connect() -> APIClient:
    """A client of the engine, which has answered once.

    Raises ExecutorError where the SDK is missing, EngineSilent where no engine answers.
    """
    try:
        import docker
    except ImportError:
        raise ExecutorError(
            f"the Docker SDK is not installed. Run {install_command('docker')}"
        ) from None
    host = engine_host()
    if is_local(host) and not os.path.exists(host.removeprefix("unix://")):
        # The SDK would leave a socket open, which Python warns of.
        raise _silent(FileNotFoundError(host))
    try:
        client: APIClient = docker.from_env(timeout=ANSWER_SECONDS).api
    except docker.errors.DockerException as error:
        raise _silent(error) from None
    return client


@contextmanager
def engine_errors(doing: str) -> Iterator[None]:
    """Turn the SDK's errors into ExecutorError; `doing` says what was asked, as "start x"."""
    # Deferred, because commands that use no Docker should not import the SDK.
    import requests
    from docker.errors import APIError, DockerException

    try:
        yield
    except APIError as error:
        said = str(error.explanation or error).strip()
        raise ExecutorError(f"Docker cannot {doing}: {said}") from error
    except (DockerException, requests.exceptions.RequestException) as error:
        raise _silent(error) from error


def _silent(error: Exception) -> EngineSilent:
    host = engine_host()
    if "permission denied" in str(error).lower():
        return EngineSilent(
            f"the Docker engine at {host} denies access to this user: join the group that may use "
            "it (on most systems: sudo usermod -aG docker $USER, and log in again)"
        )
    return EngineSilent(
        f"no Docker engine answers at {host}: start it (on most systems: sudo systemctl start "
        "docker), or set DOCKER_HOST to where one runs"
    )
