"""Positions that compute their datetime when it is read, and report changes by a script.

backtrader writes the bar's datetime into every open position on every bar, which costs more than
valuing the position. The broker also keeps what it knows of its positions and commission schemes.
Both are public, and scripts write to them. So the positions and the two dictionaries report each
change to the broker that is not its own.

Must equal: every attribute of a `backtrader.Position`, its copies, and the two dictionaries.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from backtrader.position import Position
from backtrader.utils.dateintern import num2date

__all__ = ["HeldPosition", "Positions", "Schemes"]

Changed = Callable[[], None]
FIELDS: Any = vars(Position)["__dict__"]
# The attributes that a position has beside backtrader's
PRIVATE = ("changed", "day", "fields", "moments", "zone")
MUTATORS = (
    "__delitem__",
    "__ior__",
    "__setitem__",
    "clear",
    "pop",
    "popitem",
    "setdefault",
    "update",
)


class HeldPosition(Position):
    """A position whose `datetime` is computed when it is read.

    Its private attributes are slots, and copies and pickles are plain positions.

    Attributes
    ----------
    changed
        Called when somebody sets an attribute. The broker writes to `fields` instead.
    fields
        The attributes that backtrader's positions have.
    day, zone
        The time of the bar that last touched the position, as backtrader's number, and the time
        zone to show it in; None if `datetime` was set as such.
    moments
        The times of its feed; None if the position is not touched on every bar.
    """

    __slots__ = PRIVATE

    size: float
    price: float
    price_orig: float
    upopened: float
    upclosed: float
    adjbase: float | None

    def __init__(self, changed: Changed) -> None:
        private = object.__setattr__
        # The constructor sets the fields, which is no change by a script.
        private(self, "changed", lambda: None)
        private(self, "fields", FIELDS.__get__(self))
        self.touch(None, None)
        super().__init__()
        private(self, "changed", changed)

    def __setattr__(self, name: str, value: Any) -> None:
        # `vars(position)` may be read before the next bar.
        self.settle()
        self.fields[name] = value
        self.changed()

    def touch(self, day: float | None, zone: Any, moments: Any = None) -> None:
        """Note the bar, or the times of all bars, that the position was touched on."""
        private = object.__setattr__
        private(self, "day", day)
        private(self, "zone", zone)
        private(self, "moments", moments)

    @property
    def __dict__(self) -> dict[str, Any]:  # type: ignore[override]
        self._note_datetime()
        self.changed()  # the dictionary can be written to as well
        return self.fields  # type: ignore[no-any-return]

    @property
    def datetime(self) -> Any:
        self._note_datetime()
        if "datetime" not in self.fields:
            raise AttributeError("'Position' object has no attribute 'datetime'")
        return self.fields["datetime"]

    def _note_datetime(self) -> None:
        # backtrader touches only open positions on each bar. The line gives the time of its current
        # bar.
        if self.moments is not None and self.size:
            self.fields["datetime"] = num2date(self.moments[0], self.zone)
        elif self.day is not None:
            self.fields["datetime"] = num2date(self.day, self.zone)

    def settle(self) -> None:
        """Keep the datetime as it is on this bar."""
        self._note_datetime()
        self.touch(None, None)

    def become(self, size: float, price: float, opened: float, closed: float) -> None:
        """Write the results of `update`."""
        fields = self.fields
        # As `Position.update`, which keeps the price from before
        fields["price_orig"] = fields["price"]
        fields["size"], fields["price"] = size, price
        fields["upopened"], fields["upclosed"] = opened, closed

    def __bool__(self) -> bool:
        # `bool(self.size)` would return the same. This form is faster, and is called on every bar.
        return True if self.size else False  # noqa: SIM210

    def __reduce_ex__(self, protocol: Any) -> Any:
        self._note_datetime()
        return object.__new__, (Position,), self.fields.copy()


def _reporting(base: type, name: str) -> Callable[..., Any]:
    """Return a dictionary's method that also calls `changed`."""
    method = getattr(base, name)

    def change(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = method(self, *args, **kwargs)
        self.changed()
        return result

    return change


class Positions(defaultdict[Any, Any]):
    """The broker's positions by feed."""

    __slots__ = ("changed",)

    def __init__(self, changed: Changed) -> None:
        super().__init__(Position)
        self.changed = changed

    def __missing__(self, data: Any) -> HeldPosition:
        position = HeldPosition(self.changed)
        # Past the `__setitem__` of this class, which would report a change by a script.
        super().__setitem__(data, position)
        return position

    def __reduce_ex__(self, protocol: Any) -> Any:
        return defaultdict, (Position, dict(self))

    def copy(self) -> Any:
        return defaultdict(Position, self)

    __copy__ = copy


class Schemes(dict[Any, Any]):
    """The broker's commission schemes by the name of the feed."""

    __slots__ = ("changed",)

    def __init__(self, schemes: dict[Any, Any], changed: Changed) -> None:
        super().__init__(schemes)
        self.changed = changed

    def __reduce_ex__(self, protocol: Any) -> Any:
        return dict, (dict(self),)


for _name in MUTATORS:
    # Set after the classes, so that `dict` and `defaultdict` give the methods they wrap
    setattr(Positions, _name, _reporting(defaultdict, _name))
    setattr(Schemes, _name, _reporting(dict, _name))

# Scripts print what they get.
HeldPosition.__name__ = HeldPosition.__qualname__ = "Position"
HeldPosition.__module__ = Position.__module__
Positions.__name__ = Positions.__qualname__ = "defaultdict"
Positions.__module__ = "collections"
Schemes.__name__ = Schemes.__qualname__ = "dict"
Schemes.__module__ = "builtins"
