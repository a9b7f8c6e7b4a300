"""What is known of images that are not here."""

from __future__ import annotations

import pytest

from backfleet.errors import ExecutorError
from backfleet_executors.images.inventory import (
    LABEL,
    ImageRecord,
    inventory_of,
    label_of,
    remember_record,
)

DIGEST = "sha256:" + "0" * 64
HELD = {"backfleet": "1" * 64, "numpy": "2" * 64}


def test_a_pushed_image_is_known_without_an_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    remember_record(DIGEST, ImageRecord(HELD, "amd64"))
    assert inventory_of(f"registry.example.com/research/backfleet@{DIGEST}") == HELD


def test_an_image_that_backfleet_did_not_build_has_no_inventory() -> None:
    assert label_of({"Config": {"Labels": None}}) is None
    assert label_of({"Config": {"Labels": {"org.opencontainers.image.title": "other"}}}) is None


def test_a_damaged_inventory_is_refused() -> None:
    with pytest.raises(ExecutorError, match="damaged; run 'backfleet image build' again"):
        label_of({"Config": {"Labels": {LABEL: '{"backfleet": '}}})
