"""A large run has several files, of which readers fetch the columns and row groups they need."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import backfleet as bf
from backfleet.results import assemble as assembling
from backfleet.results import compact as compacting
from backfleet.results import partitions as partitioning
from backfleet.results import read as reading
from backfleet.results.assemble import assemble
from backfleet.results.compact import RESULTS, compact, is_current, read_compacted, read_sorted
from backfleet.results.partitions import INDEX, open_partitions
from backfleet.results.query import query_rows
from backfleet.results.read import open_results, read_results
from backfleet.results.sort import SortOrder
from stored_rows import table_of


@pytest.fixture
def large(copied: Path, monkeypatch: pytest.MonkeyPatch) -> bf.Run:
    """A run whose files have three rows each, one row per row group."""
    for module in (compacting, reading):
        monkeypatch.setattr(module, "MAX_FILE_TASKS", 2)
    monkeypatch.setattr(partitioning, "MAX_PARTITION_ROWS", 3)
    monkeypatch.setattr(assembling, "ROWS_A_GROUP", 1)
    (copied / RESULTS).unlink()
    run = bf.open_run(copied)
    compact(run.store, run.chunk_index)
    return run


def test_files_hold_all_rows_and_any_reader_can_read_them(large: bf.Run) -> None:
    files = sorted(Path(large.url, "results").glob("*.parquet"))
    listing = large.chunk_index.listing()
    assert len(files) == 2
    assert not Path(large.url, RESULTS).exists()
    assert is_current(large.store, listing)
    assert read_compacted(large.store, listing) == assemble(large.chunk_index)
    assert [pq.ParquetFile(file).num_row_groups for file in files] == [3, 1]
    some = read_results(large.store, large.chunk_index, ["task", "sharpe"])
    assert some == assemble(large.chunk_index).select(["task", "sharpe"])


@pytest.mark.parametrize("ascending", [True, False])
@pytest.mark.parametrize("limit", [None, 0, 1, 3])
def test_rows_are_read_in_an_order(large: bf.Run, ascending: bool, limit: int | None) -> None:
    rows = query_rows(assemble(large.chunk_index), sort="sharpe", ascending=ascending)
    listing, order = large.chunk_index.listing(), SortOrder("sharpe", ascending)
    expected = rows if limit is None else rows[:limit]
    assert table_of(read_sorted(large.store, listing, order, limit)) == expected
    some = read_sorted(large.store, listing, order, limit, ["trades", "task"])
    assert table_of(some) == expected.select(["trades", "task"])


def test_sql_reads_the_files_range_by_range(large: bf.Run) -> None:
    opened = open_results(large.store, large.chunk_index)
    assert not hasattr(opened, "num_rows"), "no table was made"
    answer = large.query("select task, sharpe from results where sharpe > 0 order by sharpe desc")
    rows = large.results().sort_values("sharpe", ascending=False)
    assert answer["task"].tolist() == rows[rows["sharpe"] > 0]["task"].tolist()
    assert large.query("select count(*) as n from results")["n"].tolist() == [4]
    both = "select a.task from results a join results b using (task) order by task"
    assert large.query(both)["task"].tolist() == [0, 1, 2, 3]


def test_a_file_that_has_changed_is_not_read(large: bf.Run) -> None:
    file = min(Path(large.url, "results").glob("*.parquet"))
    content = bytearray(file.read_bytes())
    content[100] ^= 1
    file.write_bytes(content)
    with pytest.raises(bf.errors.CorruptObject, match="the file has changed"):
        large.query("select sum(sharpe) from results")
    assert read_compacted(large.store, large.chunk_index.listing()) is None


@pytest.mark.parametrize("change", ["rows", "listing", "gone"])
def test_an_index_that_is_altered_or_missing_counts_for_nothing(large: bf.Run, change: str) -> None:
    index, listing = Path(large.url, INDEX), large.chunk_index.listing()
    assert open_partitions(large.store, "other chunks") is None
    if change == "gone":
        index.unlink()
    else:
        index.write_bytes(index.read_bytes().replace(b'"rows": 3', b'"rows": 2'))
    if change == "listing":
        shutil.rmtree(Path(large.url, "results"))
    assert open_partitions(large.store, listing) is None
    assert large.query("select count(*) as n from results")["n"].tolist() == [4], "made again"
    assert open_partitions(large.store, listing) is not None


def test_a_run_of_millions_is_not_read_with_all_columns(
    whole: bf.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MAX_TABLE_TASKS", 3)
    with pytest.raises(bf.errors.UserError, match="has 4 tasks, too many to read with all columns"):
        whole.results()
    assert list(whole.results(["task", "sharpe"])) == ["task", "sharpe"]
    with pytest.raises(bf.errors.UserError, match="the files with its results are missing"):
        whole.query("select count(*) from results")
