"""Manifests in a store: the first is kept, and a broken one is named."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from backfleet.errors import CorruptObject, JobError, RunNotFound
from backfleet.plan.manifest import Manifest
from backfleet.plan.manifest_store import read_manifest, save_manifest
from backfleet.store import open_store

Planner = Callable[..., Manifest]
Cli = Callable[..., subprocess.CompletedProcess[str]]

POINTS = [(30, "fee-aware"), (5, "all-in"), (15, "all-in")]


@pytest.fixture
def points_file(tmp_path: Path) -> Path:
    file = tmp_path / "points.parquet"
    periods, sizings = zip(*POINTS, strict=True)
    pq.write_table(pa.table({"period": periods, "sizing": sizings}), file)
    return file


def test_the_first_manifest_of_a_run_is_kept(plan: Planner, store_url: str) -> None:
    first = plan()
    store = open_store(store_url).at(first.run_id)
    assert save_manifest(store, first) is first
    assert save_manifest(store, replace(first, name="second")).name == first.name
    assert read_manifest(store).to_bytes() == first.to_bytes()


def test_explicit_points_lie_beside_the_manifest(
    plan: Planner, store_url: str, points_file: Path
) -> None:
    open_store(store_url).put_if_absent("points.parquet", points_file.read_bytes())
    planned = plan("params={}", f"sweep.points='{store_url}/points.parquet'")
    store = open_store(store_url).at(planned.run_id)
    save_manifest(store, planned)
    open_store(store_url).delete("points.parquet")
    read = read_manifest(store)
    assert read.tasks == 9
    assert [tuple(read.task(i).params.values()) for i in range(9)] == POINTS * 3


@pytest.mark.parametrize(
    ("location", "problem"),
    [
        ("{folder}", "{folder}: this is not a regular file"),
        ("{folder}/none.parquet", "{folder}/none.parquet: No such file or directory"),
        ("s3://bucket", "'s3://bucket' names a store and nothing in it; append '/' and a name"),
        ("http://host/p.parquet", "'http://host/p.parquet' is not a store; a store is a directory"),
    ],
)
def test_points_that_cannot_be_read_are_refused(
    plan: Planner, tmp_path: Path, location: str, problem: str
) -> None:
    expected = f"sweep.points: {problem.format(folder=tmp_path)}"
    with pytest.raises(JobError, match=re.escape(expected)):
        plan("params={}", f"sweep.points='{location.format(folder=tmp_path)}'")


def test_points_that_are_not_on_s3_are_refused(plan: Planner, s3_store_url: str) -> None:
    url = f"{s3_store_url}/points.parquet"
    with pytest.raises(JobError, match=f"sweep.points: {url}: there is no such object. Correct"):
        plan("params={}", f"sweep.points='{url}'")


def test_an_altered_table_of_points_is_refused(
    plan: Planner, tmp_path: Path, points_file: Path
) -> None:
    planned = plan("params={}", f"sweep.points='{points_file}'")
    store = open_store(str(tmp_path / "runs")).at(planned.run_id)
    save_manifest(store, planned)
    (blob,) = (tmp_path / "runs" / planned.run_id / "blobs").iterdir()
    blob.write_bytes(blob.read_bytes()[:-9] + b"x" * 9)
    with pytest.raises(CorruptObject):
        read_manifest(store)


def test_workers_read_explicit_points(backfleet: Cli, sample_job: Path, points_file: Path) -> None:
    done = backfleet(
        "run", sample_job, "--set", "params={}", "--set", f"sweep.points='{points_file}'", "--json"
    )
    assert done.returncode == 0, done.stderr
    store = json.loads(done.stdout)["store"]
    rows = json.loads(backfleet("results", store, "--format", "json").stdout)
    assert [(row["period"], row["sizing"]) for row in rows] == POINTS * 3
    (reference,) = [r for r in rows if (r["symbol"], r["period"]) == ("600519", 15)]
    assert round(reference["final_value"], 2) == 164109.44


def test_a_run_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunNotFound, match=r"no run at .*/nothing"):
        read_manifest(open_store(str(tmp_path / "nothing")))


def test_commands_name_the_manifest_that_was_altered(
    backfleet: Cli, plan: Planner, tmp_path: Path
) -> None:
    planned = plan()
    save_manifest(open_store(str(tmp_path / "runs")).at(planned.run_id), planned)
    file = tmp_path / "runs" / planned.run_id / "manifest.json"
    file.write_text(file.read_text().replace("100000.0", "200000.0"))
    done = backfleet("status", f"runs/{planned.run_id}")
    assert done.returncode == 2
    assert done.stderr.startswith(f"backfleet: {file}: the record was altered")
