"""The file with all rows is written a part at a time, whatever columns they have."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

import backfleet as bf
from backfleet.results import assemble as assembling
from backfleet.results.assemble import assemble
from backfleet.results.compact import RESULTS, compact, is_current, read_compacted, read_sorted
from backfleet.results.query import query_rows
from backfleet.results.sort import SortOrder
from sample_job import job_of
from stored_rows import table_of

STRATEGY = '''
"""Leaves a scalar at some of its points only."""

import numpy as np

import backfleet as bf


class Sometimes(bf.VectorStrategy):
    """Sometimes says more."""

    point: int = 0

    def targets(self, bars):
        if self.point == 2:
            self.metrics["late"] = 1
        if self.point:
            self.metrics["mixed"] = "text" if self.point == 3 else 7
        return np.ones(len(bars))
'''


@pytest.fixture
def in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rows of a run are in memory at a time."""
    monkeypatch.setattr(assembling, "ROWS_A_GROUP", 2)


@pytest.mark.usefixtures("in_parts")
def test_parts_make_up_the_table_of_all_rows(copied: Path) -> None:
    (copied / RESULTS).unlink()
    run = bf.open_run(copied)
    compact(run.store, run.chunk_index)

    assert pq.ParquetFile(copied / RESULTS).num_row_groups == 2
    assert is_current(run.store, run.chunk_index.listing())
    assert read_compacted(run.store, run.chunk_index.listing()) == assemble(run.chunk_index)


@pytest.mark.usefixtures("in_parts")
def test_columns_that_only_a_later_chunk_has_are_there_from_the_first_row_on(
    tmp_path: Path,
) -> None:
    (tmp_path / "sometimes.py").write_text(STRATEGY)
    strategy = f"{tmp_path}/sometimes.py:Sometimes"
    run = bf.run(job_of(tmp_path / "runs", strategy=strategy, params={"point": [0, 1, 2, 3]}))
    table = read_compacted(run.store, run.chunk_index.listing())

    assert table is not None
    assert table["late"].to_pylist() == [None, None, 1.0, None] * 2
    assert table["mixed"].to_pylist() == [None, "7.0", "7.0", "text"] * 2
    assert table == assemble(run.chunk_index)


def test_some_columns_can_be_read_alone(copied: Path) -> None:
    run = bf.open_run(copied)
    table = read_compacted(run.store, run.chunk_index.listing(), ["task", "sharpe"])

    assert table is not None
    assert table == assemble(run.chunk_index).select(["task", "sharpe"])


def test_a_damaged_file_is_not_current(copied: Path) -> None:
    run = bf.open_run(copied)
    listing = run.chunk_index.listing()
    assert is_current(run.store, listing)
    column = pq.read_metadata(copied / RESULTS).row_group(0).column(0)
    content = bytearray((copied / RESULTS).read_bytes())
    content[column.data_page_offset + column.total_compressed_size // 2] ^= 1
    (copied / RESULTS).write_bytes(content)

    assert not is_current(run.store, listing)
    assert not is_current(run.store, "other chunks")


@pytest.mark.parametrize("ascending", [True, False])
@pytest.mark.parametrize("column", ["sharpe", "symbol", "task", "error"])
def test_rows_can_be_read_in_an_order(
    whole: bf.Run, column: str, ascending: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backfleet.results.compact.SORTED_ROWS", 3)
    listing = whole.chunk_index.listing()
    rows = assemble(whole.chunk_index)
    ordered = query_rows(rows, sort=column, ascending=ascending)

    order = SortOrder(column, ascending)
    assert table_of(read_sorted(whole.store, listing, order)) == ordered
    for limit in (0, 2, 3):
        assert table_of(read_sorted(whole.store, listing, order, limit)) == ordered[:limit]
    some = read_sorted(whole.store, listing, order, 2, ["sharpe", "task"])
    assert table_of(some) == ordered[:2].select(["sharpe", "task"])
    assert read_sorted(whole.store, "other chunks", SortOrder(column), None) is None
