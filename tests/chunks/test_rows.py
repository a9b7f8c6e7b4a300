"""The rows of a chunk: their columns, and what their logical hash sees."""

from __future__ import annotations

import math
import struct
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfleet.chunks.column_names import DIGEST, METRICS, Kind, custom_column, parameter_column
from backfleet.chunks.formats import ROWS
from backfleet.chunks.parquet import read_parquet
from backfleet.chunks.rows import Column, Rows, RowTable, merge_rows, read_rows
from backfleet.chunks.task_result import TaskStatus
from backfleet.metrics import Metrics

if TYPE_CHECKING:
    from chunks.conftest import LayOut, MakeResult

FLOATS = st.floats() | st.sampled_from([0.0, -0.0, math.inf])
VALUES: dict[Kind, st.SearchStrategy[Any]] = {
    "bool": st.booleans(),
    "int": st.integers(-(2**63), 2**63 - 1),
    "float": FLOATS,
    "str": st.text(st.characters(codec="utf-8"), max_size=4),
}


@st.composite
def columns(draw: st.DrawFn) -> list[Column]:
    """Up to four columns of up to five values, some of them None."""
    size = draw(st.integers(1, 5))
    kinds = draw(st.lists(st.sampled_from(list(VALUES)), min_size=1, max_size=4))
    return [
        Column(
            f"c{at}", kind, draw(st.lists(st.none() | VALUES[kind], min_size=size, max_size=size))
        )
        for at, kind in enumerate(kinds)
    ]


def plain(rows: Rows) -> list[tuple[str, str, list[Any]]]:
    """Rows as what can be compared: floats by their bits, with one NaN."""
    return [
        (column.name, column.kind, [_bits(value) for value in column.values])
        for column in rows.columns
    ]


def _bits(value: object) -> object:
    if isinstance(value, float):
        return "nan" if math.isnan(value) else struct.pack("d", value)
    return value


def test_columns_stand_in_the_order_of_the_results(result: MakeResult, lay_out: LayOut) -> None:
    rows = lay_out([result(0, custom={"b": 1.0, "a": True}), result(1)])
    names = [column.name for column in rows.columns]

    assert names[:6] == ["task", "symbol", "period", "param_sharpe", "status", "error"]
    assert names[6:-7] == list(METRICS)
    assert names[-7:] == ["a", "b", "seconds", "engine", "fallback", "origin", DIGEST]


def test_names_give_way_to_the_fixed_columns() -> None:
    assert parameter_column("period") == "period"
    assert parameter_column("sharpe") == "param_sharpe"
    assert custom_column("hits", ["period"]) == "hits"
    assert custom_column("sharpe", ["period"]) == "metric_sharpe"
    assert custom_column("period", ["period"]) == "metric_period"
    assert parameter_column("Sharpe") == "param_Sharpe"
    assert custom_column("Trades", []) == "metric_Trades"
    assert custom_column("N", ["n"]) == "metric_N"
    assert custom_column(DIGEST, []) == f"metric_{DIGEST}"


def test_a_custom_column_is_text_as_soon_as_one_value_is(
    result: MakeResult, lay_out: LayOut
) -> None:
    given_values = [1, 2.5, True, "x", None]
    results = [result(task, custom={"a": value}) for task, value in enumerate(given_values)]
    of = {column.name: column for column in lay_out(results).columns}
    numbers = {column.name: column for column in lay_out(results[:3]).columns}

    assert (of["a"].kind, of["a"].values) == ("str", ["1.0", "2.5", "1.0", "x", None])
    assert (numbers["a"].kind, numbers["a"].values) == ("float", [1.0, 2.5, 1.0])


def test_a_custom_column_of_whole_numbers_keeps_all_digits(
    result: MakeResult, lay_out: LayOut
) -> None:
    of = {
        column.name: column
        for column in lay_out(
            [
                result(0, custom={"hash": 2**60 + 1, "days": 2.0, "huge": 2**63}),
                result(1, custom={"hash": None, "days": 3}),
            ]
        ).columns
    }

    assert (of["hash"].kind, of["hash"].values) == ("int", [2**60 + 1, None])
    assert (of["days"].kind, of["days"].values) == ("int", [2, 3])
    assert (of["huge"].kind, of["huge"].values) == ("float", [2.0**63, None])


def test_custom_names_that_differ_in_case_are_one_column(
    result: MakeResult, lay_out: LayOut
) -> None:
    rows = lay_out([result(0, custom={"hits": 0.5}), result(1, custom={"Hits": 1.5})])

    assert rows.values("Hits") == [0.5, 1.5]
    assert "hits" not in [column.name for column in rows.columns]


@given(columns())
def test_rows_come_back_from_parquet_as_they_were(given_columns: list[Column]) -> None:
    rows = Rows(given_columns)
    back = Rows.from_arrow(read_parquet(rows.to_bytes(), ROWS))

    assert plain(back) == plain(rows)
    assert back.logical_hash() == rows.logical_hash()


@given(columns(), columns())
def test_the_hash_is_equal_just_where_the_rows_are(
    first: list[Column], second: list[Column]
) -> None:
    one, other = Rows(first), Rows(second)

    assert (one.logical_hash() == other.logical_hash()) == (plain(one) == plain(other))


@given(columns(), st.data())
def test_a_single_value_changes_the_hash(given_columns: list[Column], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(given_columns) - 1))
    column = given_columns[at]
    row = data.draw(st.integers(0, len(column.values) - 1))
    changed = list(column.values)
    changed[row] = data.draw(st.none() | VALUES[column.kind])
    other = list(given_columns)
    other[at] = replace(column, values=changed)

    same = _bits(changed[row]) == _bits(column.values[row])
    assert (Rows(other).logical_hash() == Rows(given_columns).logical_hash()) == same


def test_seconds_engine_and_log_are_beside_the_point(result: MakeResult, lay_out: LayOut) -> None:
    rows = lay_out([result(0), result(1)])
    later = lay_out([result(0, seconds=9.0, log="it printed this"), result(1, engine="vector")])

    assert rows.logical_hash() == later.logical_hash()


@pytest.mark.parametrize(
    "differing",
    [
        {"digest": "1" * 32},
        {"metrics": Metrics._make(range(len(METRICS)))},
        {"custom": {"hits": 1.0}},
        {"status": TaskStatus.SUSPICIOUS},
        {"status": TaskStatus.ERROR, "error": "ValueError: no"},
    ],
)
def test_all_else_counts(result: MakeResult, lay_out: LayOut, differing: dict[str, Any]) -> None:
    rows, other = lay_out([result(1)]), lay_out([result(1, **differing)])

    assert rows.logical_hash() != other.logical_hash()


NUMBERS = st.integers(-9, 9) | st.sampled_from([2**60 + 1, 2**63, -(2**63)])
FINITE = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([-0.0, 2.0, 2.0**63])
SCALARS = st.none() | st.booleans() | NUMBERS | FINITE | st.sampled_from(["", "x"])
NAMES = st.lists(st.sampled_from(["a", "A", "b", "zone"]), unique_by=str.lower)
CUSTOM = NAMES.flatmap(lambda names: st.fixed_dictionaries(dict.fromkeys(names, SCALARS)))


@given(st.lists(CUSTOM, min_size=1, max_size=6), st.data())
def test_merged_rows_are_those_that_one_go_would_have_given(
    result: MakeResult, lay_out: LayOut, custom: list[dict[str, Any]], data: st.DataObject
) -> None:
    results = [result(task, custom=scalars) for task, scalars in enumerate(custom)]
    owners = data.draw(st.lists(st.integers(0, 2), min_size=len(results), max_size=len(results)))
    pieces = []
    for piece in dict.fromkeys(owners):
        mine = [made for made, owner in zip(results, owners, strict=True) if owner == piece]
        table = read_rows(lay_out(mine).to_bytes(), len(mine))
        pieces.append((table, [made.task for made in mine]))
    whole, table = lay_out(results), merge_rows(pieces)
    merged = Rows.from_arrow(table)

    assert plain(merged) == plain(whole)
    assert merged.logical_hash() == whole.logical_hash()
    assert RowTable(table).logical_hash() == whole.logical_hash()


def test_rows_that_two_pieces_hold_are_taken_from_the_one_they_are_asked_of(
    result: MakeResult, lay_out: LayOut
) -> None:
    first = lay_out([result(0), result(1, engine="first")]).to_arrow()
    second = lay_out([result(1, engine="second"), result(2)]).to_arrow()
    merged = merge_rows([(first, [0, 1]), (second, [2])])

    assert merged["task"].to_pylist() == [0, 1, 2]
    assert merged["engine"].to_pylist() == ["backtrader", "first", "backtrader"]
