"""DuckDB databases in memory whose SQL reaches nothing but the tables it is given."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Sequence
from typing import Any

import duckdb
import pyarrow as pa

__all__ = ["UNKNOWN_TABLE", "NotOneSelect", "filter_and_sort", "open_session", "select"]

UNKNOWN_TABLE = re.compile(r"Table with name (.+?) does not exist")

MAX_THREADS = 4
"""Each thread takes a share of the memory limit."""


class NotOneSelect(Exception):
    """The SQL is not exactly one SELECT statement."""


def open_session(memory: int | None = None) -> Any:
    """Return a connection whose SQL reaches no file, network, extension, setting or Python object.

    `memory` bounds what DuckDB accounts for, in bytes. Without it, the SQL must be our own.
    """
    config: dict[str, Any] = {
        # No files, no network, no ATTACH, no COPY.
        "enable_external_access": "false",
        # Otherwise an unknown table name is looked for among the Python variables of our frames.
        "python_enable_replacements": "false",
        # Secrets in the user's home folder would be loaded.
        "allow_persistent_secrets": "false",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        # No statement can change these settings.
        "lock_configuration": "true",
        # A query that exceeds its memory fails instead of filling the disk.
        "temp_directory": "",
    }
    if memory is not None:
        threads = min(MAX_THREADS, os.cpu_count() or 1)
        config |= {"memory_limit": f"{memory}B", "threads": str(threads)}
    return duckdb.connect(config=config)


def select(connection: Any, sql: str, names: Collection[str], load: Callable[[str], Any]) -> Any:
    """Return the relation of one SELECT statement; only the tables that it names are loaded.

    Raises NotOneSelect, duckdb.Error.
    """
    # Parsed before anything runs: `sql` would execute the first of two statements.
    _check_statement(connection.extract_statements(sql))
    unloaded = set(names)
    # DuckDB names only the first table that is missing.
    while (name := _missing_table(connection, sql)) in unloaded:
        # A name that is unknown or registered already ends the loop, and `sql` below raises its
        # error.
        unloaded.remove(name)
        connection.register(name, load(name))
    # Binds the names of the statement; nothing is computed until its rows are read.
    return connection.sql(sql)


def filter_and_sort(connection: Any, table: pa.Table, where: str | None, order: str | None) -> Any:
    """Return the relation of the rows for which `where` holds, in the order of an SQL clause."""
    relation = connection.from_arrow(table)
    if where is not None:
        relation = relation.filter(where)
    return relation if order is None else relation.order(order)


def _missing_table(connection: Any, sql: str) -> str | None:
    """Return the first table that a statement names and that is not registered, if any."""
    try:
        connection.sql(sql)
    except duckdb.CatalogException as error:
        unknown = UNKNOWN_TABLE.search(str(error))
        # SQL does not distinguish case, and our names are in lower case. None stands for other
        # missing things, such as functions.
        return unknown[1].lower() if unknown else None
    return None


def _check_statement(statements: Sequence[Any]) -> None:
    kinds = [statement.type for statement in statements]
    if kinds != [duckdb.StatementType.SELECT]:
        what = f"{len(kinds)} statements" if len(kinds) != 1 else f"a statement of {kinds[0].name}"
        raise NotOneSelect(f"it must be one SELECT; this is {what}")
