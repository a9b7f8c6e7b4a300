"""The results of backtrader's analyzers: numbers become columns, and tables become details."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import numpy as np

from backfleet.engine import AnalyzerValue
from backfleet.summary import Scalar

__all__ = ["analyzer_numbers", "analyzer_tables"]

MAX_DEPTH = 20
EPOCH = datetime(1970, 1, 1)
NUMBERS = (bool, int, float, np.bool_, np.integer, np.floating)


def analyzer_numbers(strategy: Any, names: Sequence[str]) -> Mapping[str, Scalar]:
    """Return the numbers of a strategy's analyzers after its run, by the names of columns.

    A number in a table has the keys of the tables around it in its name, joined with `_`. Tables by
    date and lists are left out; see `analyzer_tables`.
    """
    numbers: dict[str, Scalar] = {}
    for name, analysis in _analyses(strategy, names):
        # An analysis is an `AutoOrderedDict` or another mapping by convention; anything else has no
        # names for columns.
        if isinstance(analysis, Mapping):
            numbers.update(_numbers(analysis, name))
    return numbers


def analyzer_tables(strategy: Any, names: Sequence[str]) -> tuple[AnalyzerValue, ...]:
    """Return all that a strategy's analyzers have kept by dates, by whole numbers or in lists, and
    their texts.

    Values that are neither numbers, texts nor dates are left out.
    """
    return tuple(
        value
        for name, analysis in _analyses(strategy, names)
        for value in _values(analysis, _Place(name))
    )


def _analyses(strategy: Any, names: Sequence[str]) -> Iterator[tuple[str, Any]]:
    for name in names:
        yield name, strategy.analyzers.getbyname(name).get_analysis()


def _numbers(table: Mapping[Any, Any], prefix: str) -> Iterator[tuple[str, Scalar]]:
    for key, value in table.items():
        # Tables by dates or numbers would make as many columns as they have rows; `analyzer_tables`
        # takes them.
        if not isinstance(key, str):
            continue
        name = f"{prefix}_{key}"
        if isinstance(value, Mapping):
            yield from _numbers(value, name)
        elif value is None or isinstance(value, NUMBERS):
            yield name, None if value is None else float(value)


@dataclass(frozen=True)
class _Place:
    """The place of a value in the result of an analyzer.

    Attributes
    ----------
    is_column
        Whether a number here is a column of the row: all keys around it are texts.
    """

    analyzer: str
    keys: tuple[str, ...] = ()
    local_time: int | None = None
    index: tuple[int, ...] = ()
    is_column: bool = True
    depth: int = 0

    def below(self, key: object) -> _Place:
        """Return the place of the value that a table has under a key."""
        # Only the outermost date is the time of a value. Dates below it are texts in the key.
        inner = replace(self, depth=self.depth + 1)
        if isinstance(key, date) and self.local_time is None:
            return replace(inner, local_time=_nanoseconds(key), is_column=False)
        keys = (*self.keys, _text(key))
        return replace(inner, keys=keys, is_column=self.is_column and isinstance(key, str))

    def item(self, number: int) -> _Place:
        """Return the place of an item of a list."""
        index = (*self.index, number)
        return replace(self, index=index, is_column=False, depth=self.depth + 1)

    def value(self, number: float, text: str | None = None) -> AnalyzerValue:
        """Return a value at this place. In nested lists, the outer numbers are part of the key."""
        # A plain list gives columns in row 0, and a list of lists rows and columns. Indexes further
        # out go into the key.
        row, column = (0, 0, *self.index)[-2:]
        keys = (*self.keys, *map(str, self.index[:-2]))
        return AnalyzerValue(
            self.analyzer, ".".join(keys), self.local_time, row, column, number, text
        )


def _values(value: Any, place: _Place) -> Iterator[AnalyzerValue]:
    # A table that contains itself would never end.
    if place.depth > MAX_DEPTH:
        return
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _values(inner, place.below(key))
    elif isinstance(value, (list, tuple, np.ndarray)):
        for number, inner in enumerate(value):
            yield from _values(inner, place.item(number))
    elif isinstance(value, (str, date)):
        yield place.value(math.nan, _text(value))
    # Other numbers are columns of the row, which `analyzer_numbers` returns.
    elif not place.is_column and (value is None or isinstance(value, NUMBERS)):
        amount = math.nan if value is None else float(value)
        # Processors differ in the sign of a NaN.
        yield place.value(math.nan if math.isnan(amount) else amount)


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def _nanoseconds(day: date) -> int:
    # A datetime is a date, too. Its zone is dropped because the strategy's clock has none.
    moment = day if isinstance(day, datetime) else datetime(day.year, day.month, day.day)
    return (moment.replace(tzinfo=None) - EPOCH) // datetime.resolution * 1000
