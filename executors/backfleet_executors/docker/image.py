"""The image that containers are made from: there already, or pulled from its registry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backfleet.errors import ExecutorError
from backfleet_executors.docker.client import engine_errors

if TYPE_CHECKING:
    from docker import APIClient

__all__ = ["Image", "ImageMissing", "find_image", "is_in_registry", "pull_image"]


class ImageMissing(ExecutorError):
    """The engine has no image of this name."""


@dataclass(frozen=True)
class Image:
    """An image of the engine.

    Attributes
    ----------
    name
        What it was asked for by.
    id
        Its content's digest: it identifies the image even if its name is moved later.
    facts
        What the engine says of it.
    """

    name: str
    id: str
    facts: Mapping[str, Any]


def find_image(client: APIClient, name: str) -> Image:
    """The image of this name. Raises ImageMissing, ExecutorError."""
    from docker.errors import ImageNotFound

    # The SDK's stubs leave this one method without types.
    inspect: Callable[[str], Mapping[str, Any]] = getattr(client, "inspect_image")  # noqa: B009
    with engine_errors(f"look at the image {name}"):
        try:
            facts = inspect(name)
        except ImageNotFound:
            raise ImageMissing(
                f"there is no image {name}: 'backfleet image build' makes backfleet:latest, and "
                "-o image=NAME takes another one ('docker images' lists them)"
            ) from None
    return Image(name, facts["Id"], facts)


def is_in_registry(name: str) -> bool:
    """Whether a name says which registry the image lies in, so that it can be pulled."""
    host, slash, _ = name.partition("/")
    # Docker's own rule. A name such as `user/image` would lie on Docker Hub, and is not pulled from
    # there unasked.
    return bool(slash) and (host == "localhost" or "." in host or ":" in host)


def pull_image(client: APIClient, name: str) -> Image:
    """Bring an image from its registry, where it is not there yet. Raises ExecutorError."""
    try:
        return find_image(client, name)
    except ImageMissing:
        if not is_in_registry(name):
            raise
    with engine_errors(f"pull {name} ('docker login' lets you in to a registry)"):
        repository, tag = _split(name)
        # The pull goes on only while its progress is read.
        for _ in client.pull(repository, tag=tag, stream=True, decode=True):
            pass
    return find_image(client, name)


def _split(name: str) -> tuple[str, str]:
    repository, at, digest = name.partition("@")
    if at:
        return repository, digest
    # The colon of a port, as in `host:5000/image`, does not begin a tag.
    folder, slash, last = name.rpartition("/")
    last, _, tag = last.partition(":")
    return f"{folder}{slash}{last}", tag or "latest"
