"""Details of tasks as tables, and merging those of a chunk that is stored in parts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.types as types
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfleet.chunks.detail import detail_bytes, detail_tables, merge_details
from backfleet.chunks.parquet import read_parquet
from backfleet.chunks.schemas import SCHEMAS
from backfleet.chunks.table_names import ANALYZERS, DETAILS
from backfleet.chunks.task_result import TaskResult
from backfleet.engine import EQUITY, FILL, ORDER, AnalyzerValue
from backfleet.errors import CorruptObject
from backfleet.metrics.trade_details import DETAILED_TRADE

if TYPE_CHECKING:
    from chunks.conftest import MakeResult

RECORDS = {"equity": EQUITY, "orders": ORDER, "fills": FILL, "trades": DETAILED_TRADE}


def stored(tables: dict[str, pa.Table]) -> dict[str, pa.Table]:
    """The tables as they come back from the store."""
    return {
        name: read_parquet(detail_bytes(name, table), SCHEMAS[name].label)
        for name, table in tables.items()
    }


def test_a_table_has_a_column_for_every_field_of_its_records(result: MakeResult) -> None:
    for tables in (detail_tables([result(4, outcome=2)]), detail_tables([])):
        for name, table in tables.items():
            fields = ["type" if field == "kind" else field for field in RECORDS[name].names or ()]
            assert table.column_names == ["task", *fields]
            assert table.schema == SCHEMAS[name].arrow


def test_words_times_and_what_has_not_happened(result: MakeResult) -> None:
    orders = stored(detail_tables([result(4, outcome=2)]))["orders"]
    (done, open_) = orders.to_pylist()

    assert types.is_timestamp(orders.schema.field("closed").type)
    assert (done["type"], done["status"], done["reason"]) == ("market", "completed", "none")
    assert (open_["type"], open_["status"]) == ("stop_limit", "accepted")
    assert open_["closed"] is None
    assert np.isnan(done["limit"])
    assert open_["limit"] == 2.5


@pytest.mark.parametrize("column", ["task", "time", "value"])
def test_a_stored_table_that_lacks_values_is_damaged(result: MakeResult, column: str) -> None:
    equity = detail_tables([result(4, outcome=2)])["equity"]
    position = equity.column_names.index(column)
    nulls = pa.nulls(len(equity), equity.schema.field(column).type)
    with pytest.raises(CorruptObject, match=f"its column '{column}' lacks values"):
        SCHEMAS["equity"].check(equity.set_column(position, column, nulls))


@given(
    st.lists(st.none() | st.integers(0, 3), min_size=1, max_size=6),
    st.sets(st.integers(0, 5)),
)
def test_a_merge_is_what_one_go_would_have_given(
    result: MakeResult, bars: list[int | None], redone: set[int]
) -> None:
    """`bars` of None: the task came to nothing. Tasks done again had failed, or had other bars."""
    whole = [_with_analyzers(result(task, outcome=count)) for task, count in enumerate(bars)]
    redone &= set(range(len(bars)))
    before = [part if part.task not in redone else result(part.task) for part in whole]
    again = [whole[task] for task in sorted(redone)]
    names = (*DETAILS, ANALYZERS)
    old, new = stored(detail_tables(before, names)), stored(detail_tables(again, names))
    kept = [task for task in range(len(bars)) if task not in redone]
    for name, table in detail_tables(whole, names).items():
        merged = merge_details(name, [(old[name], kept), (new[name], sorted(redone))])
        assert detail_bytes(name, merged) == detail_bytes(name, table)


def _with_analyzers(result: TaskResult) -> TaskResult:
    """Give a result tables of analyzers, as many as its number, some with a time and some with a
    text."""
    if result.outcome is None:
        return result
    values = tuple(
        AnalyzerValue("a", str(n), None if n % 2 else n, n, 0, n / 3, "x" if n % 3 else None)
        for n in range(result.task)
    )
    return replace(result, outcome=replace(result.outcome, analyzers=values))
