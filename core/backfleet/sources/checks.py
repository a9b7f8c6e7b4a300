"""Checks that refuse a file: wrong kind of content, wrong order, impossible prices."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from backfleet.bars import Prices
from backfleet.errors import DataError
from backfleet.sources.blocks import blocks

if TYPE_CHECKING:
    from backfleet.sources.layout import Layout
    from backfleet.sources.table import Table

__all__ = [
    "check_factor",
    "check_one_symbol",
    "check_order",
    "check_prices",
    "check_text",
    "check_volume",
    "is_positive",
    "kind_of",
    "outside_range",
]

ROUNDING = 1e-6
"""Fraction of the close by which prices may lie outside the range: float noise of vendors."""
MIN_MIXED_ROWS, MIXED_SHARE = 5, 0.20
"""Rows outside their range from which on prices are mixed: at least 64 % in files that are, and
below 3 % in all others."""

HAS_TEXT = re.compile(rb"[^\s]")
UTF_16 = "UTF-16 text"
KINDS = (
    (rb"\x1f\x8b", "a gzip archive"),
    (rb"PK\x03\x04", "a zip archive or an Excel workbook"),
    (rb"PAR1", "a Parquet file"),
    (rb"ARROW1", "an Arrow file"),
    (rb"BZh", "a bzip2 archive"),
    (rb"\xfd7zXZ", "an xz archive"),
    (rb"\x28\xb5\x2f\xfd", "a zstandard archive"),
    (rb"\x89HDF", "an HDF5 file"),
    (rb"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (rb"\xff\xfe|\xfe\xff", UTF_16),
    (rb"(\xef\xbb\xbf)?\s*<(!doctype|html|\?xml|head|body)", "an HTML or XML page"),
    (rb"(\xef\xbb\xbf)?\s*[{\[]", "JSON"),
)
KIND_PATTERNS = [(re.compile(pattern, re.IGNORECASE), kind) for pattern, kind in KINDS]
ANY_KIND = re.compile(b"|".join(pattern for pattern, _ in KINDS), re.IGNORECASE)


def kind_of(content: bytes) -> str | None:
    """Return the kind of content that the first bytes show; None for text or an unknown kind."""
    # One pattern for all kinds first: nearly all files are text, and match none.
    if ANY_KIND.match(content):
        return next(kind for pattern, kind in KIND_PATTERNS if pattern.match(content))
    # Text in UTF-8 has no zero bytes.
    return "a binary file" if b"\0" in content[:4096] else None


def check_text(origin: str, content: bytes) -> None:
    """Raise DataError if the content is empty, not text, or not UTF-8."""
    kind = kind_of(content)
    if kind is not None:
        rest = "; save it as UTF-8" if kind == UTF_16 else ", not a CSV file"
        raise DataError(f"{origin}: this is {kind}{rest}")
    if not HAS_TEXT.search(content):
        raise DataError(f"{origin}: no rows: the file is empty")
    # Most files are ASCII, and to look for that is much faster than to decode them.
    if content.isascii():
        return
    try:
        content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        byte = content[error.start]
        raise DataError(
            f"{origin}: row {row}: byte 0x{byte:02x} is not UTF-8; save the file as UTF-8"
        ) from None


def check_one_symbol(table: Table, name: str) -> None:
    """Raise DataError if a column of symbols has several: contracts or stocks one after another."""
    # Every child process imports this module, and most of them never read a file.
    import pyarrow.compute as pc

    from backfleet.sources.table import as_text

    symbols = sorted(filter(None, pc.unique(as_text(table, name)).to_pylist()))
    if len(symbols) > 1:
        listed = ", ".join(symbols[:3]) + (", ..." if len(symbols) > 3 else "")
        raise DataError(
            f"{table.origin}: column {name} holds {len(symbols):,} symbols ({listed}); "
            "'backfleet data import' writes a file for each"
        )


def check_order(table: Table, column: str, time: NDArray[np.int64]) -> None:
    """Raises DataError at the first time that is not later than the one before it."""
    # Strictly, so that a duplicate is found, too.
    is_later = time[1:] > time[:-1]
    if is_later.all():
        return
    row = int(np.argmin(is_later)) + 1
    before = table.row_number(row - 1)
    if time[row] == time[row - 1]:
        raise table.bad_value(column, row, f"a duplicate of row {before}")
    earlier = table.text(column, row - 1)
    raise table.bad_value(
        column, row, f"unsorted: row {before} has {earlier!r}; sort the rows, oldest first"
    )


def check_prices(table: Table, layout: Layout, prices: Prices, tradable: NDArray[np.bool_]) -> None:
    """Raise DataError at the first tradable row with an impossible price, or if adjusted and raw
    prices are mixed."""
    # Nearly all files end here.
    if all(_are_sound(prices[part]) for part in blocks(len(prices.close))):
        return
    _check_rows(table, layout, prices, tradable)
    _check_mixture(table, layout, prices)


def _are_sound(prices: Prices) -> bool:
    """Whether the prices are possible, and each open and close is between low and high."""
    top, bottom = np.maximum(prices.open, prices.close), np.minimum(prices.open, prices.close)
    # NaN fails every comparison. If open and close lie between low and high, as the last line
    # checks, these two bound all four prices.
    is_positive = prices.low.min() > 0 and prices.high.max() < np.inf
    return bool(is_positive and np.all(top <= prices.high) and np.all(bottom >= prices.low))


def _check_rows(table: Table, layout: Layout, prices: Prices, tradable: NDArray[np.bool_]) -> None:
    columns = {
        layout.open: prices.open,
        layout.high: prices.high,
        layout.low: prices.low,
        layout.close: prices.close,
    }
    # The first bad row of each column; the earliest of them is reported, as a reader of the file
    # meets it.
    faults = [
        (row, name)
        for name, values in columns.items()
        if (row := _first(tradable & ~is_positive(values))) is not None
    ]
    # A price that is not positive explains a high below the low, so it goes first.
    crossed = _first(tradable & (prices.high < prices.low))
    if faults and (crossed is None or min(faults)[0] <= crossed):
        row, name = min(faults)
        raise table.bad_value(name, row, "not a positive number")
    if crossed is not None:
        high, low = (table.text(name, crossed) for name in (layout.high, layout.low))
        raise table.refusal(crossed, f"{layout.high} {high} is below {layout.low} {low}")


def _check_mixture(table: Table, layout: Layout, prices: Prices) -> None:
    """Raise DataError if adjusted and raw prices are mixed: in sound files, few rows look so."""
    outside = outside_range(prices)
    count = int(np.count_nonzero(outside))
    if count < MIN_MIXED_ROWS or count < MIXED_SHARE * len(outside):
        return
    row = int(np.argmax(outside))
    names = (layout.open, layout.high, layout.low, layout.close)
    values = ", ".join(f"{name} {table.text(name, row)}" for name in names)
    raise table.refusal(
        row,
        f"{values}: {layout.open} or {layout.close} is outside low and high, as in {count:,} of "
        f"{len(outside):,} rows, so adjusted and raw prices are mixed. Name the raw close in the "
        "option close, and the adjusted one in adjusted",
    )


def outside_range(prices: Prices) -> NDArray[np.bool_]:
    """Whether the open or close is outside low and high beyond rounding."""
    slack = ROUNDING * prices.close
    top, bottom = np.maximum(prices.open, prices.close), np.minimum(prices.open, prices.close)
    return np.asarray((top > prices.high + slack) | (bottom < prices.low - slack))


def check_factor(
    table: Table, name: str, factor: NDArray[np.float64], tradable: NDArray[np.bool_]
) -> None:
    """Raises DataError at the first tradable row whose factor is not a positive number."""
    row = _first(tradable & ~is_positive(factor))
    if row is not None:
        raise table.bad_value(name, row, "not a positive number")


def check_volume(
    table: Table, name: str, volume: NDArray[np.float64], tradable: NDArray[np.bool_]
) -> None:
    """Raise DataError for the first tradable row with an infinite volume; it may be missing."""
    # NaN is a volume that is not known, and allowed.
    row = _first(tradable & np.isinf(volume)) if np.isinf(volume).any() else None
    if row is not None:
        raise table.bad_value(name, row, "not a finite number")


def is_positive(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return a mask of the positive, finite values."""
    return (values > 0) & (values < np.inf)


def _first(mask: NDArray[np.bool_]) -> int | None:
    rows = np.flatnonzero(mask)
    return int(rows[0]) if len(rows) else None
