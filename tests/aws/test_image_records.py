"""What is known of an image decides whether workers can run it."""

from __future__ import annotations

import pytest

from backfleet.errors import ExecutorError
from backfleet_executors.aws.image_records import image_inventory
from backfleet_executors.images.inventory import ImageRecord, remember_record

HELD = {"backfleet": "1" * 64}


@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_an_image_of_another_architecture_is_refused_before_a_submit(architecture: str) -> None:
    digest = f"sha256:{architecture.encode().hex():0>64}"
    remember_record(digest, ImageRecord(HELD, architecture))
    image = f"registry.example.com/backfleet@{digest}"
    if architecture == "amd64":
        assert image_inventory(image, None) == HELD
        return
    with pytest.raises(ExecutorError, match="is for arm64, and the workers run on amd64"):
        image_inventory(image, None)
