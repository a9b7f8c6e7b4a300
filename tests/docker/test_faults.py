"""Containers, the engine and the command line die mid-run; `resume` completes."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from waiting import until

if TYPE_CHECKING:
    from docker.conftest import Yard, YardMaker

    from testbed.engine import Engine

pytestmark = [pytest.mark.testbed]

TASKS = 24


def check_resumed(yard: Yard) -> None:
    """Resume: all tasks have a row, what was done has not been done again, nothing is left."""
    done = yard.done()
    assert 0 < done < TASKS
    resumed = yard.call("resume", yard.opened().url)
    assert resumed.returncode == 0, resumed.stderr
    assert f"{done} were done before" in resumed.stdout
    assert len(yard.rows()) == TASKS
    assert yard.containers() == []


def begin(yard: Yard, *arguments: str) -> subprocess.Popen[str]:
    """Start a run of 24 tasks, and return when some of them are done."""
    process = yard.start("run", "job.toml", "--executor", "docker", "-o", "workers=2", *arguments)
    until(lambda: yard.done() > 1, "some tasks are done")
    return process


def test_a_container_is_killed_mid_shard(yard: Yard) -> None:
    process = begin(yard)
    yard.containers("running")[0].kill()
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "the container was stopped from outside (SIGKILL)" in stderr
    assert "backfleet resume" in stderr
    check_resumed(yard)


def test_a_container_is_removed_mid_shard(yard: Yard) -> None:
    process = begin(yard)
    yard.containers("running")[0].remove(force=True)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "backfleet resume" in stderr
    check_resumed(yard)


def test_the_command_line_is_killed_and_resume_adopts_its_containers(yard: Yard) -> None:
    process = begin(yard)
    process.kill()
    process.wait()
    names = {container.name for container in yard.containers("running")}
    assert len(names) == 2
    resumed = yard.call("resume", yard.opened().url)
    assert resumed.returncode == 0, resumed.stderr
    assert len(yard.rows()) == TASKS
    assert yard.opened().submission_log.numbers() == [1]
    assert yard.containers() == []


def test_the_command_line_is_killed_before_it_could_keep_the_handle(yard: Yard) -> None:
    begin(yard, "--detach").wait()
    (run,) = yard.store.glob("[0-9a-f]*")
    (run / "submissions" / "1.handle.json").unlink()
    resumed = yard.call("resume", yard.opened().url)
    assert resumed.returncode == 0, resumed.stderr
    assert len(yard.rows()) == TASKS
    assert yard.opened().submission_log.numbers() == [1]


@pytest.fixture
def second_yard(
    second_engine: Engine, make_yard: YardMaker, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Yard]:
    import docker

    monkeypatch.setenv("DOCKER_HOST", second_engine.host)
    with closing(docker.DockerClient(second_engine.host)) as client:
        yield from make_yard(client)


def test_the_engine_goes_away_and_comes_back(second_yard: Yard, second_engine: Engine) -> None:
    process = begin(second_yard)
    second_engine.stop()
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "the Docker engine went away during the run" in stderr
    assert "backfleet resume" in stderr
    assert "Traceback" not in stderr
    refused = second_yard.call("resume", second_yard.opened().url)
    assert refused.returncode == 2
    assert "no Docker engine answers" in refused.stderr

    second_engine.start()
    check_resumed(second_yard)


def test_the_engine_is_restarted(second_yard: Yard, second_engine: Engine) -> None:
    process = begin(second_yard)
    second_engine.stop()
    second_engine.start()
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "backfleet resume" in stderr
    assert "Traceback" not in stderr
    check_resumed(second_yard)
