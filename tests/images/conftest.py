"""Packages to put into images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from docker import APIClient, DockerClient

PLUGIN = """
from backfleet import VectorStrategy


class Always(VectorStrategy):
    '''Always in the market.'''

    def targets(self, bars):
        return bars.close * 0 + 1
"""
PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "acme-images"
version = "1.5"
dependencies = ["numpy"]

[project.entry-points."backfleet.strategies"]
acme-always = "acme_images:Always"
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a project with the strategy `acme-always`, which is not installed."""
    folder = tmp_path / "acme-images"
    (folder / "acme_images").mkdir(parents=True)
    (folder / "acme_images" / "__init__.py").write_text(PLUGIN)
    (folder / "pyproject.toml").write_text(PROJECT)
    # pip builds with the backend that is installed here, without asking the index for it.
    monkeypatch.setenv("PIP_NO_BUILD_ISOLATION", "0")
    return folder


@pytest.fixture
def installed_here(
    installed: Callable[..., dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., None]:
    """`installed`, for this process."""

    def install(name: str, requires: str = "", **entry_points: dict[str, str]) -> None:
        module = name.replace("-", "_")
        groups = {group.replace("_", "."): points for group, points in entry_points.items()}
        installed(name, {f"{module}/__init__.py": PLUGIN}, groups)
        if requires:
            metadata = tmp_path / "site" / f"{module}-1.0.dist-info" / "METADATA"
            metadata.write_text(metadata.read_text() + f"Requires-Dist: {requires}\n")
        monkeypatch.syspath_prepend(tmp_path / "site")

    return install


@pytest.fixture
def removed_images(docker_client: DockerClient) -> Iterator[list[str]]:
    """Names of images that are removed after the test."""
    names: list[str] = []
    yield names
    for name in names:
        docker_client.images.remove(name, force=True)


@pytest.fixture
def api(docker_client: DockerClient) -> APIClient:
    """The low-level client, as the commands use it."""
    client: APIClient = docker_client.api
    return client
