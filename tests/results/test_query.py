"""Sorting and filtering rows."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backfleet.errors import UserError
from backfleet.results.query import query_rows, select_columns

NUMBERS = st.lists(st.none() | st.integers(-5, 5), max_size=30)


def table_of(values: list[int | None]) -> pa.Table:
    column = pa.array(values, pa.int64())
    return pa.table({"task": pa.array(range(len(values)), pa.int64()), "a b": column})


@settings(max_examples=50)
@given(values=NUMBERS, ascending=st.booleans())
def test_sorting_agrees_with_python(values: list[int | None], ascending: bool) -> None:
    """Nulls last, equal ones in the order of the tasks, a name with a space in it."""
    rows = query_rows(table_of(values), sort="a b", ascending=ascending)
    some = [(value, task) for task, value in enumerate(values) if value is not None]
    order = sorted(some, key=lambda pair: (pair[0] if ascending else -pair[0], pair[1]))
    nulls = [task for task, value in enumerate(values) if value is None]
    assert rows["task"].to_pylist() == [task for _, task in order] + nulls


@settings(max_examples=5, deadline=None)  # Each example starts a process.
@given(values=NUMBERS, low=st.integers(-5, 5))
def test_filtering_agrees_with_python(values: list[int | None], low: int) -> None:
    rows = query_rows(table_of(values), where=f'"a b" > {low} or "a b" is null')
    kept = [task for task, value in enumerate(values) if value is None or value > low]
    assert sorted(rows["task"].to_pylist()) == kept


def test_the_types_of_columns_survive() -> None:
    table = pa.table({"task": [0], "symbol": ["000001"], "x": [0.1], "n": pa.nulls(1, pa.int64())})
    assert query_rows(table, where="task = 0", sort="x").schema.types == table.schema.types


def test_an_unknown_column_comes_with_the_nearest() -> None:
    with pytest.raises(UserError, match="--sort: there is no column 'tusk'; did you mean 'task'"):
        query_rows(table_of([1]), sort="tusk")
    with pytest.raises(UserError, match=r"'tusk > 1'.*there is no column 'tusk'; did you mean"):
        query_rows(table_of([1]), where="tusk > 1")
    with pytest.raises(UserError, match="--columns: there is no column 'zzz'; there are task, a b"):
        select_columns(table_of([1]), ["zzz"])


def test_a_condition_that_fails_on_a_value_is_refused() -> None:
    table = pa.table({"task": [0], "symbol": ["AAPL"]})
    with pytest.raises(UserError, match=r"--where 'symbol'.*AAPL.*SQL condition"):
        query_rows(table, where="symbol")
