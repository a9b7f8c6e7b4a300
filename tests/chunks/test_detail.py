"""Details of tasks as tables, and the merging of a retried chunk's with those before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.types as types
from hypothesis import given
from hypothesis import strategies as st

from backfleet.chunks.detail import DETAILS, detail_tables, merge_details
from backfleet.chunks.parquet import parquet_bytes, read_parquet
from backfleet.engine import EQUITY, FILL, ORDER, TRADE

if TYPE_CHECKING:
    from tests.chunks.conftest import MakeResult

RECORDS = {"equity": EQUITY, "orders": ORDER, "fills": FILL, "trades": TRADE}


def stored(tables: dict[str, pa.Table]) -> dict[str, pa.Table]:
    """The tables as they come back from the store."""
    return {name: read_parquet(parquet_bytes(table)) for name, table in tables.items()}


def plain(tables: dict[str, pa.Table]) -> dict[str, list[dict[str, object]]]:
    """Tables as what can be compared: NaN, which equals nothing, as text."""
    return {
        name: [
            {key: "nan" if value != value else value for key, value in row.items()}
            for row in table.to_pylist()
        ]
        for name, table in tables.items()
    }


def test_a_table_has_a_column_for_every_field_of_its_records(result: MakeResult) -> None:
    for tables in (detail_tables([result(4, outcome=2)]), detail_tables([])):
        for name, table in tables.items():
            assert table.column_names == ["task", *(RECORDS[name].names or ())]


def test_words_times_and_what_has_not_happened(result: MakeResult) -> None:
    orders = stored(detail_tables([result(4, outcome=2)]))["orders"]
    (done, open_) = orders.to_pylist()

    assert types.is_timestamp(orders.schema.field("closed").type)
    assert (done["kind"], done["status"], done["reason"]) == ("market", "completed", "none")
    assert (open_["kind"], open_["status"]) == ("stop_limit", "accepted")
    assert open_["closed"] is None
    assert np.isnan(done["limit"])
    assert open_["limit"] == 2.5


@given(
    st.lists(st.none() | st.integers(0, 3), min_size=1, max_size=6),
    st.sets(st.integers(0, 5)),
)
def test_a_merge_is_what_one_go_would_have_given(
    result: MakeResult, bars: list[int | None], redone: set[int]
) -> None:
    """`bars` of None: the task came to nothing. Tasks done again had failed, or had other bars."""
    whole = [result(task, outcome=count) for task, count in enumerate(bars)]
    redone &= set(range(len(bars)))
    before = [each if each.task not in redone else result(each.task) for each in whole]
    again = [whole[task] for task in sorted(redone)]
    merged = merge_details(stored(detail_tables(before)), detail_tables(again), redone)

    assert plain(stored(merged)) == plain(stored(detail_tables(whole)))
    assert list(merged) == list(DETAILS)
