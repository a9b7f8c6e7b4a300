"""Sorting and filtering rows with DuckDB, which reads the expression and executes no Python."""

from __future__ import annotations

import difflib

import pyarrow as pa

from backfleet.errors import UserError

__all__ = ["query_rows"]


def query_rows(
    table: pa.Table, *, where: str | None = None, sort: str | None = None, ascending: bool = False
) -> pa.Table:
    """The rows for which the SQL expression `where` holds, ordered by the column `sort`.

    Rows without a value come last. Raises UserError for an expression that DuckDB refuses and for
    an unknown column.
    """
    if sort is not None and sort not in table.column_names:
        near = difflib.get_close_matches(sort, table.column_names, n=1)
        hint = (
            f"; did you mean {near[0]!r}?"
            if near
            else f"; there are {', '.join(table.column_names)}"
        )
        raise UserError(f"--sort: there is no column {sort!r}{hint}")
    if where is None and sort is None:
        return table
    return _select(table, where, sort, "ASC" if ascending else "DESC")


def _select(table: pa.Table, where: str | None, sort: str | None, order: str) -> pa.Table:
    import duckdb

    connection = duckdb.connect(config={"enable_external_access": "false"})
    try:
        relation = connection.from_arrow(table)
        if where is not None:
            relation = relation.filter(where)
        if sort is not None:
            quoted = sort.replace('"', '""')
            relation = relation.order(f'"{quoted}" {order} NULLS LAST, task')
        return relation.to_arrow_table()
    except duckdb.Error as error:
        reason = str(error).split("\n", 1)[0]
        raise UserError(f"--where {where!r}: {reason}") from error
    finally:
        connection.close()
