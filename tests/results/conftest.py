"""Runs to read results from: one that is whole, one of which a chunk is missing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import backfleet as bf
from sample_job import job_of


@pytest.fixture(scope="session")
def whole_job(tmp_path_factory: pytest.TempPathFactory) -> bf.Job:
    """Two points, two symbols: four tasks in four chunks."""
    return job_of(tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="session")
def whole(whole_job: bf.Job) -> bf.Run:
    """The finished run of `whole_job`. It must stay as it is."""
    return bf.run(whole_job, progress=None)


@pytest.fixture(scope="session")
def brief(tmp_path_factory: pytest.TempPathFactory) -> bf.Run:
    """A finished run with `detail = "summary"`."""
    results = {"store": str(tmp_path_factory.mktemp("brief")), "detail": "summary"}
    return bf.run(job_of("", symbols=["600519"], results=results), progress=None)


@pytest.fixture
def copied(whole: bf.Run, tmp_path: Path) -> Path:
    """A copy of the folder of the finished run, to spoil."""
    return Path(shutil.copytree(whole.url, tmp_path / whole.id))
