"""Sorting, filtering and querying rows with DuckDB, which reads the SQL and executes no Python."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from backfleet.errors import UserError

__all__ = ["query_rows", "query_tables", "select_columns"]

_UNKNOWN = re.compile(r'Referenced column "(.+?)" not found')
_UNKNOWN_TABLE = re.compile(r"Table with name (.+?) does not exist")
_NEAR = re.compile(r'Candidate bindings: "(.+?)"')
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


def query_tables(sql: str, tables: Mapping[str, Callable[[], pa.Table]]) -> pa.Table:
    """What one SELECT statement comes to.

    Parameters
    ----------
    tables
        Name to what makes the table; only those that the statement names are made.

    Raises
    ------
    UserError
        Where DuckDB refuses the statement, or it wants anything but these tables.
    """
    import duckdb

    connection = _locked_connection()
    try:
        _check_statement(connection.extract_statements(sql))
        waiting = dict(tables)
        while (name := _missing_table(connection, sql)) in waiting:
            connection.register(name, waiting.pop(name)())
        return connection.sql(sql).to_arrow_table()
    except (duckdb.Error, RuntimeError) as error:
        raise UserError(f"--sql: {_why(str(error), list(tables))}") from error
    finally:
        connection.close()


def select_columns(table: pa.Table, names: Sequence[str]) -> pa.Table:
    """These columns in this order. Raises UserError for an unknown one."""
    for name in names:
        if name not in table.column_names:
            raise UserError(f"--columns: {_unknown(name, table.column_names)}")
    return table.select(list(names))


def _select(table: pa.Table, where: str | None, sort: str | None, order: str) -> pa.Table:
    import duckdb

    connection = _locked_connection()
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


def _locked_connection() -> Any:
    """A database in memory of which SQL reaches no file, no network and no Python variable."""
    import duckdb

    return duckdb.connect(
        config={
            "enable_external_access": "false",
            "python_enable_replacements": "false",
            "lock_configuration": "true",
        }
    )


def _missing_table(connection: Any, sql: str) -> str | None:
    """The first table that a statement names and that is not there; None where all are."""
    import duckdb

    try:
        connection.sql(sql)
    except duckdb.CatalogException as error:
        found = _UNKNOWN_TABLE.search(str(error))
        return found[1].lower() if found else None
    return None


def _check_statement(statements: Sequence[Any]) -> None:
    import duckdb

    kinds = [statement.type for statement in statements]
    if kinds != [duckdb.StatementType.SELECT]:
        what = f"{len(kinds)} statements" if len(kinds) != 1 else f"a statement of {kinds[0].name}"
        raise UserError(f"--sql: it must be one SELECT; this is {what}")


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
    return f"{_CLASS.sub('', message.split(chr(10), 1)[0])}; {_FORM}"


def _unknown(name: str, columns: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, columns, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(columns)}"
    return f"there is no column {name!r}; {hint}"
