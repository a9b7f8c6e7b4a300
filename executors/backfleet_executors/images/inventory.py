"""What an image holds: the content hash of each distribution in it, known without running it.

An image carries its inventory as a label. That of a pushed image is kept in the user's cache too,
by the image's digest, so that a submit knows it without pulling the image.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backfleet.errors import ExecutorError
from backfleet.sdk import cache_folder, distribution_hash, write_quietly
from backfleet_executors.images.parts import wheel_distribution

if TYPE_CHECKING:
    from docker import APIClient

__all__ = ["LABEL", "inventory_label", "inventory_of", "label_of", "record_inventory"]

LABEL = "backfleet.inventory"


def inventory_of(image: str, client: APIClient | None = None) -> Mapping[str, str] | None:
    """Content hashes of the distributions in an image, by canonical name, as
    `backfleet.code.hashes.distribution_hashes` gives them there.

    Parameters
    ----------
    image
        A name with a digest (`registry/name@sha256:...`), or any name or id that the engine knows.
    client
        Of the engine to ask; if None, one is connected to where no record is found.

    Returns
    -------
    None where it is not known: an image that the engine lacks and that was not pushed from here,
    or one that `backfleet image build` has not made.
    """
    recorded = _read_record(image)
    if recorded is not None:
        return recorded
    from backfleet_executors.docker.engine import connect
    from backfleet_executors.docker.image import ImageMissing, find_image

    try:
        facts = find_image(client or connect(), image).facts
    except ImageMissing:
        return None
    return label_of(facts)


def label_of(facts: Mapping[str, Any]) -> Mapping[str, str] | None:
    """The inventory in what an engine says of an image."""
    text = (facts["Config"].get("Labels") or {}).get(LABEL)
    return _parsed(text) if text else None


def inventory_label(wheels: Iterable[Path]) -> str:
    """The label's value for an image into which these wheels are installed."""
    found = map(wheel_distribution, wheels)
    return json.dumps({each.name: distribution_hash(each) for each in found}, sort_keys=True)


def record_inventory(digest: str, inventory: Mapping[str, str]) -> None:
    """Remember the inventory of the image that has this digest (`sha256:...`) in a registry."""
    write_quietly(_record(digest), json.dumps(inventory, sort_keys=True).encode())


def _record(digest: str) -> Path:
    return cache_folder() / "images" / f"{digest.removeprefix('sha256:')}.json"


def _read_record(image: str) -> Mapping[str, str] | None:
    digest = image.rpartition("@")[2]
    if "/" in digest or not digest.startswith("sha256:"):
        return None
    try:
        return _parsed(_record(digest).read_text())
    except OSError:
        return None


def _parsed(text: str) -> Mapping[str, str]:
    try:
        inventory = json.loads(text)
    except ValueError:
        raise ExecutorError(
            "the image's inventory is damaged; run 'backfleet image build' again"
        ) from None
    return {str(name): str(content) for name, content in inventory.items()}
