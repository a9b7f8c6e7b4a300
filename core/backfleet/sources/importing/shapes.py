"""Tables with a column, or a block of columns, per symbol, as one table per symbol."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from backfleet.sources.importing.dates import descends, find_forms
from backfleet.sources.importing.frame import Frame
from backfleet.sources.importing.names import PRICES, normalize, price_families, roles_of
from backfleet.sources.importing.numbers import read_numbers
from backfleet.sources.importing.order import find_prices

__all__ = ["Shape", "shape_of"]

_TUPLE = re.compile(r"\(\s*['\"]([^'\"]*)['\"]\s*,\s*['\"]([^'\"]*)['\"]\s*\)")
_LENGTH = re.compile(r"\d*(s|sec|m|min|minute|h|hour|d|day|daily|w|week|mo|month)s?", re.IGNORECASE)
_FIELD_WORD = re.compile(
    r"(^|_)(open|high|low|close|last|price|vol|volume|bid|ask|change|return|rate|[se]ma\d*|rsi\d*|macd)"
    r"(_|$)"
)
_QUALIFIERS = frozenset({"bid", "ask", "mid", "adj", "adjusted", "raw", "unadjusted"})
"""Words beside the name of a price that are no symbols."""
_FIELDS = (
    "adj_close", "adjusted_close", "open", "high", "low", "close", "volume", "vol",
    "dividends", "stock_splits", "capital_gains", "adjusted",
)  # fmt: skip
_ADJUSTED = {"adjusted": "adj_close"}
"""The name that R's quantmod gives to the adjusted close."""


@dataclass(frozen=True)
class Shape:
    """The way in which the columns of a table belong to symbols.

    Attributes
    ----------
    blocks
        For each symbol, the positions of its columns and their names.
    closes_only
        Whether a symbol has one column, its closes.
    """

    blocks: Mapping[str, tuple[tuple[int, ...], tuple[str, ...]]]
    closes_only: bool = False

    def unfold(self, frame: Frame) -> list[Frame]:
        """Return one frame per symbol."""
        return [
            Frame(
                frame.origin,
                names,
                tuple(frame.columns[position] for position in positions),
                frame.first_row,
                symbol,
            )
            for symbol, (positions, names) in self.blocks.items()
        ]


def shape_of(header: Sequence[Sequence[str]], sample: Frame) -> Shape | None:
    """Return the shape of a table of several symbols; None for the usual table."""
    if len(header) > 1:
        return _stacked(header)
    names = sample.names
    # pandas writes the names of two levels as texts of tuples, such as ('Close', 'AAPL').
    tuples = [_TUPLE.fullmatch(name.strip()) for name in names]
    if sum(match is not None for match in tuples) >= 2:
        first = [match[1] if match else names[i] for i, match in enumerate(tuples)]
        second = [match[2] if match else "" for match in tuples]
        return _stacked([first, second])
    roles = roles_of(names)
    # The usual table of one symbol, whatever its other columns are called.
    if set(PRICES) <= set(roles):
        return None
    return _blocks(names) or _closes(names, sample)


def _stacked(header: Sequence[Sequence[str]]) -> Shape:
    fields, symbols = list(header[0]), list(header[1])
    if fields[0] == "Ticker" or (
        # group_by="ticker" without the labels: fields are in the second line.
        len(set(fields[1:]) & set(symbols[1:])) == 0
        and set(PRICES) <= {normalize(name) for name in symbols}
    ):
        fields, symbols = symbols, fields
    blocks: dict[str, tuple[tuple[int, ...], tuple[str, ...]]] = {}
    for symbol in dict.fromkeys(filter(None, symbols[1:])):
        positions = [i for i in range(1, len(symbols)) if symbols[i] == symbol]
        names = ("date", *(fields[i] for i in positions))
        blocks[symbol] = ((0, *positions), names)
    return Shape(blocks)


def _blocks(names: Sequence[str]) -> Shape | None:
    date = next(iter(roles_of(names).get("date", [])), 0)
    # `AAPL_Close` first, then `Close_AAPL`.
    for split in (_suffix, _prefix):
        members: dict[str, dict[str, int]] = {}
        for position, name in enumerate(names):
            if position != date and (pair := split(name)):
                members.setdefault(pair[0], {})[pair[1]] = position
        # Only blocks with all four prices are symbols: a column such as `Volume Total` makes none.
        whole = {s: fields for s, fields in members.items() if set(PRICES) <= set(fields)}
        if len(whole) == 1 and _LENGTH.fullmatch(next(iter(whole))):
            # Open_1h is a field of bars of an hour, and no symbol.
            return None
        if any(normalize(name) in _QUALIFIERS for name in whole):
            return None
        if whole:
            return Shape({s: ((date, *f.values()), ("date", *f)) for s, f in whole.items()})
    return None


def _suffix(name: str) -> tuple[str, str] | None:
    for field in _FIELDS:
        words = field.replace("_", "[ _]?")
        match = re.fullmatch(rf"(.+?)[_. :/|-]{words}", name.strip(), re.IGNORECASE)
        if match:
            return match[1], _ADJUSTED.get(field, field)
    return None


def _prefix(name: str) -> tuple[str, str] | None:
    for field in _FIELDS:
        words = field.replace("_", "[ _]?")
        match = re.fullmatch(rf"{words}[_. :/|-](.+)", name.strip(), re.IGNORECASE)
        if match:
            return match[1], _ADJUSTED.get(field, field)
    return None


def _closes(names: Sequence[str], sample: Frame) -> Shape | None:
    roles = roles_of(names)
    # Known names of bars in a table speak against symbols as names of columns.
    if set(roles) - {"date", "symbol"} or len(names) < 3:
        return None
    if price_families(names):
        return None
    date = next(iter(roles.get("date", [])), 0)
    if not find_forms(sample.columns[date]):
        return None
    others = [i for i in range(len(names)) if i != date and names[i]]
    # Fields of one symbol, such as PX_OPEN or SMA20, are no symbols.
    if any(_FIELD_WORD.search(normalize(names[i])) for i in others):
        return None
    if len(others) < 2 or not all(_numeric(sample.columns[i]) for i in others):
        return None
    numbers = [read_numbers(sample.columns[i], ".")[0] for i in others]
    if descends(sample.columns[date]):
        numbers = [values[::-1] for values in numbers]
    # Values in the relation of open, high, low and close are the prices of one symbol.
    if find_prices(numbers):
        return None
    blocks = {names[i]: ((date, i), ("date", "close")) for i in others}
    return Shape(blocks, closes_only=True)


def _numeric(column: pa.Array) -> bool:
    _, readable = read_numbers(column, ".")
    return bool(readable.all())
