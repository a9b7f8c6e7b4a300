"""A finished run, and its bundle."""

from __future__ import annotations

from pathlib import Path

import pytest

import backfleet as bf
from backfleet.bundles import export_bundle
from backfleet.runs.labels import add_labels
from sample_job import job_of


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> bf.Run:
    """A complete run with details, submissions, labels and validation windows."""
    windows = {"windows": "split", "test": "1 year"}
    job = job_of(tmp_path_factory.mktemp("sender") / "runs", validation=windows)
    run = bf.run(job, progress=None)
    add_labels(run.store, ["paper"], "the one in print")
    return run


@pytest.fixture(scope="session")
def bundle(finished_run: bf.Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("bundle") / "run.zip"
    export_bundle(finished_run, file)
    return file
