"""A table of facts: CSV or Parquet, read row by row as text."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from backfleet.console import count_of
from backfleet.errors import DataError
from backfleet.sources.locations import DataLocation

__all__ = ["FactRow", "read_fact_rows", "table_files"]

FLAGS = {"true": True, "1": True, "false": False, "0": False, "": False}
SUFFIXES = (".csv", ".parquet")
SOURCE = "source"
"""A column of every table that says for people where a row comes from."""


@dataclass(frozen=True)
class FactRow:
    """A row of a table.

    Attributes
    ----------
    origin
        The file.
    number
        As an editor counts: the header of a CSV file is row 1. Parquet has no header.
    values
        The text of each column, empty if there is no value.
    """

    origin: str
    number: int
    values: Mapping[str, str]

    def text(self, column: str) -> str | None:
        """Return the text of a column; None if it is empty or not there."""
        return self.values.get(column, "").strip() or None

    def need(self, column: str) -> str:
        """Return the text of a column that every row has. Raises DataError."""
        text = self.text(column)
        if text is None:
            raise self.refusal(f"there is no value in the column {column!r}; fill it in")
        return text

    def day(self, column: str) -> date | None:
        """Return a date; None if there is none. Raises DataError."""
        text = self.text(column)
        if text is None:
            return None
        try:
            return date.fromisoformat(text)
        except ValueError:
            problem = f"{column} = {text!r} is not a date; write it as 2024-01-31"
            raise self.refusal(problem) from None

    def number_of(self, column: str) -> float | None:
        """Return a number that is not negative; None if there is none. Raises DataError."""
        text = self.text(column)
        if text is None:
            return None
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        # NaN fails both comparisons, so that `nan` in a cell is refused, too.
        if not 0 <= value < math.inf:
            raise self.refusal(f"{column} = {text!r} must be a number that is not negative")
        return value

    def flag(self, column: str) -> bool:
        """Return true or false, and false if there is no value. Raises DataError."""
        text = self.text(column) or ""
        if text.lower() not in FLAGS:
            raise self.refusal(f"{column} = {text!r} must be true or false")
        return FLAGS[text.lower()]

    def refusal(self, reason: str) -> DataError:
        """Return an error about this row."""
        return DataError(f"{self.origin}: row {self.number}: {reason}")


def table_files(name: str, there: Sequence[str]) -> list[str]:
    """Return which of the files in a folder hold a table."""
    return [name + suffix for suffix in SUFFIXES if name + suffix in there]


def read_fact_rows(
    location: DataLocation,
    folder: str,
    name: str,
    columns: Sequence[str],
    only: Collection[str] | None = None,
) -> list[FactRow] | None:
    """Return the rows of a table; None if the folder has no such table.

    Parameters
    ----------
    only
        Leave out rows whose first of `columns` has another value.

    Raises
    ------
    DataError
        The table is there as CSV and as Parquet, cannot be read, or has other columns; the first of
        `columns` must be there.
    """
    files = table_files(name, location.names())
    if not files:
        return None
    if len(files) > 1:
        raise DataError(f"{folder}: there are {files[0]} and {files[1]}; remove one of them")
    origin = f"{folder.rstrip('/')}/{files[0]}"
    content = location.read(files[0])
    is_csv = files[0].endswith(".csv")
    header, rows = _of_csv(origin, content) if is_csv else _of_parquet(origin, content)
    _check_header(origin, header, columns)
    table, key = [], header.index(columns[0])
    for number, row in enumerate(rows, 2 if is_csv else 1):
        # The csv module returns an empty list for a blank line, which is no row but has a number.
        if len(row) not in (0, len(header)):
            raise DataError(
                f"{origin}: row {number}: it has {count_of(len(row), 'value')} and not "
                f"{len(header)}; put quotes around values with commas"
            )
        if row and (only is None or row[key].strip() in only):
            table.append(FactRow(origin, number, dict(zip(header, row, strict=True))))
    return table


def _check_header(origin: str, header: Sequence[str], columns: Sequence[str]) -> None:
    allowed = (*columns, SOURCE)
    for name in header:
        if name not in allowed:
            raise DataError(
                f"{origin}: row 1: unknown column {name!r}; rename or remove it. The columns are "
                f"{', '.join(allowed)}"
            )
        if header.count(name) > 1:
            raise DataError(f"{origin}: row 1: two columns are called {name!r}; remove one")
    if columns[0] not in header:
        raise DataError(f"{origin}: row 1: there is no column {columns[0]!r}; add it")


def _of_csv(origin: str, content: bytes) -> tuple[list[str], Iterable[list[str]]]:
    try:
        # `newline=""` leaves line ends to the csv module. utf-8-sig drops the mark that
        # spreadsheets write.
        rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True))
    except UnicodeDecodeError as error:
        raise DataError(f"{origin}: byte {error.start} is not UTF-8; save it as UTF-8") from None
    except csv.Error as error:
        raise DataError(f"{origin}: this is not CSV: {error}") from None
    return (rows[0] if rows else []), rows[1:]


def _of_parquet(origin: str, content: bytes) -> tuple[list[str], Iterable[list[str]]]:
    """Return the columns and the rows, which are read once the columns have been checked."""
    # Facts in CSV files need no pyarrow.
    from backfleet.sources.parquet_file import open_parquet, read_table

    file = open_parquet(origin, content)
    names = list(file.file.schema_arrow.names)

    # A generator: an unknown column is refused before any value is decoded.
    def rows() -> Iterator[list[str]]:
        columns = read_table(origin, file, names).columns.values()
        for row in zip(*(column.to_pylist() for column in columns), strict=True):
            yield [_text(value) for value in row]

    return names, rows()


def _text(value: Any) -> str:
    # Only NaN and NaT differ from themselves.
    if value is None or value != value:
        return ""
    return value.date().isoformat() if isinstance(value, datetime) else str(value)
