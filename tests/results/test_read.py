"""The rows of a run, whole or not, and the file that keeps them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

import backfleet as bf
from backfleet.results.compact import RESULTS, read_compacted
from backfleet.results.read import read_results
from stored_rows import COLUMNS


def same(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    pd.testing.assert_frame_equal(one, other)
    return True


def test_a_row_a_task_in_the_order_of_the_tasks(whole: bf.Run) -> None:
    rows = whole.results()
    assert list(rows) == COLUMNS
    assert rows["task"].tolist() == [0, 1, 2, 3]
    assert rows["symbol"].tolist() == ["600519", "600519", "600559", "600559"]
    assert rows["period"].tolist() == [10, 15, 10, 15]
    assert rows["final_value"].round(2)[1] == 164109.44


def test_the_file_in_the_store_is_plain_parquet(whole: bf.Run) -> None:
    assert same(pd.read_parquet(Path(whole.url, RESULTS)), whole.results())


def test_an_unfinished_run_has_the_rows_there_are(copied: Path, whole: bf.Run) -> None:
    (copied / RESULTS).unlink()
    (copied / "chunks" / "000001.0").unlink()
    run = bf.open_run(copied)
    assert run.results()["task"].tolist() == [0, 2, 3]
    assert not (copied / RESULTS).exists()
    expected = whole.results().drop(index=1).reset_index(drop=True)
    assert same(run.results(), expected)
    for either in (whole, run):
        assert list(either.results(["sharpe", "task"])) == ["sharpe", "task"]
        with pytest.raises(bf.errors.UserError, match="no column 'sharp'; did you mean 'sharpe'"):
            either.results(["task", "sharp"])


def test_a_run_without_any_row_has_the_columns(copied: Path, whole: bf.Run) -> None:
    (copied / RESULTS).unlink()
    shutil.rmtree(copied / "chunks")
    rows = bf.open_run(copied).results()
    assert (len(rows), list(rows)) == (0, COLUMNS)


def test_a_file_that_is_gone_is_made_again_when_rows_are_read(copied: Path, whole: bf.Run) -> None:
    """Also where a detached run ended while nobody was waiting."""
    (copied / RESULTS).unlink()
    assert same(bf.open_run(copied).results(), whole.results())
    assert same(pd.read_parquet(copied / RESULTS), whole.results())


def test_a_file_of_other_chunks_is_made_again(copied: Path, whole: bf.Run, brief: bf.Run) -> None:
    shutil.copy(Path(brief.url, RESULTS), copied / RESULTS)
    assert same(bf.open_run(copied).results(), whole.results())
    assert same(pd.read_parquet(copied / RESULTS), whole.results())


def test_a_file_with_other_columns_is_made_again(copied: Path, whole: bf.Run) -> None:
    """What it says that it was made from does not vouch for the names of its columns."""
    table = pq.read_table(copied / RESULTS)
    names = [{"fees": "feet"}.get(name, name) for name in table.column_names]
    pq.write_table(table.rename_columns(names), copied / RESULTS)
    assert same(bf.open_run(copied).results(), whole.results())


@pytest.mark.parametrize("kept", [0, 4, 100, 0.5, -1])
def test_a_file_that_was_cut_short_is_made_again(copied: Path, whole: bf.Run, kept: float) -> None:
    content = (copied / RESULTS).read_bytes()
    end = int(kept * len(content)) if isinstance(kept, float) else kept
    (copied / RESULTS).write_bytes(content[:end])
    assert same(bf.open_run(copied).results(), whole.results())
    assert (copied / RESULTS).read_bytes() == content


def test_a_flipped_bit_gives_no_other_numbers(copied: Path, whole: bf.Run) -> None:
    """Wherever it is: the file is either refused or read as it was."""
    content = (copied / RESULTS).read_bytes()
    expected = read_results(whole.store, whole.chunk_index)
    run = bf.open_run(copied)
    listing = run.chunk_index.listing()
    refused = 0
    places = range(0, len(content), 41)
    for place in places:
        flipped = bytearray(content)
        flipped[place] ^= 1 << place % 8
        (copied / RESULTS).write_bytes(flipped)
        table = read_compacted(run.store, listing)
        refused += table is None
        assert table is None or table.equals(expected), place
    assert refused > len(places) / 2


def test_rows_can_be_read_where_nothing_can_be_written(
    copied: Path, whole: bf.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from backfleet.errors import StoreError

    (copied / RESULTS).unlink()
    run = bf.open_run(copied)

    def refuse(*_: object) -> None:
        raise StoreError("read-only")

    monkeypatch.setattr(run.store, "replace", refuse)
    assert same(run.results(), whole.results())
