"""The purchases of one symbol, whose dividends are taxed when the shares are sold."""

from __future__ import annotations

import calendar
from dataclasses import dataclass, field
from datetime import date

__all__ = ["TaxLots", "Taxes"]

Taxes = tuple[float, float, float]
"""Tax on a dividend per share that got it, for shares held up to a month, up to a year, longer."""

EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


@dataclass
class _Lot:
    day: int
    shares: float
    dividends: list[tuple[Taxes, float]] = field(default_factory=list)
    """The tax of each dividend, and the shares that got it."""


class TaxLots:
    """Purchases, first in, first out. Days are counted from 1970-01-01."""

    def __init__(self) -> None:
        self._lots: list[_Lot] = []

    def buy(self, day: float, shares: float) -> None:
        """Add a purchase."""
        self._lots.append(_Lot(int(day), shares))

    def receive(self, taxes: Taxes, ratio: float) -> None:
        """Note a dividend with its tax, and multiply the shares."""
        if ratio == 0.0:
            # An empty lot in front would hide the purchases behind it.
            self._lots.clear()
        for lot in self._lots:
            # Entitled are the shares held when the ex-date begins, not the new ones of the same
            # event.
            if any(taxes):
                lot.dividends.append((taxes, lot.shares))
            lot.shares *= ratio

    def tax(self, shares: float, day: float) -> float:
        """Return the tax on the dividends of shares that are sold on a day."""
        # The lots stay as they are: the broker asks for the tax in its checks of the cash, too, and
        # takes the shares out with `sell` when an order has filled.
        total = 0.0
        for lot in self._lots:
            part = min(shares, lot.shares)
            # Purchases are sold in their order, so the later ones are not reached.
            if part <= 0.0:
                break
            if lot.dividends:
                period = _period(lot.day, int(day))
                for taxes, entitled in lot.dividends:
                    # Of each dividend, the part that belongs to the shares sold of this lot
                    total += taxes[period] * entitled * (part / lot.shares)
            shares -= part
        return total

    def sell(self, shares: float) -> None:
        """Take shares out."""
        while self._lots and shares > 0.0:
            lot = self._lots[0]
            if shares >= lot.shares:
                shares -= lot.shares
                del self._lots[0]
                continue
            # The shares that stay keep their part of every dividend, and their day of purchase.
            rest = lot.shares - shares
            lot.dividends = [(taxes, held * rest / lot.shares) for taxes, held in lot.dividends]
            lot.shares = rest
            return


def _period(bought: int, sold: int) -> int:
    """Return 0 for shares held up to a month, 1 up to a year, and 2 longer."""
    day = date.fromordinal(EPOCH_ORDINAL + bought)
    until = date.fromordinal(EPOCH_ORDINAL + sold)
    if until <= _months_later(day, 1):
        return 0
    return 1 if until <= _months_later(day, 12) else 2


def _months_later(day: date, months: int) -> date:
    month = day.month - 1 + months
    year, month = day.year + month // 12, month % 12 + 1
    # A month after 31 January is the last day of February.
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))
