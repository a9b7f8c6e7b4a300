"""Runs in containers: a folder to work in, and a look at the engine beside it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import backfleet as bf
from sample_job import SAMPLE_SYMBOLS, job_text
from stored_rows import stored_rows

if TYPE_CHECKING:
    import docker
    from docker.models.containers import Container

SECONDS = 90


class Yard:
    """A folder with jobs in it, whose runs' containers are seen and cleared away.

    Attributes
    ----------
    store
        Where its runs go, unless a job says otherwise.
    """

    def __init__(self, folder: Path, data: Path, client: docker.DockerClient) -> None:
        self.folder = folder
        self.data = data
        self.store = folder / "runs"
        self.client = client
        self._begun: list[subprocess.Popen[str]] = []

    def write_job(
        self,
        strategy: str = "backfleet.testing.probes:Waits",
        params: str = "k = { start = 0, stop = 7, step = 1 }\nseconds = 0.2",
        symbols: Sequence[str] = SAMPLE_SYMBOLS,
        store: str = "",
        memory: str = "512 MiB",
        task_timeout: str = "30 s",
    ) -> Path:
        file = self.folder / "job.toml"
        store = store or str(self.store)
        text = job_text(strategy, params, data=self.data, symbols=symbols, store=store)
        limits = f'memory = "{memory}"\ntask_timeout = "{task_timeout}"\n'
        file.write_text(f"{text}\n[resources]\n{limits}")
        return file

    def call(
        self, *arguments: object, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """A command of backfleet's, to its end."""
        process = self.start(*arguments, env=env)
        stdout, stderr = process.communicate(timeout=SECONDS)
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    def run(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        return self.call("run", "job.toml", "--executor", "docker", *arguments)

    def start(
        self, *arguments: object, env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Begin a command of backfleet's."""
        process = subprocess.Popen(
            [sys.executable, "-m", "backfleet", *map(str, arguments)],
            cwd=self.folder,
            env=os.environ | (env or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._begun.append(process)
        return process

    def opened(self) -> bf.Run:
        """The one run of the store."""
        (folder,) = self.store.glob("[0-9a-f]*")
        return bf.open_run(folder)

    def done(self) -> int:
        """Tasks that have a row."""
        planned = any(self.store.glob("*/manifest.json"))
        return self.opened().counts().done if planned else 0

    def rows(self) -> list[dict[str, Any]]:
        """All rows, without what two equal runs may differ in."""
        return stored_rows(self.opened())

    def containers(self, state: str = "") -> list[Container]:
        """Containers of this yard's runs, in any state or in this one."""
        filters: dict[str, Any] = {"label": "backfleet.url"}
        if state:
            filters["status"] = state
        listed = self.client.containers.list(all=True, filters=filters, ignore_removed=True)
        return [container for container in listed if self._is_ours(container)]

    def end(self) -> None:
        """Leave no process and no container behind, whatever a test came to."""
        for process in self._begun:
            if process.poll() is None:
                process.kill()
            process.communicate()
        for container in self.containers():
            container.remove(force=True)

    def _is_ours(self, container: Container) -> bool:
        return container.labels["backfleet.url"].startswith(f"{self.store}/")


YardMaker = Callable[["docker.DockerClient"], Iterator[Yard]]


@pytest.fixture
def make_yard(
    tmp_path: Path, sample_data: Path, worker_image: str, monkeypatch: pytest.MonkeyPatch
) -> YardMaker:
    """Makes a folder to run jobs from, in containers of the image of the backfleet under test."""

    def make(client: docker.DockerClient) -> Iterator[Yard]:
        monkeypatch.setenv("BACKFLEET_DOCKER_IMAGE", worker_image)
        yard = Yard(tmp_path, sample_data, client)
        yard.write_job()
        yield yard
        yard.end()

    return make


@pytest.fixture
def yard(make_yard: YardMaker, docker_client: docker.DockerClient) -> Iterator[Yard]:
    yield from make_yard(docker_client)
