"""A damaged or hostile run in a store costs one line, and hides nothing that is sound."""

from __future__ import annotations

from pathlib import Path

import pytest

import backfleet as bf
from hostile.attack import Case, Ground, assert_withstood
from hostile.damaged_store import SECRET, SECRET_TEXT
from sample_job import SAMPLE_DATA, job_of

FEW, BATCHES, BATCH = 3, 6, 100


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A folder with a store of three finished runs, and their ids; the first has every kind of
    object."""
    folder = tmp_path_factory.mktemp("stores")
    (folder / SECRET).write_text(SECRET_TEXT)
    runs = [
        bf.run(job_of(folder / "runs", **more), options=["workers=1"], progress=None)
        for more in (
            {"strategy": "backfleet.testing.probes:Waits", "params": {"k": [0, 1]}},
            {"strategy": "backfleet.testing.probes:Waits", "params": {"k": [2, 3]}},
            {"params": {"period": [10, 15, 20]}},
        )
    ]
    return folder, [run.id for run in runs]


def _ground(folder: Path) -> Ground:
    return Ground(
        folder,
        readable=[SAMPLE_DATA],
        # SQL of users runs in a process of its own. urllib3, which the executors docker and
        # aws-batch import, asks in this way whether there is IPv6.
        # The processes of `verify` share memory, whose file has no name once it is open.
        effects=("start", "signal", "bind ('::1', 0)", "write /dev/shm/pym-"),
        preload=["hostile.read_store", "backfleet.runs.run", "duckdb", "pandas"],
        cpu_seconds=120.0,
        wait_seconds=600.0,
    )


def _check(store: tuple[Path, list[str]], folder: Path, seeds: range) -> None:
    template, runs = store
    cases = [
        Case(
            f"seed {seed}",
            (str(seed), *runs),
            call="hostile.read_store:main",
            template=template,
            exit_codes=frozenset({0}),
        )
        for seed in seeds
    ]
    assert_withstood(cases, _ground(folder))


def test_a_damaged_run_costs_one_line_and_nothing_else(
    store: tuple[Path, list[str]], tmp_path: Path
) -> None:
    _check(store, tmp_path / "ground", range(FEW))


@pytest.mark.exhaustive
@pytest.mark.parametrize("batch", range(BATCHES))
def test_many_damaged_runs_cost_one_line_each(
    store: tuple[Path, list[str]], tmp_path: Path, batch: int
) -> None:
    _check(store, tmp_path / "ground", range(BATCH * batch, BATCH * (batch + 1)))
