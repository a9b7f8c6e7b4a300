"""Whether an image's code is what is installed here."""

from __future__ import annotations

from collections.abc import Mapping

from backfleet.executor import Finding, FindingStatus
from backfleet.sdk import DECISIVE, distribution_hashes
from backfleet_executors.docker.image import Image

__all__ = ["compare_code"]

FIX = "backfleet image build"


def compare_code(image: Image) -> Finding:
    """Return the finding of `backfleet doctor` about an image's code."""
    from backfleet_executors.images.inventory import label_of

    held = label_of(image.facts)
    if held is None:
        text = f"{image.name} was not made by 'backfleet image build': its content is unknown"
        return Finding("image", FindingStatus.WARNING, text, FIX)
    stale = _differing(held)
    if stale:
        text = f"{image.name} holds another {' and another '.join(stale)} than is installed here"
        return Finding("image", FindingStatus.FAILURE, text, FIX)
    text = f"{image.name} is up to date: {len(held)} distributions, with the backfleet that is here"
    return Finding("image", FindingStatus.OK, text)


def _differing(held: Mapping[str, str]) -> list[str]:
    """Of what cannot be shipped to workers: backfleet, and the libraries that compute."""
    here = distribution_hashes(["backfleet", *DECISIVE])
    return [name for name, content in here.items() if held.get(name) != content]
