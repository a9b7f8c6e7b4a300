"""Settings of the executor `docker`."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from backfleet.executor import ExecutorSettings
from backfleet.sdk import MemorySize, parse_memory

__all__ = ["DockerSettings"]


def _split(value: object) -> object:
    """A list, also where it was written as one word, with commas."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


Words = Annotated[tuple[str, ...], BeforeValidator(_split)]


class DockerSettings(ExecutorSettings):
    """Settings of the executor `docker`."""

    image: str = Field(
        default="backfleet:latest", min_length=1, description="image of the containers"
    )
    workers: int | None = Field(
        default=None, ge=1, description="containers at once; cores / cpus if unset"
    )
    shards: int | None = Field(
        default=None, ge=1, description="number of shards; one per container if unset"
    )
    network: str = Field(
        default="bridge",
        min_length=1,
        description="of containers that need S3; the others have none",
    )
    environment: Words = Field(
        default=(), description="names of variables that are passed on, such as AWS_PROFILE"
    )
    mounts: Words = Field(
        default=(), description="further paths that containers can read: PATH or PATH:PATH-INSIDE"
    )
    scratch: MemorySize = Field(
        default=parse_memory("1 GiB"), description="most that /tmp of a container can store"
    )
    pids: int = Field(default=512, ge=64, description="most processes and threads in a container")
