"""Lines that stand where a shared cursor says, instead of counting for themselves.

backtrader moves every line of every feed and indicator forward by one on each bar. Here all lines
that move together read one `BarCursor`, so that a bar costs one assignment. While a run lasts,
lines, feeds and indicators change to subclasses of their own classes, made here; afterwards they
are as backtrader would have left them.

Must equal: each value read or written, `len()`, and every operator, at every bar.
"""

from __future__ import annotations

import datetime
import operator
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from backtrader.feed import DataClone
from backtrader.linebuffer import LineBuffer
from backtrader.lineroot import LineRoot
from backtrader.lineseries import LineSeries
from backtrader.utils.dateintern import num2date

__all__ = [
    "BarCursor",
    "CursorBindings",
    "CursorLine",
    "LineMovedError",
    "class_with",
    "datetime_of",
    "methods_of",
    "moves_as_stock",
    "subclass_with",
]

LINE_METHODS = (
    "__getitem__",
    "__setitem__",
    "__len__",
    "get",
    "set",
    "idx",
    "get_idx",
    "set_idx",
    "forward",
    "backwards",
    "rewind",
    "advance",
    "extend",
    "home",
    "reset",
)
"""A line whose class has these from `LineBuffer` can be put on a cursor."""


class LineMovedError(RuntimeError):
    """A strategy moved a line by itself, which the lean loop cannot follow."""

    def __init__(self, *_: object, **__: object) -> None:
        super().__init__(
            "the strategy moves a line itself, which the fast loop cannot follow; "
            "set `cerebro.fast = False` before the run"
        )


class BarCursor:
    """The bar at which lines stand, counted from 0; -1 before the first."""

    __slots__ = ("bar",)

    def __init__(self) -> None:
        self.bar = -1


def _raise_moved(*_: object, **__: object) -> None:
    raise LineMovedError


TIMES_OF_DAY: dict[float, datetime.time | None] = {}
"""The time of day by the fraction of a number; None if rounding leads to another day."""
MAX_TIMES_OF_DAY = 10_000


def datetime_of(number: float, zone: Any = None, naive: bool = True) -> Any:
    """`num2date`, which computes the same time of day again for each daily bar."""
    # The offset of a zone depends on the day, so a time of day cannot be reused.
    if zone is not None:
        return num2date(number, zone, naive)
    day = int(number)
    # Equal fractions give equal times of day: `num2date` rounds the fraction alone.
    time = TIMES_OF_DAY.get(number - day)
    if time is not None:
        return datetime.datetime.combine(datetime.datetime.fromordinal(day), time)
    moment: datetime.datetime = num2date(number)
    # Bounded, since a script can ask for the datetime of any number.
    if len(TIMES_OF_DAY) < MAX_TIMES_OF_DAY:
        TIMES_OF_DAY[number - day] = moment.time() if moment.toordinal() == day else None
    return moment


class CursorLine:
    """A line's methods while it is on a cursor."""

    _fast_cursor: BarCursor
    array: Any
    bindings: Any
    _tz: Any

    def __getitem__(self, ago: int) -> Any:
        # An index below 0 reads from the end of the array, as in backtrader.
        return self.array[self._fast_cursor.bar + ago]

    def __setitem__(self, ago: int, value: Any) -> None:
        self.array[self._fast_cursor.bar + ago] = value
        # Lines of others that take the values of this one
        for binding in self.bindings:
            binding[ago] = value

    def set(self, value: Any, ago: int = 0) -> None:
        self[ago] = value

    def __len__(self) -> int:
        return self._fast_cursor.bar + 1

    def datetime(self, ago: int = 0, tz: Any = None, naive: bool = True) -> Any:
        return datetime_of(self.array[self._fast_cursor.bar + ago], tz or self._tz, naive)

    def date(self, ago: int = 0, tz: Any = None, naive: bool = True) -> Any:
        return self.datetime(ago, tz, naive).date()

    def time(self, ago: int = 0, tz: Any = None, naive: bool = True) -> Any:
        return self.datetime(ago, tz, naive).time()

    def get(self, ago: int = 0, size: int = 1) -> Any:
        end = self._fast_cursor.bar + ago + 1
        return self.array[end - size : end]

    # Under all names by which backtrader's methods and scripts read a line's position. Writing one
    # would move the line alone.
    _idx = property(lambda self: self._fast_cursor.bar, _raise_moved)
    idx = property(lambda self: self._fast_cursor.bar, _raise_moved)
    lencount = property(lambda self: self._fast_cursor.bar + 1, _raise_moved)
    forward = backwards = rewind = advance = extend = home = reset = _raise_moved


class CursorSeries:
    """The short way to the first line of a feed or an indicator on a cursor."""

    _fast_cursor: BarCursor
    _fast_array: Any

    def __getitem__(self, ago: int) -> Any:
        return self._fast_array[self._fast_cursor.bar + ago]

    def __len__(self) -> int:
        return self._fast_cursor.bar + 1


def _binary(operation: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def apply(self: Any, other: Any) -> Any:
        return operation(self[0], other[0] if isinstance(other, LineRoot) else other)

    return apply


def _reversed(operation: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def apply(self: Any, other: Any) -> Any:
        return operation(other[0] if isinstance(other, LineRoot) else other, self[0])

    return apply


ARITHMETIC = ("add", "sub", "mul", "truediv", "floordiv", "pow")
COMPARISONS = ("lt", "gt", "le", "ge", "eq", "ne")
OPERATORS: dict[str, Any] = {
    # While a run lasts, operators of lines give numbers: the stage 2 of `LineRoot`, which asks for
    # its stage at each call.
    **{f"__{n}__": _binary(getattr(operator, n)) for n in (*ARITHMETIC, *COMPARISONS)},
    **{f"__r{n}__": _reversed(getattr(operator, n)) for n in ARITHMETIC},
    "__bool__": lambda self: bool(self[0]),
}


CLASS_FIELDS = frozenset(vars(type("Empty", (), {"__annotations__": {}})))


def methods_of(mixin: Any) -> dict[str, Any]:
    """What a class adds to others."""
    return {name: value for name, value in vars(mixin).items() if name not in CLASS_FIELDS}


@lru_cache(maxsize=256)
def class_with(cls: Any, mixin: Any) -> Any:
    """`subclass_with` the methods of a mixin, the same class each time."""
    return subclass_with(cls, methods_of(mixin))


def subclass_with(cls: Any, methods: dict[str, Any]) -> Any:
    """A class derived from `cls`, with methods and the operators that `cls` has not made its own.

    Made by `type` itself: backtrader's metaclasses would register it as one of a user's classes.
    The methods are copied, since an object can only change to a class with the same bases' layout.
    """
    own = {
        name: value
        for name, value in OPERATORS.items()
        if getattr(cls, name) is getattr(LineRoot, name)
    }
    body = {name: getattr(cls, name) for name in ("__module__", "__qualname__", "__doc__")}
    # Python sets it to None in a class with an `__eq__` of its own.
    body["__hash__"] = cls.__hash__
    # `type.__new__` of the metaclass, without its own `__new__` and `__init__`
    return type.__new__(type(cls), cls.__name__, (cls,), {**body, **own, **methods})


@lru_cache(maxsize=256)
def _cursor_feed(cls: Any) -> Any:
    """A feed's class on a cursor; its ticks are the bar's values, and None on the last bar."""
    # As `_tick_fill`, which has no tick of the datetime, and `tick_last` for the first line
    aliases = [alias for alias in cls.lines._getlines() if alias != "datetime"]
    ticks = {f"tick_{alias}": _tick(alias) for alias in aliases}
    ticks["tick_last"] = _tick(cls.lines._getlines()[0])
    base = class_with(cls, CursorSeries)
    return type.__new__(type(base), cls.__name__, (base,), {**ticks, "__module__": cls.__module__})


def _tick(alias: str) -> property:
    def value(self: Any) -> Any:
        values = getattr(self.lines, alias).array
        bar = self._fast_cursor.bar
        if bar < 0:
            if f"tick_{alias}" in self.__dict__:  # of a feed that a clone has gone through
                return self.__dict__[f"tick_{alias}"]
            raise AttributeError(alias)  # the feed says so itself, in `__getattr__`
        # `AbstractDataBase.advance` empties the ticks, and fills them again except on the last bar.
        return values[bar] if bar + 1 < len(values) else None

    return property(value)


@lru_cache(maxsize=256)
def moves_as_stock(cls: Any) -> bool:
    """Whether a line's class has all methods that move a line from `LineBuffer`."""
    return all(getattr(cls, name) is getattr(LineBuffer, name) for name in LINE_METHODS)


class CursorBindings:
    """Puts lines and series on cursors, remembers it, and takes them off again."""

    def __init__(self) -> None:
        self._lines: list[tuple[Any, type]] = []
        self._series: list[tuple[Any, type]] = []
        self._attributes: list[tuple[Any, str]] = []
        self._feeds: list[Any] = []
        self._cursor_of: dict[int, BarCursor] = {}

    def cursor_of(self, owner: Any) -> BarCursor | None:
        """The cursor of a line, or of a series' first line; None if it is on none."""
        lines = [owner] if isinstance(owner, LineBuffer) else owner.lines.lines
        return self._cursor_of.get(id(lines[0])) if lines else None

    def can_bind(self, line: Any) -> bool:
        """Whether the line moves the way that all lines do, and is on no cursor yet."""
        return (
            isinstance(line, LineBuffer)
            and line.mode == LineBuffer.UnBounded
            # By identity: the operators of lines, `==` among them, compare values.
            and id(line) not in self._cursor_of
            and moves_as_stock(_class_of(line))
        )

    def can_bind_series(self, series: Any) -> bool:
        """Whether all lines of a series can be put on a cursor, and none is on one already."""
        lines = series.lines.lines
        return bool(lines) and all(self.can_bind(line) for line in lines)

    def line(self, line: Any, cursor: BarCursor) -> None:
        """Put a line on a cursor."""
        # `_lines` keeps the line alive, so that no other object gets its id.
        self._cursor_of[id(line)] = cursor
        self._lines.append((line, type(line)))
        state = line.__dict__
        state["_fast_cursor"] = cursor
        # An attribute of the object would not hide the property, but would keep an old position.
        del state["_idx"], state["lencount"]
        line.__class__ = class_with(_class_of(line), CursorLine)

    def lines_of(self, series: Any, cursor: BarCursor) -> None:
        """Put all lines of a series on a cursor and name them in the series itself."""
        for line in series.lines.lines:
            self.line(line, cursor)
        # backtrader finds `data.close` by `__getattr__`, which searches in several places first.
        for alias, line in zip(series.lines.getlinealiases(), series.lines.lines, strict=False):
            if not hasattr(type(series), alias) and alias not in series.__dict__:
                self.attribute(series, alias, line)

    def attribute(self, owner: Any, name: str, value: Any) -> None:
        """Give an object an attribute that it does not have, for as long as the run lasts."""
        owner.__dict__[name] = value
        self._attributes.append((owner, name))

    def series(self, series: Any, cursor: BarCursor) -> None:
        """Put an indicator on a cursor, with all its lines."""
        self.lines_of(series, cursor)
        # A class with its own `__getitem__` or `__len__` keeps them.
        if self._first_line_is_it(type(series)):
            self._change(series, cursor, class_with(_class_of(series), CursorSeries))

    def feed(self, feed: Any, cursor: BarCursor) -> None:
        """Put a feed on a cursor, with all its lines."""
        self.lines_of(feed, cursor)
        self._feeds.append(feed)
        self._change(feed, cursor, _cursor_feed(_class_of(feed)))

    def _change(self, series: Any, cursor: BarCursor, cls: type) -> None:
        self._series.append((series, type(series)))
        series.__dict__["_fast_cursor"] = cursor
        # The array itself, which keeps its identity while values are appended
        series.__dict__["_fast_array"] = series.lines.lines[0].array
        series.__class__ = cls

    @staticmethod
    def _first_line_is_it(cls: Any) -> bool:
        return bool(cls.__getitem__ is LineSeries.__getitem__ and cls.__len__ is LineSeries.__len__)

    def restore(self) -> None:
        """Leave every line where its cursor stood, as backtrader would have."""
        # In the reverse order, so that each object gets the class that it had first.
        for line, line_class in reversed(self._lines):
            bar = line._fast_cursor.bar
            line.__class__ = line_class
            state = line.__dict__
            del state["_fast_cursor"]
            # Where backtrader's own calls of `advance` would have left it
            state["_idx"], state["lencount"] = bar, bar + 1
        for series, series_class in reversed(self._series):
            series.__class__ = series_class
            del series.__dict__["_fast_cursor"], series.__dict__["_fast_array"]
        for owner, name in self._attributes:
            owner.__dict__.pop(name, None)
        for feed in self._feeds:
            _leave_ticks(feed)
            if isinstance(feed, DataClone):
                feed._dlen += len(feed)  # as its `advance` counts


def _class_of(instance: Any) -> Any:
    return type(instance)


def _leave_ticks(feed: Any) -> None:
    # As the last `advance` of backtrader's
    feed._tick_nullify()
    if 0 < len(feed) < feed.buflen():
        feed._tick_fill(force=True)
