"""How a worker finds its shard, and what it ends with where it cannot work."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from backfleet.runs.run import Run
from backfleet.worker.env_vars import INDEX_VARIABLES


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
    assert done.stderr == "JobError: there is no shard 7: they go to 1\n"


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


def test_a_run_that_cannot_be_read_is_told_in_a_line(probed: Run, tmp_path: Path) -> None:
    (tmp_path / "submissions").mkdir()
    submission = tmp_path / "submissions" / "1.json"
    missing = work(str(submission), "0")
    manifest = tmp_path / "manifest.json"
    found = []
    for record, plan in (("[]", "{}"), ("{}", json.dumps(["not", "a", "manifest"]))):
        submission.write_text(record)
        manifest.write_text(plan)
        found.append(work(str(submission), "0"))

    assert missing.stderr.startswith("ObjectMissing: ")
    assert found[0].stderr.startswith(f"CorruptObject: {submission}: ")
    assert found[1].stderr.startswith(f"CorruptObject: {manifest}: ")
    for each in (missing, *found):
        assert (each.returncode, each.stderr.count("\n")) == (75, 1)


@pytest.fixture
def undone(probed: Run, tmp_path: Path) -> Path:
    """A copy of the run as it was before any worker started."""
    copy = tmp_path / "undone"
    shutil.copytree(probed.url, copy, ignore=shutil.ignore_patterns("results.parquet"))
    for chunk in (copy / "chunks").iterdir():
        chunk.unlink()
    return copy


def committed(run: Path) -> set[str]:
    return {each.name for each in (run / "chunks").iterdir()}


def test_shards_of_one_call_run_together(undone: Path, probed: Run) -> None:
    done = work(f"{undone}/submissions/1.json", "0", "1")

    assert (done.returncode, done.stderr) == (0, "")
    assert committed(undone) == committed(Path(probed.url))


def test_a_shard_whose_input_is_corrupt_costs_the_others_nothing(
    undone: Path, probed: Run, tmp_path: Path
) -> None:
    record = json.loads((undone / "submissions" / "1.json").read_text())
    data = tmp_path / "data"
    shutil.copytree(record["data_path"], data)
    spoilt = next(data.glob(f"{probed.manifest.symbols[-1].name}*"))
    spoilt.write_text(spoilt.read_text().replace(",100\n", ",101\n", 1))
    half = len(probed.manifest.chunks) // 2
    good, bad = ([[at, 0] for at in chunks] for chunks in (range(half), range(half, 2 * half)))
    record |= {"data_path": str(data), "shards": [bad, good]}
    (undone / "submissions" / "1.json").write_text(json.dumps(record))

    done = work(f"{undone}/submissions/1.json", "0", "1")

    assert done.returncode == 65
    assert "has changed since the run was planned" in done.stderr
    assert len(committed(undone)) == half
    (word,) = (undone / "submissions").glob("1.failure.*.json")
    told = json.loads(word.read_text())
    assert (told["shard"], told["kind"]) == (0, "DataChanged")
