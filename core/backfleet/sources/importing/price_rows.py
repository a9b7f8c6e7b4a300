"""Rows without trades, and rows whose prices or volumes cannot be those of a bar."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from backfleet.bars import Prices
from backfleet.sources.checks import is_positive, outside_range
from backfleet.sources.importing.names import PRICES
from backfleet.sources.importing.notes import Notes
from backfleet.sources.importing.symbol_table import SymbolTable

__all__ = ["SKIP", "check_prices", "find_traded", "without_bad_rows"]

MAX_BAD = 0.5
SKIP = ". Correct the file, or leave out bad rows with --on-bad-row skip"
"""The end of the refusal of a row."""
MAX_OUTSIDE_SHARE = 0.2
"""Share of rows with an open or close outside low and high from which on prices are mixed."""
Flags = NDArray[np.bool_]


def find_traded(table: SymbolTable, notes: Notes) -> tuple[SymbolTable, Flags]:
    """Return which rows are those of trading, and the others with the last close as prices."""
    numbers = dict(table.rows.numbers)
    traded = np.ones(len(table.rows), dtype=np.bool_)
    if "tradable" in numbers:
        # NaN is not 1: a row that does not say so is not traded.
        traded = numbers["tradable"] == 1
    if "suspended" in numbers:
        traded &= ~(numbers["suspended"] == 1)
    prices = np.vstack([numbers[role] for role in PRICES])
    # A day without trades often has zeros for prices, and the last close or a zero as its close.
    volume = numbers.get("volume", np.full(len(traded), np.nan))
    quiet = (prices[3] > 0) | ((prices[3] == 0) & ~(volume > 0))
    # Row 3 is the close, and rows 0 to 2 are open, high and low.
    idle = traded & quiet & np.all(prices[:3] == 0, axis=0)
    # Others leave the cells empty, beside the last close and a volume of zero.
    idle |= traded & (prices[3] > 0) & (volume == 0) & np.all(np.isnan(prices[:3]), axis=0)
    if idle.any():
        what = "have zeros for their prices, or none: not traded"
        notes.count(what, int(idle.sum()), table.where(int(np.argmax(idle))))
        traded &= ~idle
    if traded.all():
        return table, traded
    known = np.where(prices[3] > 0, np.arange(len(traded)), -1)
    last = np.maximum.accumulate(known)
    # Rows before the first price have nothing to show.
    keep = last >= 0
    close = prices[3][np.maximum(last, 0)]
    for role in PRICES:
        numbers[role] = np.where(traded, numbers[role], close)
    if "volume" in numbers:
        numbers["volume"] = np.where(traded, numbers["volume"], 0.0)
    what = "fall on suspensions, when the symbol is not traded"
    notes.count(what, int((~traded).sum()), table.where(int(np.argmin(traded))))
    table = replace(table, rows=replace(table.rows, numbers=numbers))
    return table.take(keep), traded[keep]


def without_bad_rows(table: SymbolTable, traded: Flags, notes: Notes) -> tuple[SymbolTable, Flags]:
    """Return a table without the rows whose prices or volumes are refused.

    Raises
    ------
    DataError
        More than half of all rows are such: the file is misread.
    """
    numbers = table.rows.numbers
    bad = numbers["high"] < numbers["low"]
    for role in PRICES:
        bad = bad | ~is_positive(numbers[role])
    if "volume" in numbers:
        bad = bad | (numbers["volume"] < 0) | np.isinf(numbers["volume"])
    # Rows without trades have the last close for their prices, and are kept.
    bad &= traded
    if not bad.any():
        return table, traded
    count, first = int(bad.sum()), int(np.argmax(bad))
    if count > MAX_BAD * len(bad):
        raise table.refusal(
            first,
            f"{count:,} of {len(bad):,} rows are bad, which is more than may be left out: "
            "the columns may be named wrongly. Name them with --column ROLE=NAME",
        )
    notes.count("with bad prices or volumes are left out", count, table.where(first))
    return table.take(~bad), traded[~bad]


def check_prices(table: SymbolTable, traded: Flags) -> None:
    """Raise DataError for the first traded row with an impossible price, or for mixed prices."""
    numbers = table.rows.numbers
    for role in PRICES:
        bad = traded & ~is_positive(numbers[role])
        if bad.any():
            row = int(np.argmax(bad))
            value = numbers[role][row]
            hint = ""
            if value < 0:
                hint = (
                    "; negative prices come from additive forward adjustment (qfq, 前复权): export "
                    "the data unadjusted, or backward adjusted (hfq)"
                )
            shown = "empty" if np.isnan(value) else f"{value:g}, not a positive number"
            count = int(bad.sum())
            more = f" ({count} such rows)" if count > 1 else ""
            raise table.refusal(row, f"{role} is {shown}{more}{hint or SKIP}")
    high, low = numbers["high"], numbers["low"]
    crossed = traded & (high < low)
    if crossed.any():
        row = int(np.argmax(crossed))
        raise table.refusal(row, f"high {high[row]:g} is below low {low[row]:g}{SKIP}")
    _check_outside(table, traded)


def _check_outside(table: SymbolTable, traded: Flags) -> None:
    prices = Prices(*(table.rows.numbers[role] for role in PRICES))
    outside = outside_range(prices) & traded
    share = float(outside.sum()) / max(int(traded.sum()), 1)
    # One or two rows of a short file are no sign of a mixture.
    if share >= MAX_OUTSIDE_SHARE and outside.sum() > 2:
        raise table.refusal(
            int(np.argmax(outside)),
            f"the open or close lies outside low..high, as in {share:.0%} of the rows: adjusted "
            "and raw prices are mixed, or the columns are named wrongly. Name them with --column "
            "ROLE=NAME, or export the data again",
        )
