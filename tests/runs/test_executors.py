"""An executor's settings: from a file, from the environment, from options."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backfleet.errors import ExecutorError, UnknownPlugin
from backfleet.executor import Workload
from backfleet.operating_system import usable_cpus
from backfleet.runs.executors import open_executor


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BACKFLEET_LOCAL_WORKERS", raising=False)


def workers(*options: str) -> Any:
    return open_executor("local", options).settings.model_dump()["workers"]


def test_the_later_of_file_environment_and_options_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert workers() is None
    (tmp_path / "backfleet.toml").write_text("[executors.local]\nworkers = 2\n")
    assert workers() == 2
    monkeypatch.setenv("BACKFLEET_LOCAL_WORKERS", "3")
    assert workers() == 3
    assert workers("workers=4") == 4
    assert workers("workers=4", "workers = 5") == 5


def test_there_is_a_worker_per_core_unless_a_number_is_set_or_there_are_fewer_tasks() -> None:
    executor, cores = open_executor("local"), usable_cpus()
    work = Workload(chunks=99, tasks=9_999, bars=9_999, cpus=1, memory=1, measure=pytest.fail)
    assert executor.count_shards(work) == cores
    assert executor.count_shards(replace(work, cpus=cores + 1)) == 1
    assert executor.count_shards(replace(work, tasks=1)) == 1
    assert open_executor("local", ["workers=7"]).count_shards(work) == 7


def test_settings_of_other_executors_are_none_of_its_business(tmp_path: Path) -> None:
    (tmp_path / "backfleet.toml").write_text("[executors.docker]\nworkers = 2\nx = 1\n")
    assert workers() is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[executors.local\n", "backfleet.toml"),
        ("[executors]\nlocal = 3\n", r"\[executors.local\] must be a table"),
        ("executors = 3\n", r"\[executors\] must be a table"),
        ("[executors.locl]\nworkers = 7\n", "no executor is named 'locl'; did you mean 'local'"),
        ("[executors.slurm]\n", "no executor is named 'slurm'.* install that package with pip"),
        ("[executor.local]\nworkers = 7\n", r"executor: unknown key; .*\[executors.NAME\]"),
        ("[local]\nworkers = 7\n", r"local: unknown key; did you mean \[executors.local\]"),
        ("executor = 'foo'\n", "executor: unknown key; .*--executor NAME"),
        ("[executors.local]\nworkers = 'x'\n", "workers = 'x'"),
        ("[executors.local]\nwerkers = 1\n", "werkers: unknown setting; did you mean 'workers'"),
    ],
)
def test_a_bad_settings_file_is_refused(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "backfleet.toml").write_text(content)
    with pytest.raises(ExecutorError, match=words):
        workers()


def test_variables_of_unknown_settings_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKFLEET_DOCKER_FOO", "1")
    assert workers() is None
    monkeypatch.setenv("BACKFLEET_LOCAL_WORKRES", "1")
    with pytest.raises(ExecutorError, match=r"BACKFLEET_LOCAL_WORKRES: .*did you mean 'workers'"):
        workers()


def test_bad_options_are_refused() -> None:
    with pytest.raises(ExecutorError, match="-o workers: write it as key=value"):
        workers("workers")
    with pytest.raises(ExecutorError, match="zzz: unknown setting; it has workers"):
        workers("zzz=1")
    with pytest.raises(UnknownPlugin, match="did you mean 'local'"):
        open_executor("lokal")
