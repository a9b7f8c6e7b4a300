"""Positions that know the line of their feed's times and make a datetime of it when asked.

backtrader writes the bar's datetime into every open position on every bar, which costs more than
valuing the position.

Must equal: every attribute of a `backtrader.Position`.
"""

from __future__ import annotations

from typing import Any

from backtrader.position import Position
from backtrader.utils.dateintern import num2date

__all__ = ["HeldPosition"]


class HeldPosition(Position):
    """A position whose `datetime` is computed when it is read.

    Attributes
    ----------
    day, zone
        The time of the bar that last touched the position, as backtrader's number, and the time
        zone to show it in; None where `datetime` was set as such.
    moments
        The times of its feed; None where the position is not touched on every bar.
    """

    size: float
    price: float
    day: float | None = None
    zone: Any = None
    moments: Any = None

    @property
    def datetime(self) -> Any:
        if self.moments is not None and self.size:
            return num2date(self.moments[0], self.zone)
        if self.day is not None:
            self.datetime = num2date(self.day, self.zone)
        if "_datetime" not in self.__dict__:
            raise AttributeError("the position has no datetime before its first update")
        return self._datetime

    @datetime.setter
    def datetime(self, moment: Any) -> None:
        self._datetime = moment
        self.day = self.moments = None

    def become(self, size: float, price: float, opened: float, closed: float) -> None:
        """`update`, by its effect."""
        self.price_orig = self.price
        self.size, self.price = size, price
        self.upopened, self.upclosed = opened, closed

    def __bool__(self) -> bool:
        return True if self.size else False  # noqa: SIM210

    def clone(self) -> Any:
        return Position(size=self.size, price=self.price)
