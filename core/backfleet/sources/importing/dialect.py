"""`Dialect`: encoding, delimiter, preamble and header of a text file, found from its beginning."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass

from backfleet.errors import DataError
from backfleet.sources.importing.dates import is_date
from backfleet.sources.importing.names import PRICES, normalize, roles_of
from backfleet.sources.importing.numbers import is_number

__all__ = ["Dialect", "find_dialect", "find_encoding"]

DELIMITERS = (";", "\t", ",", "|")
MAX_LINES = 300
"""Lines that are looked at."""

OTHER_SUFFIXES = (
    *(".parquet", ".pq", ".feather", ".arrow", ".ipc", ".json", ".jsonl", ".xlsx", ".xls"),
    *(".duckdb", ".ddb", ".db", ".sqlite", ".sqlite3"),
)
"""Ends of the names of files that are no tables of text."""

MAX_PREAMBLE = 20
MIN_RUN = 5
"""Lines with one count of cells that are taken for the table's."""

_WORDS = {
    "gb18030": re.compile("日期|时间|开盘|收盘|最高|最低|成交|代码|股票|复权|日线"),
    "cp932": re.compile("日付|始値|高値|安値|終値|出来高"),
    "euc_kr": re.compile("날짜|일자|시가|고가|저가|종가|거래량"),
    "cp1251": re.compile("Дата|Цена|Откр|Макс|Мин"),
    "cp1254": re.compile("Şimdi|Açılış|Yüksek|Düşük"),
    "cp1252": re.compile("Eröffn|Clôture|Último|Máxim|Mínim"),
}
"""Words of a header or a title that text in another encoding does not give."""


@dataclass(frozen=True)
class Dialect:
    """The form of a text file.

    Attributes
    ----------
    skip
        Lines before the first row of data.
    header
        The cells of the lines that name the columns; several for a table of many symbols.
    preamble
        The lines above the header.
    width
        Cells of each row of data.
    """

    encoding: str
    delimiter: str
    skip: int
    header: tuple[tuple[str, ...], ...]
    preamble: tuple[str, ...]
    width: int


def find_encoding(origin: str, head: bytes, complete: bool) -> str:
    """Return the encoding of a text that begins with these bytes. Raises DataError."""
    # The mark at the beginning, which `utf-16` reads and removes.
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    # Latin text in UTF-16 has a zero in every second byte.
    even, odd = head[0:400:2], head[1:400:2]
    if odd.count(0) > len(odd) * 0.6 and not even.count(0):
        return "utf-16-le"
    if even.count(0) > len(even) * 0.6 and not odd.count(0):
        return "utf-16-be"
    if b"\0" in head[:4096]:
        raise DataError(f"{origin}: this is a binary file of an unknown kind, not a table of bars")
    try:
        head.decode("utf-8")
        return "utf-8"
    except UnicodeDecodeError as error:
        # The head can end within a character.
        if not complete and error.start >= len(head) - 4:
            return "utf-8"
    # Nearly all bytes are valid in most of these encodings. Only words that bars have prove one.
    for encoding, words in _WORDS.items():
        text = _decoded(head, encoding, complete)
        if text is not None and words.search(text):
            return encoding
    raise DataError(
        f"{origin}: the encoding is not UTF-8, UTF-16 or GB18030; name it with --encoding, such as "
        "cp1252, cp1254 or cp932"
    )


def _decoded(content: bytes, encoding: str, complete: bool) -> str | None:
    for shorter in range(1 if complete else 4):
        try:
            return content[: len(content) - shorter].decode(encoding)
        except UnicodeDecodeError:
            continue
    return None


def find_dialect(
    origin: str, text: str, encoding: str, delimiter: str | None, complete: bool
) -> Dialect:
    """Return the form of a text file from its first lines.

    Raises
    ------
    DataError
        The lines are no table.
    """
    lines = text.lstrip("\ufeff").splitlines()
    if not complete and len(lines) > 1:
        # The last line of a head may be cut.
        lines = lines[:-1]
    lines = lines[:MAX_LINES]
    if not any(map(str.strip, lines)):
        raise DataError(f"{origin}: no rows: the file is empty")
    best: tuple[int, int, str, list[list[str]]] | None = None
    # The delimiter that gives the most lines of one length in a row. Text above a table has commas,
    # too.
    for mark in (delimiter,) if delimiter else DELIMITERS:
        rows = _cells(lines, mark)
        run, width = _longest_run(rows)
        # On a tie the first mark wins: where both fit, the comma is the decimal comma.
        if width > 1 and (best is None or run > best[0]):
            best = (run, width, mark, rows)
    if best is None and origin.lower().endswith(OTHER_SUFFIXES):
        kind = origin.rpartition(".")[2]
        raise DataError(
            f"{origin}: this is no .{kind} file, as its name says, and no table of text; the first "
            f"line is {lines[0][:80]!r}"
        )
    if best is None:
        raise DataError(
            f"{origin}: no delimiter splits the lines into equal rows; the first line is "
            f"{lines[0][:80]!r}. Name one with --delimiter"
        )
    _, width, mark, rows = best
    # A known header decides. Otherwise the table begins where a run of equal rows does.
    begin = _named_prices(rows, width)
    begin = _begin(rows, width) if begin is None else begin
    header, skip = _header(rows, begin, width)
    preamble = tuple(line.strip() for line in lines[: skip - len(header)] if line.strip())
    return Dialect(encoding, mark, skip, tuple(map(tuple, header)), preamble, width)


def _cells(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    rows = []
    for line in lines:
        try:
            rows.append([cell.strip() for cell in next(csv.reader([line], delimiter=delimiter))])
        except (csv.Error, StopIteration):
            rows.append([])
    return rows


def _longest_run(rows: Sequence[Sequence[str]]) -> tuple[int, int]:
    """Return the length and the count of cells of the longest run of rows with one count."""
    best, run, width = (0, 0), 0, 0
    for row in rows:
        if not any(row):
            continue
        run = run + 1 if len(row) == width else 1
        width = len(row)
        if width > 1 and run > best[0]:
            best = (run, width)
    return best


def _named_prices(rows: Sequence[Sequence[str]], width: int) -> int | None:
    """Return the line that names the dates and all prices, below lines of other cells."""
    for place, row in enumerate(rows[:MAX_PREAMBLE]):
        if len(row) == width and {"date", *PRICES} <= set(roles_of(row)):
            return place
    return None


def _begin(rows: Sequence[Sequence[str]], width: int) -> int:
    """Return the first line of the table's run."""
    needed = min(MIN_RUN, _longest_run(rows)[0])
    run = 0
    for place, row in enumerate(rows):
        if not any(row):
            continue
        run = run + 1 if len(row) == width else 0
        if run == needed:
            return _back(rows, place, needed)
    return 0


def _back(rows: Sequence[Sequence[str]], place: int, count: int) -> int:
    while True:
        count -= bool(any(rows[place]))
        if not count:
            return place
        place -= 1


def _header(
    rows: Sequence[Sequence[str]], begin: int, width: int
) -> tuple[list[Sequence[str]], int]:
    """Return the header's rows and the number of lines above the data."""
    first = rows[begin]
    # yfinance: names, symbols, and a third line with the name of the index alone.
    if first[0] in ("Price", "Ticker") and begin + 2 < len(rows):
        count = 3 if not any(rows[begin + 2][1:]) else 2
        return list(rows[begin : begin + count]), begin + count
    if _names_columns(first):
        second = rows[begin + 1] if begin + 1 < len(rows) else []
        if len(second) == width and not second[0] and _symbols_below(second, width):
            third = rows[begin + 2] if begin + 2 < len(rows) else []
            more = bool(third) and bool(third[0]) and not any(third[1:])
            return list(rows[begin : begin + 2 + more]), begin + 2 + more
        return [first], begin + 1
    above = next((rows[i] for i in range(begin - 1, -1, -1) if any(rows[i])), None)
    if above and not any(above[width:]):
        # Spreadsheets add empty cells to the names.
        above = above[:width]
    # The header may have one name too few or too many: a trailing comma, or no name for the time.
    if above and len(above) == width and _names_columns(above):
        return [above], begin
    if above and abs(len(above) - width) == 1 and _names_columns(above):
        return [above], begin
    return [], begin


def _symbols_below(row: Sequence[str], width: int) -> bool:
    """Whether a second line repeats symbols below the names, as half-cleaned exports have it."""
    return width > 2 and not any(is_number(cell) for cell in row) and all(row[1:])


def _names_columns(row: Sequence[str]) -> bool:
    """Whether a line names columns: it has a known name, or no number and no date."""
    cells = [cell for cell in row if cell]
    # A row of data: a name of a column is never a date.
    if any(is_date(cell) for cell in cells[:3]):
        return False
    known = roles_of(cells)
    if ("date" in known or "time" in known) and normalize(cells[0]):
        return True
    return bool(cells) and not any(is_number(cell) for cell in cells)
