"""Importing facts: from the tables of a vendor to a folder of backfleet's tables."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from backfleet.console import count_of
from backfleet.errors import DataError
from backfleet.facts import INDEX
from backfleet.sources.facts import ACTIONS, INSTRUMENTS, SPANS
from backfleet.sources.importing.choices import ImportChoices
from backfleet.sources.importing.fact_tables import read_vendor_tables
from backfleet.sources.importing.fact_vendors import FactTables, Row, convert_facts
from backfleet.sources.importing.notes import Notes
from backfleet.sources.importing.run import ImportOutcome
from backfleet.sources.importing.target import (
    ImportRecord,
    Inputs,
    known_import,
    open_target,
    write_record,
)

__all__ = ["import_facts"]

CODE = re.compile(r"(?:(?:sh|sz|bj)\.)?(\d{6})(?:\.(?:SH|SZ|BJ))?")


def import_facts(root: Path, target: Path, *, digits: bool) -> ImportOutcome:
    """Import the tables of facts in a file or folder.

    Parameters
    ----------
    digits
        Whether symbols become their six digits, `600519` instead of `600519.SH`.

    Raises
    ------
    DataError
        A table cannot be understood or contradicts itself, or the folder cannot be written.
        Nothing was changed.
    """
    # The choices of bars have no meaning here; the text keeps the two kinds of import apart.
    inputs = replace(Inputs.of(root, ImportChoices()), options=f"facts {digits}")
    known = known_import(target, inputs)
    if known is not None:
        return ImportOutcome(known, unchanged=True)
    notes = Notes()
    vendor, tables = read_vendor_tables(root)
    facts = convert_facts(vendor, tables, notes)
    if not facts.instruments:
        table = "stock_basic" if vendor == "tushare" else "query_stock_basic"
        raise DataError(
            f"{root}: the table {table} of {vendor} is missing, which has the symbols. Download it"
        )
    symbols = _symbols(facts.instruments, digits)
    with open_target(target) as folder:
        outputs = _write(folder, _with_digits(facts) if digits else facts, symbols)
        record = ImportRecord(
            inputs.fingerprint(),
            inputs.contents(),
            outputs=outputs,
            symbols={symbol: name for name, symbol in symbols.items()},
            facts=(*_sizes(vendor, facts), *notes.facts),
        )
        write_record(folder, record)
    return ImportOutcome(record, unchanged=False)


def _symbols(names: Iterable[str], digits: bool) -> dict[str, str]:
    """Return the symbol of each name of the vendor. Raises DataError if two would be the same."""
    if not digits:
        return {name: name for name in names}
    symbols = {}
    for name in names:
        match = CODE.fullmatch(name)
        if match is None:
            raise DataError(f"{name!r} has no six digits. Import without --digits")
        symbols[name] = match[1]
    ((symbol, count),) = Counter(symbols.values()).most_common(1)
    if count > 1:
        same = " and ".join(name for name, plain in symbols.items() if plain == symbol)
        raise DataError(f"{same} have the same digits. Import without --digits")
    return symbols


def _with_digits(facts: FactTables) -> FactTables:
    """Return facts whose indices are named by their digits, as their symbols will be."""
    members = None if facts.members is None else [_plain_index(row) for row in facts.members]
    return replace(facts, members=members)


def _plain_index(row: Row) -> Row:
    match = CODE.fullmatch(row["what"].removeprefix(INDEX))
    return row if match is None else {**row, "what": INDEX + match[1]}


def _write(folder: Path, facts: FactTables, symbols: dict[str, str]) -> dict[str, int]:
    instruments = [{"symbol": name, **row} for name, row in sorted(facts.instruments.items())]
    has_spans = facts.spans is not None or facts.members is not None
    tables: dict[str, tuple[Sequence[str], Sequence[Row] | None]] = {
        "instruments": (INSTRUMENTS, instruments),
        "spans": (SPANS, [*(facts.spans or ()), *(facts.members or ())] if has_spans else None),
        "actions": (ACTIONS, facts.actions),
    }
    outputs = {}
    for name, (columns, rows) in tables.items():
        if rows is None:
            continue
        renamed = [{**row, "symbol": symbols[row["symbol"]]} for row in rows]
        content = _csv((*columns, "source"), renamed)
        (folder / f"{name}.csv").write_bytes(content)
        outputs[f"{name}.csv"] = len(content)
    return outputs


def _csv(columns: Sequence[str], rows: Iterable[Row]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _sizes(vendor: str, facts: FactTables) -> list[str]:
    no_names = {
        "tushare": "the table namechange is missing",
        "baostock": "the daily bars with the column isST are missing",
    }
    names = {
        "tushare": "ST and delisting periods, from the names",
        "baostock": "ST, from the bars",
    }
    spans, actions = facts.spans, facts.actions
    return [
        f"{vendor}: {count_of(len(facts.instruments), 'symbol')}",
        f"no history of ST shares: {no_names[vendor]}"
        if spans is None
        else f"{count_of(len(spans), 'span')} of {names[vendor]}",
        "no corporate actions: the table of dividends is missing"
        if actions is None
        else f"{count_of(len(actions), 'corporate action')}; the table has no rights",
        "a day of delisting is the first one without trading",
    ]
