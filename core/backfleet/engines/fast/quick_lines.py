"""Lines that move by themselves as backtrader's do, with fewer calls.

Bar by bar, backtrader spends most of its time moving lines: a line reads its position through a
property, a series asks its lines through two other objects, and a feed's names are looked up each
time. Here lines, feeds and indicators change to subclasses of their own classes while a run lasts,
in which these ways are short. Lines that save memory have theirs, too.

Must equal: each value, position and length, and every operator, at every moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from itertools import islice
from math import nan
from typing import Any

from backtrader.feed import AbstractDataBase
from backtrader.linebuffer import LineBuffer
from backtrader.lineiterator import LineIterator
from backtrader.lineseries import LineSeries

from backfleet.engines.fast.lines import class_with, methods_of, moves_as_stock, subclass_with

__all__ = ["quick_lines", "series_below"]

STAGE_OF_A_RUN = 2
"""The stage in which operators of lines give numbers."""


class QuickLine:
    """A line's methods while it keeps all values."""

    array: Any
    bindings: Any
    lencount: int
    _idx: int
    _tz: Any

    def __getitem__(self, ago: int) -> Any:
        return self.array[self._idx + ago]

    def __setitem__(self, ago: int, value: Any) -> None:
        self.array[self._idx + ago] = value
        for binding in self.bindings:
            binding[ago] = value

    def set(self, value: Any, ago: int = 0) -> None:
        self[ago] = value

    def __len__(self) -> int:
        return self.lencount

    def get(self, ago: int = 0, size: int = 1) -> Any:
        end = self._idx + ago + 1
        return self.array[end - size : end]

    def forward(self, value: float = nan, size: int = 1) -> None:
        self._idx += size
        self.lencount += size
        for _ in range(size):
            self.array.append(value)

    def backwards(self, size: int = 1, force: bool = False) -> None:
        self._idx -= size
        self.lencount -= size
        for _ in range(size):
            self.array.pop()

    def rewind(self, size: int = 1) -> None:
        self._idx -= size
        self.lencount -= size

    def advance(self, size: int = 1) -> None:
        self._idx += size
        self.lencount += size


class SavingLine:
    """A line's methods while it keeps no more values than it must."""

    # Assigned, not inherited: `methods_of` takes what stands in the class itself.
    __getitem__, __setitem__ = QuickLine.__getitem__, QuickLine.__setitem__
    set, __len__ = QuickLine.set, QuickLine.__len__

    array: Any
    lencount: int
    lenmark: int
    _idx: int

    def get(self, ago: int = 0, size: int = 1) -> Any:
        end = self._idx + ago + 1
        return list(islice(self.array, end - size, end))

    def forward(self, value: float = nan, size: int = 1) -> None:
        # Once the deque is full, its last value is at the same index on every bar.
        if self._idx < self.lenmark:
            self._idx += size
        self.lencount += size
        for _ in range(size):
            self.array.append(value)


class QuickSeries:
    """The short way to the lines of a feed, an indicator or an observer."""

    _fast_line: Any
    _fast_lines: Any

    def __getitem__(self, ago: int) -> Any:
        return self._fast_line[ago]

    def __len__(self) -> int:
        return self._fast_line.lencount  # type: ignore[no-any-return]

    def get(self, ago: int = 0, size: int = 1, line: int = 0) -> Any:
        return self._fast_lines[line].get(ago, size)

    def forward(self, value: float = nan, size: int = 1) -> None:
        for line in self._fast_lines:
            line.forward(value, size)

    def backwards(self, size: int = 1, force: bool = False) -> None:
        for line in self._fast_lines:
            line.backwards(size, force)

    def rewind(self, size: int = 1) -> None:
        for line in self._fast_lines:
            line.rewind(size)


class QuickIterator(QuickSeries):
    """An indicator or observer, which backtrader takes through a bar by nine calls."""

    _clock: Any
    _lineiterators: Any
    _minperiod: int
    next: Any
    nextstart: Any
    prenext: Any

    def _next(self) -> None:
        clock_length = len(self._clock)
        # As `_clk_update`, which returns the clock's length
        if clock_length != self._fast_line.lencount:
            self.forward()
        # Those below come first, since `next` reads their values of this bar.
        for indicator in self._lineiterators[LineIterator.IndType]:
            indicator._next()
        if clock_length > self._minperiod:
            self.next()
        elif clock_length == self._minperiod:
            self.nextstart()
        elif clock_length:
            self.prenext()


class QuickFeed(QuickSeries):
    """A feed with the short way to its ticks."""

    _fast_ticks: Any

    def _tick_fill(self, force: bool = False) -> None:
        first, *_ = self._fast_ticks
        # A tick that is there is kept, as in backtrader, unless it is forced.
        if force or getattr(self, first[0], None) is None:
            fields = self.__dict__
            for name, line in self._fast_ticks:
                fields[name] = line[0]
            fields["tick_last"] = first[1][0]


@contextmanager
def quick_lines(strategies: Iterable[Any]) -> Iterator[None]:
    """Shorten the ways of all lines that belong to strategies, while a run lasts."""
    changed: list[tuple[Any, type]] = []
    added: list[tuple[Any, str]] = []
    try:
        for series in series_below(strategies):
            if isinstance(series, LineSeries):
                for line in series.lines.lines:
                    _quicken_line(line, changed)
                _quicken_series(series, changed, added)
            else:
                _quicken_line(series, changed)
        yield
    finally:
        for owner, cls in reversed(changed):
            owner.__class__ = cls
        for owner, name in added:
            owner.__dict__.pop(name, None)


def series_below(owners: Iterable[Any]) -> list[Any]:
    """Return the owners with all feeds, indicators and observers below them, each once."""
    seen: dict[int, Any] = {}
    rest = list(owners)
    while rest:
        # Feeds are shared by indicators, and indicators by strategies and one another.
        series = rest.pop()
        if id(series) not in seen:
            seen[id(series)] = series
            rest += getattr(series, "datas", ())
            for iterators in getattr(series, "_lineiterators", {}).values():
                rest += iterators
    return list(seen.values())


def _quicken_line(line: Any, changed: list[tuple[Any, type]]) -> None:
    cls: Any = type(line)
    # In the first stage, operators of lines make new lines.
    if not isinstance(line, LineBuffer) or line._opstage != STAGE_OF_A_RUN:
        return
    if moves_as_stock(cls):
        changed.append((line, cls))
        # The mode is set before a run, by `exactbars`, and does not change in it.
        keeps_all = line.mode == LineBuffer.UnBounded
        line.__class__ = class_with(cls, QuickLine if keeps_all else SavingLine)


def _quicken_series(
    series: Any, changed: list[tuple[Any, type]], added: list[tuple[Any, str]]
) -> None:
    lines, fields = series.lines.lines, series.__dict__
    cls: Any = type(series)
    if not lines or series._opstage != STAGE_OF_A_RUN or "_fast_cursor" in fields:
        return
    if not all(isinstance(line, LineBuffer) and "lencount" in line.__dict__ for line in lines):
        return  # of another kind, or on a cursor
    changed.append((series, cls))
    names = dict(zip(series.lines.getlinealiases(), lines, strict=False))
    fresh = {"_fast_line": lines[0], "_fast_lines": lines}
    if isinstance(series, AbstractDataBase):
        ticks = [(f"tick_{name}", line) for name, line in names.items() if name != "datetime"]
        fresh["_fast_ticks"] = ticks
    # backtrader looks for a line's name in four places.
    fresh |= {n: v for n, v in names.items() if not hasattr(cls, n) and n not in fields}
    fields.update(fresh)
    added += [(series, name) for name in fresh]
    series.__class__ = _quick_series(cls)


@lru_cache(maxsize=256)
def _quick_series(cls: Any) -> Any:
    """A class with those short ways whose long ones `cls` has not made its own."""
    pairs: list[tuple[Any, Any]] = [(LineSeries, QuickSeries)]
    if issubclass(cls, AbstractDataBase) and cls.lines._getlinealias(0) != "datetime":
        pairs.append((AbstractDataBase, QuickFeed))
    if all(
        getattr(cls, name, None) is getattr(LineIterator, name)
        for name in ("_clk_update", "_notify")
    ):
        pairs.append((LineIterator, QuickIterator))
    return subclass_with(
        cls,
        {
            name: method
            for stock, quick in pairs
            for name, method in methods_of(quick).items()
            # A method that a class has changed stays as it is.
            if getattr(cls, name, None) is getattr(stock, name, None)
        },
    )
