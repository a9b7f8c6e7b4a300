"""How a worker finds its shard, and what it ends with where it cannot work."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import backfleet as bf
from backfleet.runs.run import Run
from backfleet.worker.env_vars import INDEX_VARIABLES
from stored_records import alter_record


def work(submission: str, *shard: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "backfleet", "worker", submission, *shard]
    return subprocess.run(
        command,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture(scope="module")
def submission(probed: Run) -> str:
    return f"{probed.url}/submissions/1.json"


def test_a_worker_has_nothing_to_do_where_its_chunks_are_committed(submission: str) -> None:
    done = work(submission, "1")

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", INDEX_VARIABLES)
def test_a_worker_takes_its_shard_from_an_array(submission: str, name: str) -> None:
    done = work(submission, **{name: "7"})

    assert done.returncode == 64
    assert done.stderr == "JobError: shard 7 does not exist: the submission has shards 0 to 1\n"


def test_a_temporary_folder_whose_path_is_too_long_for_sockets_is_refused(
    submission: str, tmp_path: Path
) -> None:
    folder = tmp_path / ("long" * 20)
    folder.mkdir()
    done = work(submission, "0", TMPDIR=str(folder))

    assert done.returncode == 64
    assert "set TMPDIR to a shorter one" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_an_index_that_is_no_number_is_refused(submission: str) -> None:
    done = work(submission, SLURM_ARRAY_TASK_ID="1,2")

    assert done.returncode == 64
    assert done.stderr == "JobError: SLURM_ARRAY_TASK_ID='1,2' is no shard\n"


def test_a_submission_that_cannot_be_read_is_reported_in_a_line(tmp_path: Path) -> None:
    submission = tmp_path / "submissions" / "1.json"
    submission.parent.mkdir()
    missing = work(str(submission), "0")
    submission.write_text("[]")
    damaged = work(str(submission), "0")

    assert missing.stderr.startswith("ObjectMissing: ")
    assert damaged.stderr.startswith(f"CorruptObject: {submission}: ")
    for done in (missing, damaged):
        assert (done.returncode, done.stderr.count("\n")) == (75, 1)


def test_a_manifest_that_cannot_be_read_is_reported_in_a_line(undone: Path) -> None:
    manifest = undone / "manifest.json"
    manifest.write_text('["not", "a", "manifest"]')
    done = work(f"{undone}/submissions/1.json", "0")
    assert done.stderr.startswith(f"CorruptObject: {manifest}: ")
    assert (done.returncode, done.stderr.count("\n")) == (75, 1)


@pytest.fixture
def undone(probed: Run, tmp_path: Path) -> Path:
    """A copy of the run as it was before any worker started."""
    copy = tmp_path / "undone"
    shutil.copytree(probed.url, copy, ignore=shutil.ignore_patterns("results.parquet"))
    for chunk in (copy / "chunks").iterdir():
        chunk.unlink()
    return copy


def committed(run: Path) -> set[str]:
    return {file.name for file in (run / "chunks").iterdir()}


def test_shards_of_one_call_run_together(undone: Path, probed: Run) -> None:
    done = work(f"{undone}/submissions/1.json", "0", "1")

    assert (done.returncode, done.stderr) == (0, "")
    assert committed(undone) == committed(Path(probed.url))


def test_a_bad_symbol_costs_its_own_tasks_and_nothing_else(
    undone: Path, probed: Run, tmp_path: Path
) -> None:
    submission = undone / "submissions" / "1.json"
    data = tmp_path / "data"
    shutil.copytree(json.loads(submission.read_text())["data_path"], data)
    spoilt = next(data.glob(f"{probed.manifest.symbols[-1].name}*"))
    spoilt.write_text(spoilt.read_text().replace(",100\n", ",101\n", 1))
    grid = probed.manifest.chunks
    half = len(grid) // 2
    good, bad = (
        [[chunk, 0, grid[chunk].start, grid[chunk].stop] for chunk in chunks]
        for chunks in (range(half), range(half, 2 * half))
    )
    alter_record(submission, data_path=str(data), shards=[bad, good])

    done = work(f"{undone}/submissions/1.json", "0", "1")

    assert (done.returncode, done.stderr) == (0, "")
    assert committed(undone) == committed(Path(probed.url))
    rows = bf.open_run(str(undone)).results()
    failed = rows[rows["status"] == "error"]
    assert set(failed["symbol"]) == {probed.manifest.symbols[-1].name}
    assert len(failed) == len(probed.manifest.points)
    assert failed["error"].str.startswith("DataChanged: ").all()
    assert bf.open_run(str(undone)).chunk_index.counts().retryable == len(failed)
    assert not list((undone / "submissions").glob("1.failure.*.json"))


def test_data_in_which_every_symbol_is_bad_ends_the_worker_with_65(
    undone: Path, tmp_path: Path
) -> None:
    submission = undone / "submissions" / "1.json"
    data = tmp_path / "data"
    shutil.copytree(json.loads(submission.read_text())["data_path"], data)
    for file in data.glob("*.csv"):
        file.write_text(file.read_text().replace(",100\n", ",101\n", 1))
    alter_record(submission, data_path=str(data))

    done = work(f"{undone}/submissions/1.json", "0", "1")

    assert done.returncode == 65
    assert "has changed since the run was planned" in done.stderr


def test_a_worker_of_an_image_with_another_inventory_ends_with_64(undone: Path) -> None:
    alter_record(undone / "submissions" / "1.json", inventory="1" * 64)
    url = f"{undone}/submissions/1.json"

    done = work(url, "0", BACKFLEET_IMAGE_INVENTORY="2" * 64)

    assert done.returncode == 64
    assert f"the inventory of this image has the SHA-256 {'2' * 64}" in done.stderr
    assert (undone / "submissions" / "1.failure.0.json").is_file()
    assert work(url, "0", BACKFLEET_IMAGE_INVENTORY="1" * 64).returncode == 0


def test_a_worker_at_its_time_limit_ends_with_75_and_the_next_one_completes_the_work(
    undone: Path,
) -> None:
    url = f"{undone}/submissions/1.json"

    done = work(url, "0", BACKFLEET_TIME_LIMIT="0.001")

    assert (done.returncode, done.stderr) == (
        75,
        "stopped by a signal; committed chunks are kept\n",
    )
    assert work(url, "0").returncode == 0
    assert committed(undone)
