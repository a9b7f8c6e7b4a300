"""Tables in files of other programs: Parquet, Feather, Excel, DuckDB and SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from backfleet.errors import DataError, install_command
from backfleet.sources.importing.frame import Frame
from backfleet.sources.importing.names import PRICES, roles_of

__all__ = [
    "array_of",
    "duckdb_tables",
    "feather",
    "frame_of_table",
    "parquet",
    "sqlite_tables",
    "workbook_sheets",
]

_PANDAS_INDEX = ("__index_level_0__", "index", "Unnamed: 0")


def frame_of_table(origin: str, table: Any, first_row: int = 1) -> Frame:
    """Return an arrow table as a frame; texts in dictionaries become plain texts."""
    columns = [_plain(column.combine_chunks()) for column in table.columns]
    names = tuple("" if name in _PANDAS_INDEX else name for name in table.column_names)
    return Frame(origin, names, tuple(columns), first_row)


def _plain(column: Any) -> Any:
    """Return a column as numbers, times or texts, which all later steps can read.

    Lists, pictures and the like become missing values: no role has them, and a column that nobody
    names must not keep a file from being read.
    """
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.dictionary_decode()
        kind = column.type
    is_span = pa.types.is_duration(kind) or pa.types.is_interval(kind)
    is_number = pa.types.is_primitive(kind) or pa.types.is_decimal(kind)
    if pa.types.is_string(kind) or (is_number and not is_span):
        return column
    try:
        return column.cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return pa.nulls(len(column), pa.string())


def parquet(file: Path) -> Frame:
    """Return a Parquet file. Raises DataError."""
    # Bounded: a small Parquet file can state columns of any size.
    from backfleet.bounded_parquet import OddColumn, TooLarge
    from backfleet.sources.parquet_file import open_parquet

    opened = open_parquet(str(file), file.read_bytes())
    try:
        table = opened.read(None)
    except (TooLarge, OddColumn) as error:
        raise DataError(f"{file}: this Parquet file is not read: {error}") from None
    except (ValueError, OSError, pa.ArrowException) as error:
        raise DataError(f"{file}: this Parquet file is damaged: {error}") from None
    return frame_of_table(str(file), table)


def feather(file: Path) -> Frame:
    """Return a Feather or Arrow file. Raises DataError."""
    from pyarrow import feather as reader

    try:
        table = reader.read_table(str(file))
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{file}: this Feather file is damaged: {error}") from None
    return frame_of_table(str(file), table)


def workbook_sheets(file: Path) -> Iterator[Callable[[], Frame]]:
    """Yield the first sheet of an Excel workbook that has rows. Raises DataError."""
    try:
        import openpyxl
    except ModuleNotFoundError:
        raise DataError(
            f"{file}: Excel workbooks need openpyxl, which is not installed. Run "
            f"{install_command('xlsx')}, or save the sheet as .csv"
        ) from None
    try:
        # `read_only` streams the cells, and `data_only` gives the results of formulas instead of
        # their text.
        book = openpyxl.load_workbook(file, read_only=True, data_only=True)
        sheets = [list(sheet.iter_rows(values_only=True)) for sheet in book.worksheets]
    except Exception as error:
        # openpyxl raises whatever its XML and zip readers raise.
        raise DataError(f"{file}: this workbook cannot be read: {error}") from None
    filled = [rows for rows in sheets if len(rows) > 1]
    if not filled:
        raise DataError(f"{file}: no rows: the workbook has no sheet with a table")
    yield partial(_sheet, file, filled[0])


def _sheet(file: Path, rows: list[tuple[Any, ...]]) -> Frame:
    # Titles above the table have one cell, and rows of data have numbers.
    start = next((i for i, row in enumerate(rows) if _is_header(row)), 0)
    width = max((i + 1 for i, cell in enumerate(rows[start]) if cell is not None), default=0)
    body = [row for row in rows[start + 1 :] if any(cell is not None for cell in row)]
    # A last line of text, such as the name of the vendor, is no row.
    while body and sum(cell is not None for cell in body[-1]) == 1:
        body.pop()
    names = tuple("" if cell is None else str(cell) for cell in rows[start][:width])
    columns = tuple(
        array_of([row[i] if i < len(row) else None for row in body]) for i in range(width)
    )
    return Frame(str(file), names, columns, start + 2)


def _is_header(row: tuple[Any, ...]) -> bool:
    cells = [cell for cell in row if cell is not None]
    return len(cells) > 1 and all(isinstance(cell, str) for cell in cells)


def array_of(values: Sequence[Any]) -> Any:
    """Return cells of Python's types as an arrow array; as texts if they have no type in common."""
    try:
        array = pa.array(values)
        if not pa.types.is_nested(array.type):
            return _plain(array)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        # OverflowError: a whole number beyond 64 bits, whose text can still be read as a float.
        pass
    texts = [None if value is None else str(value) for value in values]
    return pa.array(texts, pa.string())


def duckdb_tables(file: Path) -> Iterator[Callable[[], Frame]]:
    """Yield the tables with prices of a DuckDB database. Raises DataError."""
    import duckdb

    try:
        with duckdb.connect(str(file), read_only=True) as connection:
            listed = connection.execute(
                "select table_schema, table_name, column_name from information_schema.columns "
                "order by table_schema, table_name, ordinal_position"
            ).fetchall()
    except duckdb.Error as error:
        raise DataError(f"{file}: this DuckDB database cannot be read: {error}") from None
    tables: dict[str, list[str]] = {}
    for schema, name, column in listed:
        tables.setdefault(f"{_quoted(schema)}.{_quoted(name)}", []).append(column)
    yield partial(_duckdb_table, file, _only(file, tables))


def _duckdb_table(file: Path, name: str) -> Frame:
    import duckdb

    with (
        _reading(file, name, duckdb.Error),
        duckdb.connect(str(file), read_only=True) as connection,
    ):
        table = connection.sql(f"select * from {name}").to_arrow_table()
    return frame_of_table(f"{file} (table {name})", table)


def sqlite_tables(file: Path) -> Iterator[Callable[[], Frame]]:
    """Yield the table with prices of an SQLite database. Raises DataError."""
    try:
        with closing(_sqlite(file)) as connection:
            names = [row[0] for row in connection.execute(
                "select name from sqlite_master where type in ('table', 'view')"
            )]  # fmt: skip
            tables = {
                _quoted(name): [
                    row[1] for row in connection.execute(f"pragma table_info({_quoted(name)})")
                ]
                for name in names
            }
    except sqlite3.Error as error:
        raise DataError(f"{file}: this SQLite database cannot be read: {error}") from None
    name = _only(file, tables)
    yield partial(_sqlite_table, file, name, tables[name])


def _sqlite(file: Path) -> sqlite3.Connection:
    # By URI, because only that way opens read-only, and does not create a missing file.
    return sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)


def _sqlite_table(file: Path, name: str, names: list[str]) -> Frame:
    with _reading(file, name, sqlite3.Error), closing(_sqlite(file)) as connection:
        rows = connection.execute(f"select * from {name}").fetchall()
    columns = tuple(array_of([row[i] for row in rows]) for i in range(len(names)))
    return Frame(f"{file} (table {name})", tuple(names), columns)


@contextmanager
def _reading(file: Path, name: str, kind: type[Exception]) -> Iterator[None]:
    """Raise DataError if a table is damaged, though the list of tables is sound."""
    try:
        yield
    except kind as error:
        raise DataError(
            f"{file}: the table {name} cannot be read: {error}. Export it as CSV or Parquet"
        ) from None


def _quoted(name: str) -> str:
    # Names of tables cannot be bound as parameters.
    return '"' + name.replace('"', '""') + '"'


def _only(file: Path, tables: dict[str, list[str]]) -> str:
    with_prices = [
        name for name, columns in tables.items() if set(PRICES) <= set(roles_of(columns))
    ]
    if len(with_prices) != 1:
        seen = ", ".join(tables) or "none"
        raise DataError(
            f"{file}: {len(with_prices)} of its tables have open, high, low and close; it has "
            f"{seen}. Export the one to import as CSV or Parquet"
        )
    return with_prices[0]
