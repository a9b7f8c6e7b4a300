"""An account in exact fractions, written from the rules and not from the engines.

It follows one symbol whose target is a number of shares. It knows raw prices, a board and a date,
and neither `Terms` nor the broker.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

__all__ = ["Bar", "Dividend", "Ledger", "Rules", "ex_price"]

LIMITS = {"main": 10, "st": 5, "star": 20}
LOTS = {"main": (100, 100), "st": (100, 100), "star": (200, 1)}
MAX_SHARES = {"main": 1_000_000, "st": 1_000_000, "star": 50_000}


@dataclass(frozen=True)
class Bar:
    """A row of the file; prices are decimals, and volume is a number of shares."""

    day: date
    open: Decimal
    close: Decimal
    volume: int
    halted: bool = False


@dataclass(frozen=True)
class Dividend:
    """Cash and new shares for each share that is held when a day begins; cash comes on `pay`.

    If only the change of the adjustment factor is known, `factor` has it.
    """

    day: date
    cash: Decimal
    bonus: Decimal
    pay: date
    factor: Decimal | None = None


@dataclass(frozen=True)
class Rules:
    """How the job applies the market; `share` is the share of the volume, None for no cap.
    `reinvests` says whether dividends buy shares at the reference price, in fractions. With
    `all_in`, targets are positions, and a purchase takes all cash at the close."""

    board: str = "main"
    waits: bool = False
    share: Fraction | None = None
    commission: Fraction = Fraction(25, 100_000)
    reinvests: bool = False
    all_in: bool = False
    taxed: bool = False


@dataclass
class Order:
    """An order that waits: the bar and the price at which it was made, and its size."""

    made: int
    price: Fraction
    size: Fraction


@dataclass
class Lot:
    """Shares of one purchase, and the dividends on them."""

    day: date
    shares: Fraction
    dividends: Fraction = Fraction(0)


@dataclass
class Ledger:
    """Cash, shares, fills and rejections.

    Attributes
    ----------
    fills
        Bar, signed shares, price, fee.
    rejections
        Bar of the decision, shares that were not filled, and the reason.
    values
        The value of the account after each tradable bar.
    """

    cash: Fraction
    rules: Rules
    dividends: Sequence[Dividend] = ()
    held: Fraction = Fraction(0)
    fills: list[tuple[int, Fraction, Decimal, Fraction]] = field(default_factory=list)
    rejections: list[tuple[int, Fraction, str]] = field(default_factory=list)
    values: list[Fraction] = field(default_factory=list)
    _bought: dict[date, Fraction] = field(default_factory=dict)
    _due: list[tuple[date, Fraction]] = field(default_factory=list)
    _lots: list[Lot] = field(default_factory=list)

    def follow(self, bars: Sequence[Bar], targets: Sequence[int | None]) -> None:
        """Go through all bars; `targets` has an element per bar, those of halted ones unused."""
        waiting: Order | None = None
        price: Decimal | None = None
        day = bars[0].day
        for at, bar in enumerate(bars):
            if bar.halted:
                continue
            for dividend in self.dividends:
                if price is not None and day < dividend.day <= bar.day:
                    price = self.pay_out(dividend, price, waiting)
            day = bar.day
            self.cash += self.paid(day)
            if waiting is not None:
                self._decide(bars, at, waiting)
                waiting = None
            self.values.append(self.cash + self.held * Fraction(bar.close) + self.receivable)
            price = bar.close
            waiting = self.order_for(self._shares(targets[at], bar.close), at, bar.close)

    @property
    def receivable(self) -> Fraction:
        """The money that is not paid yet."""
        return sum((money for _, money in self._due), Fraction(0))

    def paid(self, day: date) -> Fraction:
        """Return the money that is paid until a day, and forget it."""
        money = sum((money for pay, money in self._due if pay <= day), Fraction(0))
        self._due = [(pay, money) for pay, money in self._due if pay > day]
        return money

    def order_for(self, target: Fraction | int | None, at: int, close: Decimal) -> Order | None:
        """Return the order that a target number of shares places after a bar, if any."""
        if target is None or target == self.held:
            return None
        size = self._in_lots(target - self.held)
        if not size and self.held:
            return None
        return Order(at, Fraction(close), size or target - self.held)

    def _shares(self, target: int | None, close: Decimal) -> Fraction | int | None:
        """Return the shares that a target wants; None to keep what is held."""
        if not self.rules.all_in or not target:
            return target
        return self.held or self.cash // Fraction(close)

    def pay_out(self, dividend: Dividend, close: Decimal, waiting: Order | None) -> Decimal:
        """Book a dividend and return the reference price, to which a waiting order moves."""
        reference = ex_price(close, dividend)
        before, ratio = self.held, 1 + Fraction(dividend.bonus)
        if self.rules.reinvests:
            ratio = Fraction(close) / Fraction(reference)
            if dividend.factor is not None:
                ratio = Fraction(dividend.factor)
            self.held *= ratio
        else:
            self.held = Fraction(math.floor(before * ratio + Fraction(1, 2)))
            self._due.append((dividend.pay, before * Fraction(dividend.cash)))
        for lot in self._lots:
            # Shares from profit are income of their par value, 1 CNY.
            lot.dividends += lot.shares * Fraction(dividend.cash + dividend.bonus)
            lot.shares *= self.held / before
        if waiting is not None:
            waiting.price *= Fraction(reference) / Fraction(close)
            if waiting.size == -before:
                waiting.size = -self.held
            elif ratio != 1:
                moved = waiting.size * ratio
                if not self.rules.reinvests:
                    moved = Fraction(math.trunc(moved))
                waiting.size = self._in_lots(moved) or moved
        return reference

    def _decide(self, bars: Sequence[Bar], at: int, order: Order) -> None:
        reason = self.reason_when_placed(order)
        cost = order.size * order.price + self._fee(bars[at].day, order.size, order.price)
        if order.size < 0 and self.rules.taxed:
            # On shares of a few cents, the tax can be more than their price.
            lots = [replace(lot) for lot in self._lots]
            cost += self._sell_lots(lots, min(-order.size, self.held), bars[at].day)
        if not reason and self.cash < cost:
            reason = "cash_at_submission"
        if reason:
            self.rejections.append((at, order.size, reason))
        else:
            self.fill(bars, at, order)

    def reason_when_placed(self, order: Order) -> str:
        """Return why an order is rejected whatever the cash; an empty string if it is not."""
        if not self._in_lots(order.size):
            return "lot"
        return "order_size" if abs(order.size) > MAX_SHARES[self.rules.board] else ""

    def cash_after(self, cash: Fraction, day: date, order: Order) -> Fraction:
        """Return what is left of some cash after an order fills at the price at which it was made;
        what closes a position and what opens one have a fee each."""
        closed = Fraction(0)
        if order.size * self.held < 0:
            closed = min(order.size, -self.held, key=abs)
        for size in (closed, order.size - closed):
            if size:
                cash -= size * order.price + self._fee(day, size, order.price)
        return cash

    def fill(self, bars: Sequence[Bar], at: int, order: Order) -> None:
        """Fill an order at the open of a bar, or reject it."""
        bar, size = bars[at], order.size
        reason = self._refusal(bars, at, order)
        if reason:
            self.rejections.append((at, size, reason))
            return
        allowed = size
        sellable = self.held - self._bought.get(bar.day, 0)
        if size < 0 and -size > sellable:
            allowed, reason = -sellable, "same_session"
        if self.rules.share is not None:
            cap = int(self.rules.share * bar.volume)
            if abs(allowed) > cap:
                least, step = LOTS[self.rules.board]
                lots = cap // step * step
                lots = lots if lots >= least else 0
                allowed, reason = Fraction(lots if size > 0 else -lots), "volume"
        fee = self._fee(bar.day, allowed, bar.open)
        if allowed < 0:
            tax = self._sell_lots(self._lots, -allowed, bar.day)
            fee += tax if self.rules.taxed else 0
        if allowed > 0 and self.cash < allowed * Fraction(bar.open) + fee:
            self.rejections.append((at, size, "cash_at_fill"))
            return
        if allowed:
            self.cash -= allowed * Fraction(bar.open) + fee
            self.held += allowed
            self.fills.append((at, allowed, bar.open, fee))
            if allowed > 0:
                self._lots.append(Lot(bar.day, Fraction(allowed)))
                self._bought[bar.day] = self._bought.get(bar.day, Fraction(0)) + allowed
        if allowed != size:
            self.rejections.append((at, size - allowed, reason))

    @staticmethod
    def _sell_lots(lots: list[Lot], shares: Fraction, day: date) -> Fraction:
        """Take shares out of the first purchases, and return the tax on their dividends."""
        tax = Fraction(0)
        while shares:
            lot = lots[0]
            part = min(shares, lot.shares)
            months = (day.year - lot.day.year) * 12 + day.month - lot.day.month
            months += day.day > lot.day.day
            rate = Fraction(20 if months <= 1 else 10 if months <= 12 else 0, 100)
            dividends = lot.dividends * part / lot.shares
            tax += rate * dividends
            lot.dividends -= dividends
            lot.shares -= part
            shares -= part
            if not lot.shares:
                del lots[0]
        return tax

    def _refusal(self, bars: Sequence[Bar], at: int, order: Order) -> str:
        bar, day, made, size = bars[at], bars[at].day, order.made, order.size
        if not self.rules.waits and bars[made + 1].day != day and bars[made + 1].halted:
            return "halted"
        up, down = self._limits(bars, at)
        if size > 0 and up is not None and bar.open >= up:
            return "limit_up"
        if size < 0 and down is not None and bar.open <= down:
            return "limit_down"
        if self.held + size < 0:
            return "short"
        sellable = self.held - self._bought.get(day, 0)
        if size < 0 and -size > sellable and (-size != self.held or not sellable):
            return "same_session"
        return ""

    def _in_lots(self, size: Fraction) -> Fraction:
        least, step = LOTS[self.rules.board]
        if size < 0 and -size >= self.held > 0:
            return size
        lots = Fraction(abs(size) // step * step)
        if lots < least:
            return Fraction(0)
        return lots if size > 0 else -lots

    def _fee(self, day: date, size: Fraction, price: Decimal | Fraction) -> Fraction:
        value = abs(size) * Fraction(price)
        duty = Fraction(0)
        if size < 0:
            duty = Fraction(5 if day >= date(2023, 8, 28) else 10, 10_000)
        transfer = Fraction(1 if day >= date(2022, 4, 29) else 2, 100_000)
        return max(self.rules.commission * value, Fraction(5)) + value * (duty + transfer)

    def _limits(self, bars: Sequence[Bar], at: int) -> tuple[Decimal | None, Decimal | None]:
        earlier = [bar for bar in bars[:at] if bar.day < bars[at].day and not bar.halted]
        if not earlier:
            return None, None
        close, percent = earlier[-1].close, LIMITS[self.rules.board]
        for dividend in self.dividends:
            if earlier[-1].day < dividend.day <= bars[at].day:
                close = ex_price(close, dividend)
        cent = Decimal("0.01")
        up = (close * (100 + percent) / 100).quantize(cent, ROUND_HALF_UP)
        down = (close * (100 - percent) / 100).quantize(cent, ROUND_HALF_UP)
        if bars[at].day >= date(2023, 4, 10):
            up, down = max(up, close + cent), min(down, close - cent)
        return up, down


def ex_price(close: Decimal, dividend: Dividend) -> Decimal:
    """Return the reference price of an ex-date."""
    if dividend.factor is not None:
        # Factors have six digits.
        return round(close / dividend.factor, 4).quantize(Decimal("0.01"), ROUND_HALF_UP)
    price = (close - dividend.cash) / (1 + dividend.bonus)
    return price.quantize(Decimal("0.01"), ROUND_HALF_UP)
