"""Wheels of what is installed, fetched once."""

from __future__ import annotations

from pathlib import Path

import pytest

from backfleet.errors import ExecutorError
from backfleet_executors.images.wheels import build_wheel, pinned_wheels


@pytest.fixture
def index(tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes wheels from, with acme-images 1.5 in it, and an empty cache."""
    folder = tmp_path / "index"
    folder.mkdir()
    build_wheel(project, folder)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("BACKFLEET_CACHE", str(tmp_path / "cache"))
    return folder


def test_a_wheel_is_fetched_once(index: Path) -> None:
    (wheel,) = pinned_wheels({"acme-images": "1.5"})
    for file in index.iterdir():
        file.unlink()
    assert pinned_wheels({"acme-images": "1.5"}) == [wheel]
    assert wheel.name.startswith("acme_images-1.5-")


def test_another_version_than_that_here_is_not_taken(index: Path) -> None:
    pinned_wheels({"acme-images": "1.5"})
    with pytest.raises(ExecutorError, match=r"(?s)pip cannot make wheels:.*acme-images==1\.6"):
        pinned_wheels({"acme-images": "1.6"})


def test_versions_may_be_written_in_two_ways(index: Path) -> None:
    assert pinned_wheels({"acme-images": "1.05"}) == pinned_wheels({"acme-images": "1.5"})


def test_wheels_for_another_architecture_are_downloaded_and_kept_apart(index: Path) -> None:
    (here,) = pinned_wheels({"acme-images": "1.5"}, "x86_64")
    (there,) = pinned_wheels({"acme-images": "1.5"}, "aarch64")
    assert here.name == there.name, "it is pure Python"
    assert [wheel.parent.name.rpartition("-")[2] for wheel in (here, there)] == [
        "x86_64",
        "aarch64",
    ]
    with pytest.raises(ExecutorError, match=r"acme-images==1\.6"):
        pinned_wheels({"acme-images": "1.6"}, "aarch64")
