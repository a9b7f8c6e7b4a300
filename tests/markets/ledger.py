"""An account in exact fractions, written from the rules and not from the engines.

It follows one symbol whose target is a number of shares. It knows raw prices, a board and a date,
and neither `Terms` nor the broker.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

__all__ = ["Bar", "Ledger", "Rules"]

LIMITS = {"main": 10, "st": 5, "star": 20}
LOTS = {"main": (100, 100), "st": (100, 100), "star": (200, 1)}
MOST = {"main": 1_000_000, "st": 1_000_000, "star": 50_000}


@dataclass(frozen=True)
class Bar:
    """A row of the file; prices are decimals, and volume is a number of shares."""

    day: date
    open: Decimal
    close: Decimal
    volume: int
    halted: bool = False


@dataclass(frozen=True)
class Rules:
    """How the job applies the market; `share` is the share of the volume, None for no cap."""

    board: str = "main"
    waits: bool = False
    share: Fraction | None = None
    commission: Fraction = Fraction(25, 100_000)


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
    held: int = 0
    fills: list[tuple[int, int, Decimal, Fraction]] = field(default_factory=list)
    rejections: list[tuple[int, int, str]] = field(default_factory=list)
    values: list[Fraction] = field(default_factory=list)
    _bought: dict[date, int] = field(default_factory=dict)

    def follow(self, bars: Sequence[Bar], targets: Sequence[int | None]) -> None:
        """Go through all bars; `targets` has an element per bar, those of halted ones unused."""
        waiting: tuple[int, int] | None = None
        for at, bar in enumerate(bars):
            if bar.halted:
                continue
            if waiting is not None:
                self._decide(bars, at, *waiting)
                waiting = None
            self.values.append(self.cash + self.held * Fraction(bar.close))
            target = targets[at]
            if target is None or target == self.held:
                continue
            size = self._in_lots(target - self.held)
            if size or not self.held:
                waiting = (at, size or target - self.held)

    def _decide(self, bars: Sequence[Bar], at: int, made: int, size: int) -> None:
        bar = bars[at]
        reason = self._refusal(bars, at, made, size)
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
                allowed, reason = (lots if size > 0 else -lots), "volume"
        fee = self._fee(bar.day, allowed, bar.open)
        if allowed > 0 and self.cash < allowed * Fraction(bar.open) + fee:
            self.rejections.append((at, size, "cash_at_fill"))
            return
        if allowed:
            self.cash -= allowed * Fraction(bar.open) + fee
            self.held += allowed
            self.fills.append((at, allowed, bar.open, fee))
            if allowed > 0:
                self._bought[bar.day] = self._bought.get(bar.day, 0) + allowed
        if allowed != size:
            self.rejections.append((at, size - allowed, reason))

    def _refusal(self, bars: Sequence[Bar], at: int, made: int, size: int) -> str:
        bar, day = bars[at], bars[at].day
        if not self._in_lots(size):
            return "lot"
        if abs(size) > MOST[self.rules.board]:
            return "order_size"
        cost = size * Fraction(bars[made].close) + self._fee(day, size, bars[made].close)
        if self.cash < cost:
            return "cash_at_submission"
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

    def _in_lots(self, size: int) -> int:
        least, step = LOTS[self.rules.board]
        if size < 0 and -size >= self.held > 0:
            return size
        lots = abs(size) // step * step
        if lots < least:
            return 0
        return lots if size > 0 else -lots

    def _fee(self, day: date, size: int, price: Decimal) -> Fraction:
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
        cent = Decimal("0.01")
        up = (close * (100 + percent) / 100).quantize(cent, ROUND_HALF_UP)
        down = (close * (100 - percent) / 100).quantize(cent, ROUND_HALF_UP)
        if bars[at].day >= date(2023, 4, 10):
            up, down = max(up, close + cent), min(down, close - cent)
        return up, down
