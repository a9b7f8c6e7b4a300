"""What cannot be run in containers is refused in a sentence or two, and nothing is left behind."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import docker
    from docker.conftest import Yard

pytestmark = [pytest.mark.testbed]


def check_refused(yard: Yard, done: subprocess.CompletedProcess[str], *words: str) -> None:
    """A message and exit code 2; no run in the store, no container in the engine."""
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr
    assert not yard.store.exists()
    assert yard.containers() == []


def test_a_missing_image_says_how_to_build_it(yard: Yard) -> None:
    done = yard.run("-o", "image=no-such-image")
    check_refused(yard, done, "there is no image no-such-image", "backfleet image build")


def test_an_image_that_starts_nothing_is_refused(yard: Yard, base_image: str) -> None:
    done = yard.run("-o", f"image={base_image}")
    check_refused(yard, done, "has no entrypoint", "backfleet image build")


def test_an_image_that_lacks_its_executable_says_so(
    yard: Yard, base_image: str, docker_client: docker.DockerClient
) -> None:
    container = docker_client.containers.create(base_image)
    name = "backfleet-test-lacking:latest"
    container.commit(*name.split(":"), changes='ENTRYPOINT ["no-such-program"]')
    container.remove()
    try:
        done = yard.run("-o", f"image={name}")
    finally:
        docker_client.images.remove(name)
    assert done.returncode == 1, done.stderr
    assert "exec no-such-program failed: No such file or directory" in done.stderr
    assert "'backfleet image build' makes one that can" in done.stderr
    assert yard.containers() == []


def test_more_memory_than_there_is_is_refused(yard: Yard) -> None:
    yard.write_job(memory="900 TiB")
    check_refused(yard, yard.run(), "resources.memory is 921600.0 GiB, and the engine's machine")


def test_data_that_would_cover_the_image_is_refused(yard: Yard, tmp_path: Path) -> None:
    job = yard.write_job("sma-crossover", "period = 15")
    folder = Path("/usr/share/backfleet-test-data")
    job.write_text(job.read_text().replace(str(yard.data), str(folder)))
    folder.symlink_to(yard.data)
    try:
        check_refused(yard, yard.run(), f"{folder} cannot be mounted", "would cover /usr")
    finally:
        folder.unlink()


def test_a_mount_that_is_not_there_is_refused(yard: Yard) -> None:
    done = yard.run("-o", "mounts=/no/such/folder")
    check_refused(yard, done, "/no/such/folder does not exist, so that it cannot be mounted")


def test_a_variable_that_is_not_set_is_refused(yard: Yard) -> None:
    done = yard.run("-o", "environment=NO_SUCH_VARIABLE")
    check_refused(yard, done, "environment: NO_SUCH_VARIABLE is not set here")


def test_a_network_that_is_not_there_is_the_engines_word(yard: Yard, s3_store_url: str) -> None:
    yard.write_job("sma-crossover", "period = 15", store=s3_store_url)
    done = yard.run("-o", "network=no-such-network")
    assert done.returncode == 2
    assert "no-such-network" in done.stderr
    assert "Traceback" not in done.stderr
    assert yard.containers() == []
