"""What the workers' image holds, without running it."""

from __future__ import annotations

from collections.abc import Mapping

from backfleet.errors import ExecutorError
from backfleet_executors.images.inventory import inventory_of

__all__ = ["image_inventory"]


def image_inventory(image: str) -> Mapping[str, str]:
    """Content hashes by distribution, of an image that was pushed from here or is here.

    Raises ExecutorError where neither is so.
    """
    reason = "it was not pushed from this machine, and the Docker engine here does not have it"
    try:
        found = inventory_of(image)
    except ExecutorError as error:
        found, reason = None, f"it was not pushed from this machine, and {error}"
    if found is None:
        raise ExecutorError(
            f"what the image {image} holds is not known here: {reason}. Pull it ('docker pull'), "
            "or build and push one from here ('backfleet image build', 'backfleet aws deploy')"
        )
    return found
