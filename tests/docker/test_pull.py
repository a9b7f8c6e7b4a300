"""An image that a registry holds is pulled where the engine lacks it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from backfleet.errors import ExecutorError
from backfleet_executors.docker.client import connect
from backfleet_executors.docker.image import ImageMissing, is_in_registry, pull_image

if TYPE_CHECKING:
    import docker

    from testbed.registry import Registry


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("backfleet:latest", False),
        ("me/backfleet", False),
        ("localhost/backfleet", True),
        ("127.0.0.1:5000/backfleet:1", True),
        ("123.dkr.ecr.eu-west-1.amazonaws.com/b@sha256:00", True),
    ],
)
def test_a_registry_is_told_from_a_name(name: str, expected: bool) -> None:
    assert is_in_registry(name) is expected


@pytest.fixture
def pushed(
    registry: Registry,
    docker_client: docker.DockerClient,
    base_image: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[str]:
    """An image's name by digest, of which the engine knows nothing any more."""
    monkeypatch.setenv("DOCKER_CONFIG", str(registry.docker_config))
    name = f"{registry.address}/backfleet-test-pull"
    docker_client.images.get(base_image).tag(name, "1")
    login = {"username": registry.user, "password": registry.password}
    docker_client.images.push(name, "1", auth_config=login)
    (digest,) = [
        digest
        for digest in docker_client.images.get(name + ":1").attrs["RepoDigests"]
        if name in digest
    ]
    docker_client.images.remove(f"{name}:1")
    yield digest
    docker_client.images.remove(digest)


@pytest.mark.testbed
def test_an_image_is_pulled_by_its_digest(pushed: str) -> None:
    assert pull_image(connect(), pushed).name == pushed


@pytest.mark.testbed
def test_what_no_registry_holds_is_an_error(registry: Registry, docker_engine: object) -> None:
    with pytest.raises(ExecutorError, match="cannot pull"):
        pull_image(connect(), f"{registry.address}/no-such-image:1")
    with pytest.raises(ImageMissing, match="backfleet image build"):
        pull_image(connect(), "no-such-image")
