"""The testbed as fixtures of a pytest session; see README.md.

Where it cannot be had, tests that ask for it skip and say what is missing. With
`BACKFLEET_TESTBED=required`, as in CI, they fail.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, NoReturn

import pytest

from testbed.folders import testbed_folder
from testbed.lease import Server, leased
from testbed.process import TestbedError

if TYPE_CHECKING:
    import docker

    from testbed.arm64 import Arm64
    from testbed.engine import Engine
    from testbed.registry import Registry

CLIENT_SECONDS = 120


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[Engine]:
    """A Docker engine of the testbed's own, which the environment names as DOCKER_HOST."""
    if importlib.util.find_spec("docker") is None:
        _cannot_be_had("the Docker SDK is missing: pip install -e '.[docker]'")
    from testbed.engine import private_engine

    engine = private_engine()
    with _up(engine), pytest.MonkeyPatch.context() as environment:
        environment.setenv("DOCKER_HOST", engine.host)
        yield engine


@pytest.fixture(scope="session")
def docker_client(docker_engine: Engine) -> Iterator[docker.DockerClient]:
    """A client of that engine."""
    import docker

    with closing(docker.DockerClient(docker_engine.host, timeout=CLIENT_SECONDS)) as client:
        yield client


@pytest.fixture(scope="session")
def base_image(docker_client: docker.DockerClient) -> str:
    """The name of the image that workers' images begin from."""
    from testbed.base_image import BASE_IMAGE, make_base_image

    try:
        make_base_image(docker_client)
    except TestbedError as error:
        _cannot_be_had(str(error))
    return BASE_IMAGE


@pytest.fixture(scope="session")
def kept_wheels(_own_environment: None) -> None:
    """Have the wheels for images kept between test sessions, unlike other caches."""
    from testbed.worker_image import keep_wheels

    keep_wheels()


@pytest.fixture(scope="session")
def worker_image(docker_client: docker.DockerClient, base_image: str, kept_wheels: None) -> str:
    """The name of an image of the backfleet under test; it is built where there is none yet."""
    from testbed.worker_image import make_worker_image

    return make_worker_image(docker_client, base_image)


@pytest.fixture(scope="session")
def registry() -> Iterator[Registry]:
    """A registry with a login on loopback."""
    from testbed.registry import local_registry

    server = local_registry()
    with _up(server):
        yield server


@pytest.fixture(scope="session")
def pushed_image(docker_engine: Engine, registry: Registry, worker_image: str) -> str:
    """The workers' image by its digest in the registry that stands in for ECR."""
    import docker

    from backfleet_executors.images.push import push_image

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_CONFIG", str(registry.docker_config))
        with closing(docker.APIClient(docker_engine.host, timeout=600)) as client:
            return push_image(client, worker_image, f"{registry.address}/backfleet")


@pytest.fixture(scope="session")
def second_engine(registry: Registry, pushed_image: str, worker_image: str) -> Iterator[Engine]:
    """An engine that a test may stop, to which the workers' image came by a pull."""
    import docker

    from testbed.engine import Engine

    engine = Engine(testbed_folder() / "second-engine")
    with _up(engine):
        with closing(docker.DockerClient(engine.host, timeout=600)) as client:
            repository, _, digest = pushed_image.partition("@")
            client.images.prune()
            pulled = client.images.pull(repository, digest, auth_config=registry.login)
            pulled.tag(worker_image)
        yield engine


@pytest.fixture(scope="session")
def arm64() -> Arm64:
    """An emulated ARM64 machine with the backfleet under test."""
    from testbed.arm64 import emulated_arm64

    with pytest.MonkeyPatch.context() as environment:
        # Wheels are kept between test sessions, unlike other caches.
        environment.setenv("BACKFLEET_CACHE", str(testbed_folder()))
        try:
            return emulated_arm64()
        except TestbedError as error:
            _cannot_be_had(str(error))


@contextmanager
def _up(server: Server) -> Iterator[None]:
    with ExitStack() as stack:
        try:
            stack.enter_context(leased(server))
        except TestbedError as error:
            _cannot_be_had(str(error))
        yield


def _cannot_be_had(reason: str) -> NoReturn:
    if os.environ.get("BACKFLEET_TESTBED") == "required":
        pytest.fail(f"the testbed is required here: {reason}")
    pytest.skip(reason)
