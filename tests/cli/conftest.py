"""A folder to work in on the command line: jobs, strategies, and a run that is finished."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest

from in_process import InProcess
from workshop import Answer, Ask, Workshop, set_up_workshop


@pytest.fixture(scope="session")
def finished_runs(tmp_path_factory: pytest.TempPathFactory, sample_data: Path) -> dict[str, Path]:
    """Where finished runs of `sma.toml` and `fails.toml` lie, by the job's name."""
    shop = set_up_workshop(tmp_path_factory.mktemp("finished"), sample_data)
    jobs = ("sma", "fails")
    return {job: Path(shop.json("run", f"{job}.toml", "--json")["store"]) for job in jobs}


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory, sample_data: Path) -> Workshop:
    """A folder with jobs: `sma.toml`, `waits.toml`, `fails.toml`, `exits.toml`."""
    return set_up_workshop(tmp_path_factory.mktemp("workshop"), sample_data)


@pytest.fixture(scope="module")
def finished(workshop: Workshop, finished_runs: dict[str, Path]) -> str:
    """The id of the reference job's run in the workshop's store."""
    return _copied(finished_runs["sma"], workshop)


@pytest.fixture(scope="module")
def failed(workshop: Workshop, finished_runs: dict[str, Path]) -> str:
    """The id of a run of six tasks of which two failed; its tasks left metrics of their own."""
    return _copied(finished_runs["fails"], workshop)


def _copied(run: Path, shop: Workshop) -> str:
    shutil.copytree(run, shop.folder / "runs" / run.name)
    return run.name


@pytest.fixture
def ask(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Ask:
    """Call the command line in this process, at first in the workshop's folder: a line as in
    a shell."""
    monkeypatch.chdir(workshop.folder)

    def call(line: str) -> Answer:
        done = InProcess(Path.cwd(), capfd)(*shlex.split(line))
        return Answer(done.returncode, done.stdout, done.stderr)

    return call
