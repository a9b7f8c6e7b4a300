"""The image itself, built by a real engine."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest

from backfleet.errors import ExecutorError
from backfleet_executors.images.build import BuildRequest, build_image
from backfleet_executors.images.inventory import inventory_of
from backfleet_executors.images.push import push_image

if TYPE_CHECKING:
    from docker import APIClient, DockerClient

    from testbed.engine import Engine
    from testbed.registry import Registry

pytestmark = [pytest.mark.testbed, pytest.mark.usefixtures("kept_wheels")]

ANYONE = 23456
"""A user that neither the image nor this machine knows."""

HASHES = """
import json
from backfleet.code.hashes import distribution_hashes
print(json.dumps(distribution_hashes()))
"""


def run(client: DockerClient, image: str, *command: str, **options: Any) -> str:
    """What a locked container prints: read-only, without a network, of a user from nowhere."""
    said: bytes = client.containers.run(
        image,
        list(command),
        remove=True,
        stderr=True,
        read_only=True,
        network_mode="none",
        tmpfs={"/tmp": "rw,mode=1777"},
        **{"user": f"{ANYONE}:{ANYONE}", **options},
    )
    return said.decode()


def run_python(client: DockerClient, image: str, script: str, **options: Any) -> str:
    return run(client, image, "-c", script, entrypoint="python", **options)


def layers(client: DockerClient, image: str) -> list[str]:
    digests: list[str] = client.images.get(image).attrs["RootFS"]["Layers"]
    return digests


def test_its_command_is_backfleet(docker_client: DockerClient, worker_image: str) -> None:
    assert run(docker_client, worker_image, "--version").startswith("backfleet ")
    assert "sma-crossover" in run(docker_client, worker_image, "strategies")


def test_it_runs_as_nobody_in_particular(docker_client: DockerClient, worker_image: str) -> None:
    script = "import os; print(os.getuid(), os.getgid())"
    assert run_python(docker_client, worker_image, script, user=None).split() == ["10001", "10001"]


def test_its_inventory_is_what_is_installed_in_it(
    docker_client: DockerClient, api: APIClient, worker_image: str
) -> None:
    assert inventory_of(worker_image, api) == json.loads(
        run_python(docker_client, worker_image, HASHES)
    )


def test_it_holds_no_extras(api: APIClient, worker_image: str) -> None:
    held = inventory_of(worker_image, api)
    assert held is not None
    assert not {"scipy", "docker", "plotly", "pytest", "moto"} & set(held)


def test_it_holds_bytecode_of_all_its_code(docker_client: DockerClient, worker_image: str) -> None:
    script = """
import pathlib, backfleet, backfleet_executors, numpy
for package in (backfleet, backfleet_executors, numpy):
    folder = pathlib.Path(package.__file__).parent
    sources = {path.stem for path in folder.glob("*.py")}
    compiled = {path.name.split(".")[0] for path in folder.glob("__pycache__/*.pyc")}
    print(sorted(sources - compiled))
"""
    assert run_python(docker_client, worker_image, script).splitlines() == ["[]"] * 3


def test_nothing_of_the_package_index_gets_into_it(api: APIClient, worker_image: str) -> None:
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    )
    settings = [line.partition("=")[2].strip("'") for line in listed.stdout.splitlines()]
    places = {word for setting in settings for word in setting.split() if "/" in word}
    # The stubs leave one of these two without types.
    asked: list[Any] = [getattr(api, name)(worker_image) for name in ("inspect_image", "history")]
    facts = json.dumps(asked)
    assert [place for place in places if place in facts] == []
    assert "INDEX_URL" not in facts
    assert "FIND_LINKS" not in facts


def test_labels_say_what_it_is(docker_client: DockerClient, worker_image: str) -> None:
    labels: Mapping[str, str] = docker_client.images.get(worker_image).labels
    named = {name.removeprefix("org.opencontainers.image.") for name in labels}
    assert {"title", "version", "revision", "base.name", "licenses"} <= named


def test_other_code_makes_another_last_layer_and_no_other(
    docker_client: DockerClient,
    api: APIClient,
    worker_image: str,
    project: Path,
    removed_images: list[str],
) -> None:
    name = "backfleet-testbed:with-acme"
    removed_images.append(name)
    build_image(api, BuildRequest(extra=[str(project)], tag=name))
    *shared, last = layers(docker_client, worker_image)
    *also, other = layers(docker_client, name)
    assert shared == also
    assert last != other
    assert "acme-always" in run(docker_client, name, "strategies")
    held = inventory_of(name, api)
    assert held is not None
    assert "acme-images" in held


@pytest.fixture
def cramped(docker_client: DockerClient, base_image: str) -> Iterator[DockerClient]:
    """An engine whose disk has room for the base image and for its archive, and for little else."""
    import docker

    from testbed.engine import Engine

    with TemporaryDirectory() as folder:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=350m", "tmpfs", folder], check=True)
        engine = Engine(Path(folder))
        try:
            engine.start()
            with closing(docker.DockerClient(engine.host)) as client:
                client.images.load(docker_client.images.get(base_image).save(named=True))
                yield client
        finally:
            engine.stop()
            # The engine's processes may be a moment from their end.
            subprocess.run(["umount", "--lazy", folder], check=True)


def test_machine_code_is_found_in_its_cache_after_push_and_pull(
    api: APIClient, worker_image: str, pushed_image: str, second_engine: Engine
) -> None:
    import docker

    assert inventory_of(pushed_image) == inventory_of(worker_image, api)
    script = "from backfleet.worker.warm import warm; warm()"
    with closing(docker.DockerClient(second_engine.host)) as elsewhere:
        said = run_python(elsewhere, pushed_image, script, environment={"NUMBA_DEBUG_CACHE": "1"})
    assert "data loaded from" in said
    assert "data saved to" not in said


def test_a_push_without_a_login_is_told_how_to_log_in(
    worker_image: str, registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import docker

    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    with (
        closing(docker.from_env()) as client,
        pytest.raises(ExecutorError, match=rf"'docker login {registry.address}'"),
    ):
        push_image(client.api, worker_image, f"{registry.address}/backfleet:testbed")


def test_a_base_image_that_is_nowhere_is_named(api: APIClient) -> None:
    with pytest.raises(ExecutorError, match=r"base image \S+nosuch:1 is not there .* with --base"):
        build_image(api, BuildRequest(base="127.0.0.1:1/nosuch:1"))


def test_a_build_that_fails_shows_the_end_of_its_log(
    api: APIClient, removed_images: list[str]
) -> None:
    name = "backfleet-testbed:empty"
    api.import_image_from_data(bytes(10240), repository="backfleet-testbed", tag="empty")
    removed_images.append(name)
    with pytest.raises(ExecutorError, match=r"(?s)was not built: .*/bin/sh.*Step"):
        build_image(api, BuildRequest(tag="backfleet-testbed:failing", base=name))


def test_a_full_disk_is_said(cramped: DockerClient) -> None:
    with pytest.raises(ExecutorError, match="the engine's disk is full; 'docker system prune'"):
        build_image(cramped.api, BuildRequest())
