"""What lies in the store, or the data, is not what it was."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from backfleet.errors import CorruptObject
from backfleet.store.records import DamagedRecord

if TYPE_CHECKING:
    from faults.conftest import Fleet


def test_damaged_chunks_are_superseded_and_nothing_else_is_computed(
    fleet: Fleet, undisturbed: Fleet
) -> None:
    shutil.copytree(undisturbed.store, fleet.store)
    chunks = fleet.chunks()
    truncated, flipped, misplaced = 5, 9, 12
    content = chunks[truncated].read_bytes()
    chunks[truncated].write_bytes(content[: len(content) // 2])
    content = chunks[flipped].read_bytes()
    chunks[flipped].write_bytes(content[:-20] + bytes([content[-20] ^ 4]) + content[-19:])
    shutil.copyfile(chunks[3], chunks[misplaced])
    damaged = {path: path.read_bytes() for path in chunks}

    with pytest.warns(DamagedRecord, match=r"chunk 5, .*resume.* 2 more chunks are damaged"):
        assert len(fleet.rows()) == len(undisturbed.rows()) - 3
    done = fleet.resume()

    assert done.returncode == 0, done.stderr
    assert fleet.rows() == undisturbed.rows()
    assert fleet.blobs() == undisturbed.blobs()
    rows = undisturbed.rows()
    again = [rows[chunk] for chunk in (truncated, flipped, misplaced)]
    assert fleet.executed() == {f"{r['symbol']} {r['mode']} {r['point']}": 1 for r in again}
    assert all(path.read_bytes() == content for path, content in damaged.items())
    added = [path.name for path in fleet.chunks() if path not in damaged]
    assert added == ["000005.1", "000009.1", "000012.1"]


def test_damaged_details_are_made_anew_where_nothing_else_is_missing(
    fleet: Fleet, undisturbed: Fleet
) -> None:
    shutil.copytree(undisturbed.store, fleet.store)
    run, altered, lost = fleet.opened(), 4, 7
    blobs = [fleet.blobs()[chunk]["equity"] for chunk in (altered, lost)]
    paths = [fleet.store / run.id / "blobs" / digest for digest in blobs]
    paths[0].write_bytes(paths[0].read_bytes()[:-1] + b"?")
    paths[1].unlink()
    with pytest.raises(CorruptObject, match=f"{paths[0]}.* resuming the run repairs it"):
        run.equity(altered)
    done = fleet.resume()

    assert done.returncode == 0, done.stderr
    assert fleet.blobs() == undisturbed.blobs()
    rows = undisturbed.rows()
    again = [rows[altered], rows[lost]]
    assert fleet.executed() == {f"{r['symbol']} {r['mode']} {r['point']}": 1 for r in again}
    for task in (altered, lost):
        pd.testing.assert_frame_equal(
            fleet.opened().equity(task), undisturbed.opened().equity(task)
        )


def test_a_symbol_that_changed_after_the_plan_is_named_and_its_tasks_are_retried(
    fleet: Fleet, undisturbed: Fleet
) -> None:
    fleet.data = shutil.copytree(fleet.data, fleet.folder / "bars")
    fleet.write_job()
    submission = fleet.submit()
    killed = fleet.work(submission, FAULT="kill:after-chunk:5")
    assert killed.wait(90) == -9
    file = fleet.data / "DDD.csv"
    before = file.read_text()
    file.write_text(before.replace("1000\n", "1001\n", 1))

    assert fleet.work(submission).wait(90) == 0
    errors = [row["error"] for row in fleet.rows() if row["status"] == "error"]
    assert errors
    assert all(error.startswith(f"DataChanged: {file}") for error in errors)
    file.write_text(before)
    done = fleet.resume("--retry-failed")

    assert done.returncode == 0, done.stderr
    assert fleet.rows() == undisturbed.rows()
    assert fleet.blobs() == undisturbed.blobs()
