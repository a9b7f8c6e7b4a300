"""The stored sums of a chunk: small, equal however a chunk was computed, and checked when read."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from backfleet.chunks.detail import detail_bytes, merge_details, read_details, stored_tables
from backfleet.chunks.parquet import read_parquet
from backfleet.chunks.schemas import SCHEMAS
from backfleet.chunks.sums import segment_table, sums_hash, sums_table
from backfleet.chunks.table_names import SUMS
from backfleet.chunks.task_result import TaskResult, TaskStatus
from backfleet.errors import CorruptObject
from backfleet.metrics.kernel import sessions_of
from backfleet.metrics.segments import segments_of
from backfleet.metrics.sums import sum_returns
from backfleet.store import put_blob
from backfleet.summary import TaskSums
from made_results import MemoryStore, sums_of

if TYPE_CHECKING:
    from chunks.conftest import MakeResult

SESSIONS = 2_520


def stored(table: pa.Table) -> pa.Table:
    return read_parquet(detail_bytes(SUMS, table), SCHEMAS[SUMS].label)


def with_column(table: pa.Table, name: str, values: list[Any]) -> pa.Table:
    column = table.schema.get_field_index(name)
    field = table.schema.field(column)
    return table.set_column(column, field, pa.array(values, field.type))


def test_sums_of_ten_years_take_at_most_700_bytes_per_task(result: MakeResult) -> None:
    days = np.busday_offset("2010-02-15", np.arange(SESSIONS), roll="forward")
    segments = segments_of(sessions_of(days)[1, 1:])
    draw = np.random.default_rng(1)
    results: list[TaskResult] = []
    for task in range(100):
        sums = sum_returns(draw.normal(0.0, 0.02, SESSIONS - 1), segments.borders)
        numbers = [*sums.segments.totals, *sums.segments.squares]
        values = np.array([*numbers, sums.cubes, sums.fourths, sums.lagged])
        results.append(result(task, sums=TaskSums(segments, values)))
    assert len(detail_bytes(SUMS, sums_table(results))) <= 700 * len(results)


def test_merged_sums_are_those_of_all_tasks_at_once(result: MakeResult) -> None:
    late = result(2, status=TaskStatus.ERROR, error="TaskTimeout: late", metrics=None)
    whole = sums_table([result(task) for task in range(5)])
    first = stored(sums_table([result(0), late, result(4)]))
    second = stored(sums_table([result(1), result(2), result(3), result(4)]))
    merged = merge_details(SUMS, [(first, [0, 4]), (second, [1, 2, 3])])
    assert detail_bytes(SUMS, merged) == detail_bytes(SUMS, whole)
    assert sums_hash(merged) == sums_hash(whole) == sums_hash(stored(whole))


def test_the_hash_of_sums_sees_every_bit(result: MakeResult) -> None:
    table = sums_table([result(0), result(1)])
    hashes = {sums_hash(table), sums_hash(sums_table([result(0)])), sums_hash(sums_table([]))}
    for name in ("counts", "values"):
        first, second = table[name].to_pylist()
        for values in ([first, second[:-1] + b"!"], [first + second[:1], second[1:]]):
            hashes.add(sums_hash(with_column(table, name, values)))
    for name, values in (("task", [0, 2]), ("months", [1, 3]), ("start", [date.min, date.max])):
        hashes.add(sums_hash(with_column(table, name, values)))
    assert len(hashes) == 10


def test_the_hash_of_a_slice_is_that_of_its_rows(result: MakeResult) -> None:
    whole = sums_table([result(task) for task in range(4)])
    assert sums_hash(whole.slice(1, 2)) == sums_hash(sums_table([result(1), result(2)]))


@pytest.mark.parametrize(
    "wrong",
    [{"months": 0}, {"counts": b"\1"}, {"counts": b""}, {"values": b""}, {"values": b"\0" * 64}],
)
def test_a_record_that_cannot_be_is_reported(wrong: dict[str, Any], result: MakeResult) -> None:
    table = sums_table([result(0)])
    for name, value in wrong.items():
        table = with_column(table, name, [value])
    store = MemoryStore()
    blobs = {SUMS: put_blob(store, detail_bytes(SUMS, table))}
    with pytest.raises(CorruptObject, match="a record of sums has segments"):
        read_details(store, blobs, SUMS)


def test_the_segments_of_a_task_are_shown_one_per_row(result: MakeResult) -> None:
    rows = segment_table(sums_table([result(1)])).to_pylist()
    values = sums_of(1).values.tolist()
    assert [str(row["start"]) for row in rows] == ["2020-01-01", "2020-02-01"]
    assert [row["count"] for row in rows] == [20, 21]
    assert [row["total"] for row in rows] == values[:2]
    assert [row["squares"] for row in rows] == values[2:4]
    assert {row["cubes"] for row in rows} == {values[4]}


def test_a_failed_task_has_no_sums(result: MakeResult) -> None:
    failed = result(0, status=TaskStatus.ERROR, error="ValueError: no", metrics=None)
    tables = stored_tables([failed], ())
    assert list(tables) == [SUMS]
    assert len(tables[SUMS]) == len(segment_table(tables[SUMS])) == 0
