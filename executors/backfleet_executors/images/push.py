"""Pushing the image to a registry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backfleet.errors import ExecutorError
from backfleet_executors.docker.client import engine_errors
from backfleet_executors.docker.image import ImageMissing, find_image, is_in_registry
from backfleet_executors.images.build import DEFAULT_TAG
from backfleet_executors.images.inventory import record_of, remember_record

if TYPE_CHECKING:
    from docker import APIClient

__all__ = ["push_image"]

NOT_LET_IN = ("denied", "unauthorized", "authentication required", "no basic auth credentials")


def push_image(client: APIClient, image: str, target: str) -> str:
    """Push an image of the engine to a repository, and keep its inventory by its digest.

    Parameters
    ----------
    image
        Its name here.
    target
        `REGISTRY/REPOSITORY`, with `:TAG` for another tag than `latest`.

    Returns
    -------
    The pushed image's name by its digest, `REGISTRY/REPOSITORY@sha256:...`.

    Raises
    ------
    ExecutorError
        Where there is no such image, or the registry refuses it.
    """
    if not is_in_registry(target) or "@" in target:
        raise ExecutorError(
            f"{target!r} is not of the form REGISTRY/REPOSITORY[:TAG], such as "
            "registry.example.com/research/backfleet"
        )
    try:
        local = find_image(client, image)
    except ImageMissing:
        raise ExecutorError(
            f"there is no image {image} to push: 'backfleet image build' makes {DEFAULT_TAG}, and "
            "--image names another one"
        ) from None
    repository, tag = _split(target)
    with engine_errors(f"push {target}"):
        # By its id: the name could be moved to another image in the meantime.
        client.tag(local.id, repository, tag)
        digest = _pushed(client, repository, tag)
    record = record_of(local.facts)
    if record is not None:
        remember_record(digest, record)
    return f"{repository}@{digest}"


def _split(target: str) -> tuple[str, str]:
    # A colon before the last slash is that of the registry's port.
    folder, _, last = target.rpartition("/")
    name, _, tag = last.partition(":")
    return f"{folder}/{name}", tag or "latest"


def _pushed(client: APIClient, repository: str, tag: str) -> str:
    """Push, and give the digest."""
    digest = ""
    event: dict[str, Any]
    for event in client.push(repository, tag=tag, stream=True, decode=True):
        if "error" in event:
            raise _push_error(repository, str(event["error"]))
        # Few events of a push have a digest; the last one is that of the whole image.
        digest = (event.get("aux") or {}).get("Digest", digest)
    # Without a digest, the name would stand for whatever is pushed there next.
    if not digest:
        raise ExecutorError(f"the registry of {repository} gave no digest; push again")
    return digest


def _push_error(repository: str, error: str) -> ExecutorError:
    registry = repository.partition("/")[0]
    if any(word in error.lower() for word in NOT_LET_IN):
        return ExecutorError(
            f"{registry} does not let you push to {repository}: {error}; log in with "
            f"'docker login {registry}', and see that the repository exists and is yours"
        )
    return ExecutorError(f"{repository} was not pushed: {error}")
