"""The inventory of an image: the content hash of each distribution in it, known without running it.

An image carries its inventory as a label. That of a pushed image is kept in the user's cache too,
by the image's digest, so that a submit knows it without pulling the image.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backfleet.errors import CorruptObject, ExecutorError
from backfleet.sdk import (
    cache_folder,
    decode_record,
    distribution_hash,
    encode_record,
    write_quietly,
)
from backfleet_executors.images.parts import wheel_distribution

if TYPE_CHECKING:
    from docker import APIClient

__all__ = [
    "IMAGE",
    "LABEL",
    "ImageRecord",
    "cached_record",
    "engine_record",
    "image_digest",
    "inventory_label",
    "inventory_of",
    "label_of",
    "record_of",
    "remember_record",
]

LABEL = "backfleet.inventory"
IMAGE = "image/1"
"""Format of a stored `ImageRecord`."""


@dataclass(frozen=True)
class ImageRecord:
    """The facts about an image that a submission needs, kept by the image's digest.

    Attributes
    ----------
    inventory
        Content hashes of the distributions in the image, by canonical name, as
        `backfleet.code.hashes.distribution_hashes` gives them there.
    architecture
        As Docker names it: `amd64` or `arm64`.
    """

    inventory: Mapping[str, str]
    architecture: str


def inventory_of(image: str, client: APIClient | None = None) -> Mapping[str, str] | None:
    """Return the inventory of an image, from the user's cache or from the Docker engine.

    Parameters
    ----------
    image
        A name with a digest (`registry/name@sha256:...`), or any name or id that the engine knows.
    client
        The engine to ask; if None, one is connected to if the cache has no record.

    Returns
    -------
    None if it is not known: the engine lacks the image and it was not pushed from here, or
    `backfleet image build` has not made it.
    """
    # The cache first: a digest names one content forever, and no engine has to run.
    record = cached_record(image) or engine_record(image, client)
    return None if record is None else record.inventory


def cached_record(image: str) -> ImageRecord | None:
    """Return the record of an image that was pushed from here; None if there is none."""
    digest = image_digest(image)
    try:
        return decode_record(ImageRecord, IMAGE, _cache_file(digest).read_bytes())
    except (OSError, CorruptObject):
        return None


def engine_record(image: str, client: APIClient | None = None) -> ImageRecord | None:
    """Return the record of an image that the Docker engine has; None if it lacks it.

    Raises ExecutorError without an engine.
    """
    from backfleet_executors.docker.client import connect
    from backfleet_executors.docker.image import ImageMissing, find_image

    # A client of the caller stays open.
    with nullcontext(client) if client is not None else closing(connect()) as engine:
        try:
            return record_of(find_image(engine, image).facts)
        except ImageMissing:
            return None


def record_of(facts: Mapping[str, Any]) -> ImageRecord | None:
    """Return the record of an image from the facts that the engine states."""
    inventory = label_of(facts)
    return None if inventory is None else ImageRecord(inventory, facts["Architecture"])


def label_of(facts: Mapping[str, Any]) -> Mapping[str, str] | None:
    """The inventory in what an engine says of an image."""
    text = (facts["Config"].get("Labels") or {}).get(LABEL)
    return _parsed(text) if text else None


def inventory_label(wheels: Iterable[Path]) -> str:
    """The label's value for an image into which these wheels are installed."""
    distributions = map(wheel_distribution, wheels)
    return json.dumps(
        {distribution.name: distribution_hash(distribution) for distribution in distributions},
        # Equal inventories must be equal texts, because the label is part of the image's digest.
        sort_keys=True,
    )


def image_digest(image: str) -> str:
    """Return the digest in an image's name, `sha256:...`; empty if it names none."""
    digest = image.rpartition("@")[2]
    # The digest becomes the name of a file, so it must not lead to another folder.
    return digest if digest.startswith("sha256:") and "/" not in digest else ""


def remember_record(digest: str, record: ImageRecord) -> None:
    """Keep the record of the image that has this digest (`sha256:...`) in a registry."""
    write_quietly(_cache_file(digest), encode_record(IMAGE, record))


def _cache_file(digest: str) -> Path:
    return cache_folder() / "images" / f"{digest.removeprefix('sha256:')}.json"


def _parsed(text: str) -> Mapping[str, str]:
    try:
        inventory = json.loads(text)
    except ValueError:
        raise ExecutorError(
            "the image's inventory is damaged; run 'backfleet image build' again"
        ) from None
    return {str(name): str(content) for name, content in inventory.items()}
