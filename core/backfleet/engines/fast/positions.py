"""Positions that note the time of a bar as a number and make a datetime of it when asked.

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
    """

    day: float | None = None
    zone: Any = None

    @property
    def datetime(self) -> Any:
        if self.day is not None:
            self.datetime = num2date(self.day, self.zone)
        if "_datetime" not in self.__dict__:
            raise AttributeError("the position has no datetime before its first update")
        return self._datetime

    @datetime.setter
    def datetime(self, moment: Any) -> None:
        self._datetime = moment
        self.day = None

    def clone(self) -> Any:
        return Position(size=self.size, price=self.price)
