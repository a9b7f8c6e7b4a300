"""Sorting and filtering rows with DuckDB, which reads the expression and executes no Python."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

import pyarrow as pa

from backfleet.errors import UserError

__all__ = ["query_rows", "select_columns"]

_UNKNOWN = re.compile(r'Referenced column "(.+?)" not found')
_CLASS = re.compile(r"^[A-Z][A-Za-z ]* Error: ")
_FORM = "write an SQL condition over the columns, such as 'period > 10 and sharpe >= 0.5'"


def query_rows(
    table: pa.Table, *, where: str | None = None, sort: str | None = None, ascending: bool = False
) -> pa.Table:
    """The rows for which the SQL expression `where` holds, ordered by the column `sort`.

    Rows without a value come last. Raises UserError for an expression that DuckDB refuses, that
    wants anything but these rows, and for an unknown column.
    """
    if sort is not None and sort not in table.column_names:
        raise UserError(f"--sort: {_unknown(sort, table.column_names)}")
    if where is None and sort is None:
        return table
    return _select(table, where, sort, "ASC" if ascending else "DESC")


def select_columns(table: pa.Table, names: Sequence[str]) -> pa.Table:
    """These columns in this order. Raises UserError for an unknown one."""
    for name in names:
        if name not in table.column_names:
            raise UserError(f"--columns: {_unknown(name, table.column_names)}")
    return table.select(list(names))


def _select(table: pa.Table, where: str | None, sort: str | None, order: str) -> pa.Table:
    import duckdb

    # Without external access an expression reaches no file, no network and no Python variable.
    connection = duckdb.connect(config={"enable_external_access": "false"})
    try:
        relation = connection.from_arrow(table)
        if where is not None:
            relation = relation.filter(where)
        if sort is not None:
            quoted = sort.replace('"', '""')
            relation = relation.order(f'"{quoted}" {order} NULLS LAST, task')
        return relation.to_arrow_table()
    except (duckdb.Error, RuntimeError) as error:
        raise UserError(f"--where {where!r}: {_reason(str(error), table.column_names)}") from error
    finally:
        connection.close()


def _reason(message: str, columns: Sequence[str]) -> str:
    unknown = _UNKNOWN.search(message)
    if unknown:
        return _unknown(unknown[1], columns)
    return f"{_CLASS.sub('', message.split(chr(10), 1)[0])}; {_FORM}"


def _unknown(name: str, columns: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, columns, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(columns)}"
    return f"there is no column {name!r}; {hint}"
