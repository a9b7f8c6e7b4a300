"""Settings of executors that a store holds start workers only after the user's consent."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from sample_job import job_text
from stored_records import sealed

Cli = Callable[..., subprocess.CompletedProcess[str]]

EXECUTOR = """
import subprocess, sys
from backfleet.executor import (
    Cost, Executor, ExecutorSettings, Priced, Recoverable, ShardState, ShardStatus
)

class Settings(ExecutorSettings):
    image: str = "usual"
    mounts: tuple[str, ...] = ()

class Named(Executor, Priced, Recoverable):
    name = "named"
    Settings = Settings

    def count_shards(self, work):
        return 1

    def preflight(self, submission):
        return []

    def submit(self, submission):
        print("image:", self.settings.image, file=sys.stderr)
        worker = [sys.executable, "-m", "backfleet", "worker", submission.url, "0"]
        subprocess.run(worker, check=True)
        return {"settings": self.settings.model_dump(mode="json", exclude_unset=True)}

    def poll(self, handle):
        return [ShardStatus(0, ShardState.SUCCEEDED)]

    def cancel(self, handle):
        raise AssertionError

    def spent(self, handle):
        return Cost({"theirs": 1.0, "mine": 20.0}[self.settings.image], "USD", "per image")

    def logs(self, handle, shard, *, follow=False):
        return iter(())

    def stored_settings(self, handle):
        return handle["settings"]

    def adopt_settings(self, settings, handle):
        given = self.settings.model_dump(exclude_unset=True)
        self.settings = Settings(**{**settings, **given})
"""


@pytest.fixture
def environment(installed: Callable[..., dict[str, str]]) -> dict[str, str]:
    """The environment of a user who has the executor."""
    points = {"backfleet.executors": {"named": "named:Named"}}
    return installed("named", {"named.py": EXECUTOR}, points)


@pytest.fixture
def folder(environment: Mapping[str, str], tmp_path: Path, backfleet: Cli) -> Path:
    """The folder of a run that lacks a chunk, submitted with settings of its own."""
    job = tmp_path / "job.toml"
    job.write_text(job_text("sma-crossover", "period = 15", symbols=["600519"]))
    settings = tmp_path / "backfleet.toml"
    settings.write_text('[executors.named]\nimage = "theirs"\nmounts = ["/home"]\n')
    done = backfleet("run", job, "--executor", "named", "--json", env=environment)
    assert done.returncode == 0, done.stderr
    settings.unlink()
    folder = Path(json.loads(done.stdout)["store"])
    lose_chunks(folder)
    return folder


def lose_chunks(folder: Path) -> None:
    shutil.rmtree(folder / "chunks")
    (folder / "results.parquet").unlink()


def test_settings_of_a_stranger_start_workers_only_after_consent(
    folder: Path, environment: Mapping[str, str], tmp_path: Path, backfleet: Cli
) -> None:
    """Image and mounts were once taken from any store, without a question."""
    stranger = {**environment, "XDG_STATE_HOME": str(tmp_path / "stranger")}
    files = sorted(folder.rglob("*"))
    assert backfleet("status", folder, env=stranger).returncode == 0
    refused = backfleet("resume", folder, env=stranger)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert f"{folder} holds settings of the executor 'named' that you have" in refused.stderr
    assert '  image = "theirs"\n  mounts = ["/home"]\n  sha256 ' in refused.stderr
    overridden = backfleet("resume", folder, "-o", "image=mine", env=stranger)
    assert overridden.returncode == 2
    assert "image" not in overridden.stderr
    assert '  mounts = ["/home"]\n' in overridden.stderr
    assert sorted(folder.rglob("*")) == files

    (option,) = re.findall("--trust-settings [0-9a-f]{64}", refused.stderr)
    no_options: list[str] = []
    for options in (option.split(), no_options):
        done = backfleet("resume", folder, *options, env=stranger)
        assert done.returncode == 0, done.stderr
        assert "image: theirs" in done.stderr
        lose_chunks(folder)


def test_own_settings_are_adopted_without_a_question_and_changed_ones_are_not(
    folder: Path, environment: Mapping[str, str], backfleet: Cli
) -> None:
    done = backfleet("resume", folder, "-o", "image=mine", env=environment)
    assert done.returncode == 0, done.stderr
    assert "image: mine" in done.stderr
    lose_chunks(folder)
    file = folder / "submissions" / "2.handle.json"
    record = json.loads(file.read_bytes())
    record["handle"]["settings"]["mounts"] = ["/", "\x1b[2J"]
    file.write_bytes(sealed(record))
    changed = backfleet("resume", folder, env=environment)
    assert changed.returncode == 2
    assert r'mounts = ["/", "\u001b[2J"]' in changed.stderr


def test_each_submission_is_asked_with_its_own_settings(
    folder: Path, environment: Mapping[str, str], backfleet: Cli
) -> None:
    """The executor of the first one was once asked about all others."""
    done = backfleet("resume", folder, "-o", "image=mine", env=environment)
    assert done.returncode == 0, done.stderr
    status = json.loads(backfleet("status", folder, "--json", env=environment).stdout)
    assert status["cost"]["amount"] == 21.0
