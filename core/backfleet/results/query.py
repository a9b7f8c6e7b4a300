"""Sorting, filtering and querying rows with DuckDB.

SQL of a user runs in a process of its own (`sql_process.py`), with limits; SQL that backfleet
itself has written runs in this one (`join_tables`).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from backfleet.errors import UserError
from backfleet.results.python_values import with_unique_names
from backfleet.results.sort import SortOrder, sorted_indices
from backfleet.results.sql_limits import SqlLimits

if TYPE_CHECKING:
    from backfleet.results.partitions import Partitions

__all__ = ["check_columns", "join_tables", "query_rows", "query_tables", "select_columns"]

# DuckDB gives names and suggestions only in the text of its messages.
_UNKNOWN = re.compile(r'Referenced column "(.+?)" not found')
_UNKNOWN_TABLE = re.compile(r"Table with name (.+?) does not exist")
_NEAR = re.compile(r'Candidate bindings: "(.+?)"')
# Messages begin with a class such as "Binder Error: ", which tells a user nothing.
_CLASS = re.compile(r"^[A-Z][A-Za-z ]* Error: ")
_FORM = "write an SQL condition over the columns, such as 'period > 10 and sharpe >= 0.5'"
# The messages of `SqlError` about limits. Advice on the form of a condition would not help there.
_LIMIT = re.compile(r"the (query|result) .*the (timeout|memory limit)")


def query_rows(
    table: pa.Table,
    *,
    where: str | None = None,
    sort: str | None = None,
    ascending: bool = False,
    limits: SqlLimits | None = None,
) -> pa.Table:
    """Return the rows for which the SQL expression `where` holds, ordered by the column `sort`.

    Rows without a value come last. Raises UserError for an unknown column, and for an expression
    that DuckDB rejects, that refers to anything but these rows, or that exceeds the limits.
    """
    if sort is not None:
        check_columns("--sort", [sort], table.column_names)
    if where is not None:
        # The child process sorts what it has filtered.
        order = None if sort is None else _order(sort, ascending)
        return _filter(table, where, order, limits or SqlLimits())
    if sort is None:
        return table
    # Without SQL of the user, neither DuckDB nor a process is needed.
    return table.take(sorted_indices(table, SortOrder(sort, ascending)))


def check_columns(option: str, names: Sequence[str], columns: Sequence[str]) -> None:
    """Raise UserError if an option names a column that does not exist."""
    for name in names:
        if name not in columns:
            raise UserError(f"{option}: {_unknown(name, columns)}")


def query_tables(
    sql: str,
    tables: Mapping[str, Callable[[], pa.Table | Partitions]],
    limits: SqlLimits | None = None,
) -> pa.Table:
    """Return the result of one SELECT statement of a user.

    Parameters
    ----------
    tables
        Name to a function that makes the table, or opens its files; only those that the statement
        names are made.

    Raises
    ------
    UserError
        If DuckDB rejects the statement, or it wants anything but these tables, or exceeds the
        limits.
    """
    from backfleet.results.sql_process import SqlError, select_in_process

    try:
        return with_unique_names(select_in_process(sql, tables, limits or SqlLimits()))
    except SqlError as error:
        raise UserError(f"--sql: {_why(str(error), list(tables))}") from error


def join_tables(sql: str, tables: Mapping[str, pa.Table]) -> pa.Table:
    """Return the result of a SELECT that backfleet itself has written."""
    from backfleet.results.duckdb_session import open_session, select

    # No child process and no limits: no part of this SQL comes from a user, and the tables fit.
    connection = open_session()
    try:
        return select(connection, sql, tables, tables.__getitem__).to_arrow_table()
    finally:
        connection.close()


def select_columns(table: pa.Table, names: Sequence[str]) -> pa.Table:
    """Return some columns in the given order. Raises UserError for an unknown one."""
    check_columns("--columns", names, table.column_names)
    return table.select(list(names))


def _filter(table: pa.Table, where: str, order: str | None, limits: SqlLimits) -> pa.Table:
    from backfleet.results.sql_process import SqlError, filter_in_process

    try:
        return filter_in_process(table, where, order, limits)
    except SqlError as error:
        raise UserError(f"--where {where!r}: {_reason(str(error), table.column_names)}") from error


def _order(column: str, ascending: bool) -> str:
    quoted = column.replace('"', '""')
    # The same order as `sorted_indices`: nulls last, and ties in the order of the tasks.
    return f'"{quoted}" {"ASC" if ascending else "DESC"} NULLS LAST, task'


def _why(message: str, tables: Sequence[str]) -> str:
    unknown = _UNKNOWN_TABLE.search(message)
    if unknown:
        return f"there is no table {unknown[1]!r}; there are {', '.join(tables)}"
    near = _NEAR.search(message)
    hint = f"; did you mean {near[1]}?" if near else ""
    return f"{_CLASS.sub('', message.strip().split(chr(10), 1)[0])}{hint}"


def _reason(message: str, columns: Sequence[str]) -> str:
    unknown = _UNKNOWN.search(message)
    if unknown:
        return _unknown(unknown[1], columns)
    if _LIMIT.match(message):
        return message
    return f"{_CLASS.sub('', message.split(chr(10), 1)[0])}; {_FORM}"


def _unknown(name: str, columns: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, columns, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(columns)}"
    return f"there is no column {name!r}; {hint}"
