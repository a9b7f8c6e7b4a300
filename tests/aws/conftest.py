"""AWS on loopback: a server, its environment, and a Batch environment made through the API."""

from __future__ import annotations

import shutil
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from testbed.aws.deployment import LOCKED_DOWN, SHARE, AwsServer, deploy, make_bucket
from testbed.aws.server import SUBMITTER, reached, served

if TYPE_CHECKING:
    from testbed.engine import Engine
    from testbed.registry import Registry


@pytest.fixture(scope="session")
def _stock_server() -> Iterator[str]:
    with served("--jobs", "stock") as url:
        yield url


@pytest.fixture(scope="session")
def _process_server() -> Iterator[str]:
    with served("--jobs", "processes", "--slots", "4") as url:
        yield url


@pytest.fixture
def moto_server(_stock_server: str) -> Iterator[AwsServer]:
    """Stock moto, so that our mends cannot hide a mistake. Its jobs end without having run."""
    with reached(_stock_server) as environment:
        config = b'{"batch": {"use_docker": false}}'
        urllib.request.urlopen(f"{_stock_server}/moto-api/config", config).close()
        yield deploy(_stock_server, environment, "backfleet:test")


@pytest.fixture
def aws_bucket(_process_server: str) -> Iterator[str]:
    """A fresh bucket, for tests that need no more of AWS."""
    with reached(_process_server):
        yield make_bucket()


@pytest.fixture
def aws_server(_process_server: str) -> Iterator[AwsServer]:
    """Batch as AWS has it, whose jobs run as processes of this machine, four at once.

    The policies of the template are enforced: this process has the rights of a submitter, and jobs
    have those of workers.
    """
    with reached(_process_server, SUBMITTER) as environment:
        server = deploy(_process_server, environment, "backfleet:test")
        yield server
        assert server.unevaluated() == []


@pytest.fixture(scope="session")
def _container_server(docker_engine: Engine, registry: Registry) -> Iterator[str]:
    options = ("--jobs", "containers", "--slots", "2", "--registry", registry.address)
    with served(*options, DOCKER_CONFIG=str(registry.docker_config)) as url:
        yield url


@pytest.fixture
def aws_server_with_containers(_container_server: str, pushed_image: str) -> Iterator[AwsServer]:
    """Batch as AWS has it, whose jobs run as containers; for tests with the mark `testbed`.

    Its job definition locks workers down as the one that is deployed does.
    """
    with reached(_container_server, SUBMITTER) as environment:
        yield deploy(_container_server, environment, pushed_image, LOCKED_DOWN)


@pytest.fixture
def sleeping_workers(aws_server: AwsServer, tmp_path: Path) -> Callable[[float], None]:
    """Let the workers of the job definition sleep for a number of seconds instead of computing."""

    def register(seconds: float) -> None:
        # The executor overrides a job's command, so the command itself is another one.
        worker = tmp_path / "bin" / "worker"
        worker.parent.mkdir()
        worker.write_text(f"#!/bin/sh\nexec {shutil.which('sleep')} {seconds}\n")
        worker.chmod(0o755)
        path = {"name": "PATH", "value": str(worker.parent)}
        aws_server.register(aws_server.job_definition, image="shell", environment=[path])

    return register


@pytest.fixture
def submitted(aws_server: AwsServer) -> Callable[..., str]:
    """Submit a shell command as a job without an image's entry point; returns the job's id."""

    def submit(command: str, **request: Any) -> str:
        name = f"shell-{uuid.uuid4().hex[:12]}"
        definition = aws_server.register(name, image="shell", command=["sh", "-c", command])
        request = {"jobName": name, "jobQueue": aws_server.queue, **SHARE} | request
        answer = aws_server.client("batch").submit_job(jobDefinition=definition, **request)
        job_id: str = answer["jobId"]
        return job_id

    return submit
