"""A portfolio in exact fractions: the `Ledger` of each symbol, and one cash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction

from markets.ledger import Bar, Dividend, Ledger, Order

__all__ = ["Moment", "PortfolioLedger", "Symbol", "moments_of"]

Moment = tuple[date, int]
"""A day, and the number of a bar in it."""


def moments_of(rows: Sequence[Bar]) -> list[Moment]:
    """Return the moment of each row."""
    moments: list[Moment] = []
    for row in rows:
        is_same = bool(moments) and moments[-1][0] == row.day
        moments.append((row.day, moments[-1][1] + 1 if is_same else 0))
    return moments


@dataclass
class Symbol:
    """The rows of a symbol and its ledger, whose cash is that of the portfolio for a moment.

    `at` is the last row that was tradable, and `price` its close, which ex-dates move.
    """

    rows: Sequence[Bar]
    ledger: Ledger
    open_events: list[Dividend]
    at: int = -1
    price: Decimal = Decimal(0)
    waiting: Order | None = None

    @property
    def day(self) -> date:
        return self.rows[self.at].day


@dataclass
class PortfolioLedger:
    """The cash, the symbols, and the value of the account at each moment."""

    cash: Fraction
    symbols: Sequence[Symbol]
    sells_first: bool = False
    values: list[Fraction] = field(default_factory=list)

    def follow(self, targets: Mapping[Moment, Sequence[int | None]]) -> None:
        """Go through all moments at which a symbol can be traded; `targets` has all of them."""
        placed: list[Symbol] = []
        queue: list[Symbol] = []
        rows: list[dict[Moment, int]] = [
            {moment: at for at, moment in enumerate(moments_of(s.rows)) if not s.rows[at].halted}
            for s in self.symbols
        ]
        for moment in sorted(targets):
            fresh = [
                symbol for symbol, own in zip(self.symbols, rows, strict=True) if moment in own
            ]
            self._book_events(moment[0])
            for symbol, own in zip(self.symbols, rows, strict=True):
                symbol.at = own.get(moment, symbol.at)
            queue += self._accepted(placed)
            queue = [symbol for symbol in queue if not self._has_filled(symbol, fresh)]
            for symbol in fresh:
                symbol.price = symbol.rows[symbol.at].close
            self._value()
            placed = self._place(fresh, targets[moment])

    def _book_events(self, day: date) -> None:
        for symbol in self.symbols:
            while symbol.open_events and symbol.open_events[0].day <= day:
                event = symbol.open_events.pop(0)
                symbol.price = symbol.ledger.pay_out(event, symbol.price, symbol.waiting)
        self.cash += sum(symbol.ledger.paid(day) for symbol in self.symbols)

    def _accepted(self, placed: Sequence[Symbol]) -> list[Symbol]:
        """Return the symbols whose orders the cash suffices for, as if all before had been filled,
        also those that it does not suffice for."""
        cash, accepted = self.cash, []
        for symbol in placed:
            order, ledger = symbol.waiting, symbol.ledger
            assert order is not None
            reason = ledger.reason_when_placed(order)
            if not reason:
                cash = ledger.cash_after(cash, symbol.day, order)
                reason = "cash_at_submission" if cash < 0 else ""
            if reason:
                ledger.rejections.append((symbol.at, order.size, reason))
                symbol.waiting = None
            else:
                accepted.append(symbol)
        return accepted

    def _has_filled(self, symbol: Symbol, fresh: Sequence[Symbol]) -> bool:
        """Decide about the order of a symbol, if that has a bar."""
        if not any(symbol is other for other in fresh):
            return False
        assert symbol.waiting is not None
        symbol.ledger.cash = self.cash
        symbol.ledger.fill(symbol.rows, symbol.at, symbol.waiting)
        self.cash, symbol.waiting = symbol.ledger.cash, None
        return True

    def _value(self) -> None:
        worth = sum(
            symbol.ledger.held * Fraction(symbol.price) + symbol.ledger.receivable
            for symbol in self.symbols
        )
        self.values.append(self.cash + worth)

    def _place(self, fresh: Sequence[Symbol], targets: Sequence[int | None]) -> list[Symbol]:
        placed = []
        for symbol, target in zip(self.symbols, targets, strict=True):
            if any(symbol is other for other in fresh):
                symbol.waiting = symbol.ledger.order_for(target, symbol.at, symbol.price)
                placed += [] if symbol.waiting is None else [symbol]
        if self.sells_first:
            placed.sort(key=lambda symbol: symbol.waiting is not None and symbol.waiting.size > 0)
        return placed
