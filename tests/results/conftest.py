"""Runs to read results from: one that is whole, one of which a chunk is missing."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

import backfleet as bf


def job(data: Path, store: Path, *symbols: str, detail: str = "full") -> bf.Job:
    settings: dict[str, Any] = {
        "strategy": "sma-crossover",
        "params": {"period": [10, 15]},
        "data": {
            "source": "cn-daily",
            "path": str(data),
            "symbols": symbols,
            "timezone": "Asia/Shanghai",
        },
        "broker": {"cash": 100_000, "commission": 0.0002},
        "results": {"store": str(store), "detail": detail},
    }
    return bf.Job(**settings)


@pytest.fixture(scope="session")
def whole_job(sample_data: Path, tmp_path_factory: pytest.TempPathFactory) -> bf.Job:
    """Two points, two symbols: four tasks in four chunks."""
    return job(sample_data, tmp_path_factory.mktemp("whole"), "600519", "600559")


@pytest.fixture(scope="session")
def whole(whole_job: bf.Job) -> bf.Run:
    """The finished run of `whole_job`. It must stay as it is."""
    return bf.run(whole_job, progress=None)


@pytest.fixture(scope="session")
def brief(sample_data: Path, tmp_path_factory: pytest.TempPathFactory) -> bf.Run:
    """A finished run with `detail = "summary"`."""
    store = tmp_path_factory.mktemp("brief")
    return bf.run(job(sample_data, store, "600519", detail="summary"), progress=None)


@pytest.fixture
def copied(whole: bf.Run, tmp_path: Path) -> Path:
    """A copy of the folder of the finished run, to spoil."""
    return Path(shutil.copytree(whole.url, tmp_path / whole.id))
