"""`CsvFile`: the columns of a CSV file as text."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from backfleet.errors import DataError
from backfleet.sources.checks import HAS_TEXT, check_text
from backfleet.sources.table import Table, whole

__all__ = ["CsvFile", "row_lines"]

MISSING = ["", "NA", "N/A", "NaN", "nan", "NULL", "null", "None"]
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class CsvFile:
    """A CSV file of which the first line has been read.

    Attributes
    ----------
    origin
        The file's name or URL, for messages.
    names
        Its columns.
    body
        What follows the first line.
    delimiter
        The character between the columns.
    """

    origin: str
    names: Sequence[str]
    body: memoryview
    delimiter: str
    _content: bytes = field(repr=False)

    @classmethod
    def open(cls, origin: str, content: bytes, delimiter: str) -> CsvFile:
        """Raises DataError where the content is empty, or no UTF-8 text."""
        # Before anything is split: an archive or a page of HTML would give strange names of
        # columns.
        check_text(origin, content)
        # Blank lines above the names are no rows. Both calls return the same object if nothing is
        # removed.
        encoded = content.removeprefix(BOM).lstrip(b"\r\n")
        first = encoded[: _line_end(encoded)]
        try:
            names = _names(first, delimiter)
        except csv.Error as error:
            raise DataError(f"{origin}: row 1: these are not names of columns: {error}") from None
        # A view: large files are in memory once.
        body = memoryview(encoded)[len(first) :]
        return cls(origin, names, body, delimiter, content)

    def read(self, columns: Sequence[str]) -> Table:
        """Some of the columns, as text without space around it; null where a value is missing.

        Raises
        ------
        DataError
            There are no rows, or one has too many or too few values.
        """
        if not HAS_TEXT.search(self.body):
            raise DataError(f"{self.origin}: no rows below the names of the columns")
        # By position, since a name that nobody wants may be there twice.
        positions = [str(self.names.index(name)) for name in columns]
        wrong: list[Any] = []
        try:
            read = self._columns(dict.fromkeys(positions, pa.string()), wrong)
        except pa.ArrowInvalid as error:
            raise self._refusal(wrong, error) from None
        arrays = [pc.utf8_trim_whitespace(whole(column)) for column in read.columns]
        return Table(self.origin, dict(zip(columns, arrays, strict=True)), self._row_number)

    def read_numbers(self, times: Mapping[str, Any], numbers: Sequence[str]) -> Table | None:
        """Columns of times with their types and others as numbers, much faster than as text.

        None if a value is of another kind: only `read` can say which. The table cannot show the
        text of a value, and does not take the space from around a text.
        """
        all_kinds = {name: pa.float64() for name in numbers} | dict(times)
        kinds = {str(self.names.index(name)): kind for name, kind in all_kinds.items()}
        try:
            read = self._columns(kinds, [])
        except pa.ArrowInvalid:
            return None
        # A list whose elements can be released one by one; the table itself would keep them all.
        columns = read.columns
        del read
        # The pieces of a column go before those of the next are joined.
        for at in range(len(columns)):
            columns[at] = whole(columns[at])
        named = dict(zip(all_kinds, columns, strict=True))
        return Table(self.origin, named, int)

    def pieces(self, kinds: Mapping[str, Any]) -> Iterator[Table]:
        """Yield columns with their types, some rows after the other. Raises pa.ArrowInvalid if a
        value is of another kind."""
        positions = {str(self.names.index(name)): kind for name, kind in kinds.items()}
        read, convert = _options(len(self.names), tuple(positions.items()))
        # Otherwise pyarrow would cut quoted values at their line ends.
        parse = pacsv.ParseOptions(delimiter=self.delimiter, newlines_in_values=True)
        reader = pacsv.open_csv(pa.BufferReader(self.body), read, parse, convert)
        while True:
            try:
                batch = reader.read_next_batch()
            except StopIteration:
                return
            yield Table(self.origin, dict(zip(kinds, batch.columns, strict=True)), int)

    def _columns(self, kinds: Mapping[str, Any], wrong: list[Any]) -> Any:
        """Columns by their positions; notes a row with another count of values in `wrong`."""

        def note(row: Any) -> str:
            # pyarrow's error message has no number of the row; this handler gets it.
            wrong.append(row)
            return "error"

        read, convert = _options(len(self.names), tuple(kinds.items()))
        parse = pacsv.ParseOptions(
            delimiter=self.delimiter, invalid_row_handler=note, newlines_in_values=True
        )
        return pacsv.read_csv(pa.BufferReader(self.body), read, parse, convert)

    def _row_number(self, row: int) -> int:
        # Only when a row is refused. From the whole content, since people count the first line and
        # blank ones, too.
        lines = row_lines(self._content.decode("utf-8-sig"), self.delimiter)
        # Element 0 is the row of the names.
        return lines[min(row + 1, len(lines) - 1)]

    def _refusal(self, wrong: Sequence[Any], error: Exception) -> DataError:
        if not wrong or wrong[0].number is None:
            return DataError(f"{self.origin}: {error}")
        actual, expected = wrong[0].actual_columns, wrong[0].expected_columns
        row = self._row_number(wrong[0].number - 1)
        values = "1 value" if actual == 1 else f"{actual} values"
        return DataError(f"{self.origin}: row {row}: {values} for {expected} columns")


@lru_cache
def _options(count: int, kinds: tuple[tuple[str, Any], ...]) -> tuple[Any, Any]:
    """Return pyarrow's options for columns of these types, by their positions among `count`."""
    # Names are positions: a file can have one name twice, or none at all.
    everything = [str(position) for position in range(count)]
    convert = pacsv.ConvertOptions(
        column_types=dict(kinds),
        include_columns=[position for position, _ in kinds],
        strings_can_be_null=True,
        null_values=MISSING,
    )
    return pacsv.ReadOptions(column_names=everything, use_threads=False), convert


# Most files of a source have the same columns.
@lru_cache(maxsize=64)
def _names(line: bytes, delimiter: str) -> Sequence[str]:
    names = next(csv.reader([line.decode()], delimiter=delimiter))
    return tuple(name.strip() for name in names)


def _line_end(content: bytes) -> int:
    end = re.search(rb"[\r\n]", content)
    return end.start() if end else len(content)


def row_lines(text: str, delimiter: str) -> Sequence[int]:
    """The line at which each row begins, the names' row first; blank lines are no rows."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    lines: list[int] = []
    before = 0
    try:
        for cells in reader:
            if cells:
                lines.append(before + 1)
            # The line on which the row ended: one that holds quoted line ends has several.
            before = reader.line_num
    except csv.Error:
        # A quote that is never closed: this is the row that has it.
        lines.append(before + 1)
    return lines
