"""From the rows of a symbol to its bars: order, double rows, missing rows, prices, adjustment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from backfleet.bar_length import DAY_NS, local_midnights
from backfleet.bars import Bars, Prices
from backfleet.errors import DataError
from backfleet.sources.checks import is_positive
from backfleet.sources.importing.adjustment import MIN_STEP, FactorTable, factor_of, preclose_steps
from backfleet.sources.importing.clock import Placed, bar_length, is_irregular, place
from backfleet.sources.importing.names import PRICES
from backfleet.sources.importing.notes import Notes, counted_rows
from backfleet.sources.importing.price_rows import (
    SKIP,
    check_prices,
    find_traded,
    without_bad_rows,
)
from backfleet.sources.importing.recognition import FormReading
from backfleet.sources.importing.rows import Rows, join_rows
from backfleet.sources.importing.symbol_table import SymbolTable

__all__ = ["Assembled", "Supplements", "assemble"]

MAX_EX_DATE_SHARE = 0.1
"""Share of rows that can be ex-dates: if there are more, the previous close is of other prices."""

MIN_FLAT_BARS = 5
"""Flat bars without volume from which on they are reported."""

Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Supplements:
    """Facts about a symbol from other files.

    Attributes
    ----------
    factors
        Its factors, from a table of their own.
    suspended
        int64, days on which it did not trade.
    """

    factors: FactorTable | None = None
    suspended: NDArray[np.int64] | None = None


@dataclass(frozen=True, eq=False)
class Assembled:
    """The bars of a symbol, the length of one, and whether sessions are all that is known."""

    bars: Bars
    length: str
    daily: bool


def assemble(
    symbol: str,
    pieces: Sequence[Rows],
    reading: FormReading,
    supplements: Supplements,
    notes: Notes,
) -> Assembled:
    """Return the bars of a symbol from its rows, one piece per file.

    Raises
    ------
    DataError
        A row is refused; with the file, the row and the reason.
    """
    # Each file is put in order on its own: one may be newest first and the other not.
    oriented = (_without_empty(_oldest_first(piece, notes), notes) for piece in pieces)
    pieces = [piece for piece in oriented if len(piece)]
    if not pieces:
        raise DataError(f"{symbol}: no row has a price")
    # By their first rows, so that files that follow each other need no sorting of rows.
    pieces = sorted(pieces, key=lambda piece: int(piece.wall[0]))
    placed = place(pieces, reading.zone, reading.stamp, reading.layout.daily, notes)
    # The file of each row, for messages.
    origins = np.repeat(np.arange(len(pieces)), [len(piece) for piece in pieces])
    table = SymbolTable(
        symbol, join_rows(pieces), placed, origins, [piece.origin for piece in pieces]
    )
    # Order first, since double rows are found as neighbors.
    table = _sorted(table, notes)
    table = _distinct(table, notes)
    # After double rows have gone, which have no distance to each other.
    if is_irregular(table.placed):
        raise table.refusal(
            0,
            f"the times are irregular, such as {table.when(0)} and {table.when(1)}: these are "
            "ticks or snapshots, and no bars. Make bars of one length of them, and import those",
        )
    # Before rows are left out below, which would leave gaps.
    length = bar_length(table.placed)
    bars = _bars(table, reading, supplements, notes)
    return Assembled(bars, length, table.placed.daily)


def _oldest_first(piece: Rows, notes: Notes) -> Rows:
    if len(piece) > 1 and piece.wall[0] > piece.wall[-1]:
        steps = np.diff(piece.wall)
        # Most steps go back. A file in which few do is not newest first, but out of order.
        if np.mean(steps <= 0) > 0.5:
            notes.tell("newest first: sorted")
            return piece.take(np.arange(len(piece))[::-1])
    return piece


def _without_empty(piece: Rows, notes: Notes) -> Rows:
    prices = np.vstack([piece.numbers[role] for role in PRICES])
    # NaN is not above 0, so a missing volume counts as none.
    has_volume = piece.numbers.get("volume", np.zeros(len(piece))) > 0
    is_missing = np.isnan(prices)
    # A zero among empty cells is no price either.
    is_missing |= (prices == 0) & is_missing.any(axis=0) & ~has_volume
    empty = np.all(is_missing, axis=0)
    if not empty.any():
        return piece
    first = int(piece.row[int(np.argmax(empty))])
    traded = np.flatnonzero(empty & has_volume)
    if len(traded):
        counted = counted_rows(len(traded), "have a volume and no prices and are left out")
        where = f"the first is row {piece.row[traded[0]]}"
        notes.assume(f"{piece.origin}: {counted}; {where}. Accept it with --yes")
    what = "without prices are left out, each a missing row"
    notes.count(what, int(empty.sum()), f"row {first} of {piece.origin}")
    return piece.take(np.flatnonzero(~empty))


def _sorted(table: SymbolTable, notes: Notes) -> SymbolTable:
    key = table.placed.key
    if np.all(key[1:] >= key[:-1]):
        return table
    backward = np.flatnonzero(key[1:] < key[:-1])
    row = int(backward[0]) + 1
    if table.origin[row] == table.origin[row - 1]:
        note = (
            f"{table.origins[int(table.origin[row])]}: the rows are not in order, first in row "
            f"{table.rows.row[row]}: sorted"
        )
        # A file that begins again, here within the first tenth of the span, is often that of
        # several symbols, without a column for them.
        restarts = key[backward + 1] <= key[0] + (key[-1] - key[0]) // 10
        (notes.assume if restarts.any() else notes.tell)(note)
    # Stable, so that double rows stay in the order of the files, which messages name.
    return table.take(np.argsort(key, kind="stable"))


def _distinct(table: SymbolTable, notes: Notes) -> SymbolTable:
    key = table.placed.key
    double = np.flatnonzero(key[1:] == key[:-1]) + 1
    if not len(double):
        return table
    # All roles at once, of shape (roles, rows). Two missing values are equal here, unlike in numpy.
    values = np.vstack(list(table.rows.numbers.values()))
    same = np.all(
        (values[:, double] == values[:, double - 1])
        | (np.isnan(values[:, double]) & np.isnan(values[:, double - 1])),
        axis=0,
    )
    if not same.all():
        row = int(double[int(np.argmin(same))])
        before = f"row {table.rows.row[row - 1]}"
        if table.origin[row] != table.origin[row - 1]:
            before += f" of {table.origins[int(table.origin[row - 1])]}"
        raise table.refusal(
            row,
            f"{table.when(row)} occurs twice for {table.symbol}, a duplicate of {before} with "
            "other values. Remove one of them; if the rows are of several symbols, name their "
            "column with --column symbol=NAME",
        )
    what = "that occur twice with equal values are left out"
    notes.count(what, len(double), table.where(int(double[0])))
    keep = np.ones(len(key), dtype=np.bool_)
    keep[double] = False
    return table.take(keep)


def _bars(table: SymbolTable, reading: FormReading, supplements: Supplements, notes: Notes) -> Bars:
    # Before rows are judged: zeros on days without trades are no bad prices.
    table, traded = find_traded(table, notes)
    if reading.skip_rows:
        table, traded = without_bad_rows(table, traded, notes)
    check_prices(table, traded)
    rows = table.rows
    sessions = _sessions(table.placed)
    factor = _factor(table, reading, supplements, traded, sessions, notes)
    # The factor is of the adjusted prices that the file has; dividing by it gives the raw ones.
    prices = _prices(rows, factor if reading.adjust == "divided" else None)
    volume = _volume(table, traded, notes)
    if reading.adjust == "divided":
        volume = volume * factor
    _tell_flat(table, reading, notes)
    _tell_suspended(table, supplements, sessions, notes)
    return Bars(
        symbol=table.symbol,
        time=_times(table.placed),
        session=sessions.astype("M8[D]"),
        prices=prices,
        raw=prices,
        volume=volume,
        factor=factor,
        tradable=traded,
        timezone=table.placed.zone,
    )


def _prices(rows: Rows, divisor: NDArray[np.float64] | None) -> Prices:
    """Return raw prices."""
    # A copy, because `Prices` makes its arrays read-only, and the rows keep theirs.
    values = (rows.numbers[role] for role in PRICES)
    return Prices(*(column.copy() if divisor is None else column / divisor for column in values))


def _factor(
    table: SymbolTable,
    reading: FormReading,
    supplements: Supplements,
    traded: Flags,
    sessions: NDArray[np.int64],
    notes: Notes,
) -> NDArray[np.float64]:
    if supplements.factors is not None:
        notes.tell("adjustment: factors from the vendor's own table")
        factor = supplements.factors.at(sessions)
    else:
        notes.tell(reading.adjustment)
        factor = factor_of(reading.adjust, table.rows, traded)
        if "preclose" in table.rows.numbers:
            _check_preclose(table, reading, traded, notes)
    if not traded.all():
        # A suspension keeps the factor before it: that of the last row with one above 0, not NaN.
        last = np.maximum.accumulate(np.where(factor > 0, np.arange(len(factor)), 0))
        factor = np.where(traded | (factor > 0), factor, factor[last])
    bad = traded & ~is_positive(factor)
    if bad.any():
        row = int(np.argmax(bad))
        raise table.refusal(
            row,
            f"the adjustment factor is {factor[row]:g}, not a positive number. Choose another rule "
            "with --adjust",
        )
    return factor


def _check_preclose(table: SymbolTable, reading: FormReading, traded: Flags, notes: Notes) -> None:
    # A mask of the rows that look like ex-dates.
    steps = np.abs(preclose_steps(table.rows, traded) - 1) > MIN_STEP
    share = float(np.mean(steps))
    if reading.adjust == "preclose" and share > MAX_EX_DATE_SHARE:
        raise table.refusal(
            int(np.argmax(steps)),
            f"the previous close differs from the close before in {share:.0%} of the rows: the "
            "prices are adjusted, and it is not. State --adjust already-adjusted or --adjust none",
        )
    if reading.adjust == "none" and steps.any() and share <= MAX_EX_DATE_SHARE:
        what = "look like ex-dates in raw prices, for which --adjust preclose adjusts"
        notes.count(what, int(steps.sum()), table.where(int(np.argmax(steps))))


def _volume(table: SymbolTable, traded: Flags, notes: Notes) -> NDArray[np.float64]:
    if "volume" not in table.rows.numbers:
        return np.where(traded, np.nan, 0.0)
    volume = table.rows.numbers["volume"]
    bad = traded & (np.isinf(volume) | (volume < 0))
    if bad.any():
        row = int(np.argmax(bad))
        raise table.refusal(row, f"volume is {volume[row]:g}, not a number from 0 up{SKIP}")
    # Indices and currencies have zeros for a volume that nobody counts.
    if not np.any(volume[traded] > 0):
        notes.tell("no row has a volume above 0: it is unknown, not 0")
        return np.where(traded, np.nan, 0.0)
    return volume.copy()


def _tell_flat(table: SymbolTable, reading: FormReading, notes: Notes) -> None:
    if not reading.layout.flat_is_closed:
        return
    numbers = table.rows.numbers
    flat = (numbers["high"] == numbers["low"]) & (numbers.get("volume", np.ones(1)) == 0)
    if flat.sum() >= MIN_FLAT_BARS:
        what = "are flat bars without volume, which are closed hours"
        notes.count(what, int(flat.sum()), table.where(int(np.argmax(flat))))


def _tell_suspended(
    table: SymbolTable, supplements: Supplements, sessions: NDArray[np.int64], notes: Notes
) -> None:
    if supplements.suspended is None:
        return
    # Vendors leave out such days or write them as rows; only missing ones are reported.
    absent = np.setdiff1d(supplements.suspended, sessions)
    if len(absent):
        first = f"{absent[0].astype('M8[D]')} of {table.symbol}"
        notes.count("are missing on days of suspension", len(absent), first)


def _sessions(placed: Placed) -> NDArray[np.int64]:
    if placed.daily:
        return placed.key
    # int64 nanoseconds in UTC; the cast to the zone's wall clock gives the day of the session.
    moments = pa.array(placed.key, pa.timestamp("ns", placed.zone))
    local = pc.local_timestamp(moments).cast(pa.int64())
    return np.asarray(local.to_numpy(), dtype=np.int64) // DAY_NS


def _times(placed: Placed) -> NDArray[np.int64]:
    if not placed.daily:
        return placed.key
    return local_midnights(placed.key.astype("M8[D]"), placed.zone)
