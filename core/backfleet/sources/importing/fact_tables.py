"""Tables of facts as vendors have them: recognized by their columns, and read row by row."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from backfleet.errors import DataError
from backfleet.sources.fact_table import FactRow
from backfleet.sources.importing.containers import find_files, open_parts
from backfleet.sources.importing.numbers import MISSING
from backfleet.sources.importing.parts import Part, TextSettings

__all__ = ["ST_BARS", "VendorRow", "read_vendor_tables"]

ST_BARS = "query_history_k_data_plus"
"""Daily bars of baostock, of which only the days matter on which special treatment changes."""

COLUMNS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "tushare": {
        "stock_basic": ("ts_code", "list_date"),
        "namechange": ("ts_code", "name", "start_date"),
        "new_share": ("ts_code", "price", "issue_date"),
        "index_weight": ("index_code", "con_code", "trade_date"),
        "dividend": ("ts_code", "div_proc", "ex_date", "cash_div_tax"),
    },
    "baostock": {
        "query_stock_basic": ("code", "ipoDate"),
        "query_dividend_data": ("code", "dividOperateDate", "dividCashPsBeforeTax"),
        ST_BARS: ("date", "code", "isST"),
    },
}
"""The tables of each vendor, and the columns by which they are recognized."""

DAY = re.compile(r"(\d{4})(\d\d)(\d\d)(\.0)?")
"""A day as tushare writes it; pandas adds the `.0` if other days of the column are missing."""


@dataclass(frozen=True)
class VendorRow(FactRow):
    """A row of a vendor's table."""

    def day(self, column: str) -> date | None:
        text = self.text(column)
        if text is None or (digits := DAY.fullmatch(text)) is None:
            return super().day(column)
        try:
            return date(*map(int, digits.groups()[:3]))
        except ValueError:
            raise self.refusal(f"{column} = {text!r} is no date") from None


def read_vendor_tables(root: Path) -> tuple[str, dict[str, list[VendorRow]]]:
    """Return the vendor of the tables in a file or folder, and the rows of each by its name.

    Raises DataError for a file that is no such table, and for tables of two vendors.
    """
    tables: dict[str, dict[str, list[VendorRow]]] = {}
    origins: dict[str, str] = {}
    for file in find_files(root):
        path = file.relative_to(root).as_posix() if root.is_dir() else file.name
        for part in open_parts(file, path, TextSettings()):
            vendor, name = _kind(part)
            origins.setdefault(vendor, str(file))
            # Daily bars are millions of rows, of which only the changes are kept.
            rows = _st_changes(_rows(part)) if name == ST_BARS else _rows(part)
            tables.setdefault(vendor, {}).setdefault(name, []).extend(rows)
    if len(tables) > 1:
        (first, one), (second, other) = list(origins.items())[:2]
        raise DataError(
            f"{one} is of {first} and {other} of {second}, which name symbols differently. Import "
            "the tables of one vendor"
        )
    ((vendor, by_name),) = tables.items()
    return vendor, by_name


def _kind(part: Part) -> tuple[str, str]:
    """Return the vendor and the name of a table. Raises DataError if it is none."""
    names = {name.strip() for name in part.sample().names}
    for vendor, tables in COLUMNS.items():
        for name, columns in tables.items():
            if names.issuperset(columns):
                return vendor, name
    known = [
        f"{vendor} {name} ({', '.join(columns)})"
        for vendor, tables in COLUMNS.items()
        for name, columns in tables.items()
    ]
    raise DataError(
        f"{part.file}: its columns are those of no known table of facts. Move it elsewhere; the "
        f"tables and their columns are {'; '.join(known)}"
    )


def _rows(part: Part) -> Iterator[VendorRow]:
    for frame in part.frames():
        names = [name.strip() for name in frame.names]
        columns = [[_text(value) for value in column.to_pylist()] for column in frame.columns]
        for place, cells in enumerate(zip(*columns, strict=True)):
            yield VendorRow(frame.origin, frame.first_row + place, _values(names, cells))


def _st_changes(rows: Iterable[VendorRow]) -> Iterator[VendorRow]:
    """Yield the first row of each symbol of a file, and those in which `isST` changes."""
    before: dict[str, tuple[date, bool]] = {}
    for row in rows:
        row.need("date")
        symbol, day, is_st = row.need("code"), row.day("date"), row.flag("isST")
        assert day is not None
        # The first row of a symbol counts as a change, so that its state is known from then on.
        last, was_st = before.get(symbol, (date.min, not is_st))
        if day <= last:
            raise row.refusal(
                f"date = '{day}' comes after '{last}' of {symbol}; sort the rows, oldest first"
            )
        before[symbol] = day, is_st
        if is_st != was_st:
            yield row


def _values(names: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    return dict(zip(names, cells, strict=True))


def _text(value: object) -> str:
    text = "" if value is None else str(value).strip()
    return "" if text in MISSING else text
