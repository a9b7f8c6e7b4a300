"""`Market`: dated rules, turned into the `Terms` of a symbol's bars.

A market is a plugin of the group `backfleet.markets`. The job names it in `[market]`.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from functools import partial
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backfleet.bars import Bars, Prices
from backfleet.corporate_actions import ActionsMode, Rights, booked_actions, no_tax
from backfleet.engine import RejectReason
from backfleet.errors import DayNotCovered
from backfleet.facts import Action, SymbolFacts
from backfleet.terms import Limits, Terms, repeated

__all__ = [
    "Certainty",
    "Dated",
    "Market",
    "MarketSettings",
    "Step",
]

Days = NDArray[np.datetime64]
Floats = NDArray[np.float64]


class Certainty(StrEnum):
    """The certainty of a dated value."""

    OFFICIAL = "official text"
    TWO_SOURCES = "two independent secondary sources"
    CODE = "the code of a published engine or package"
    UNCONFIRMED = "one secondary source, unconfirmed"


@dataclass(frozen=True)
class Step:
    """A value of a rule from a session on.

    Attributes
    ----------
    first
        The first session on which the value holds.
    source
        Where the value comes from, in words.
    """

    first: date
    value: float
    certainty: Certainty
    source: str = ""

    @classmethod
    def of(cls, first: str, value: float, certainty: Certainty, source: str = "") -> Step:
        """Return the step of an ISO 8601 date."""
        return cls(date.fromisoformat(first), value, certainty, source)


class Dated:
    """A rule whose value changes on dates.

    Parameters
    ----------
    rule
        The name of the rule, for messages.
    steps
        In the order of their dates.
    unit
        What the value counts, for people. A unit that begins with "of" or "per mille of" is a
        fraction, which `backfleet markets show` prints in percent.
    checked_until
        The first day for which nobody has checked the last value, as ISO 8601; None if it holds
        until a later rule changes it.
    """

    def __init__(
        self, rule: str, *steps: Step, unit: str = "", checked_until: str | None = None
    ) -> None:
        self.rule, self.steps, self.unit = rule, steps, unit
        self._end = None if checked_until is None else date.fromisoformat(checked_until)
        # The same steps as arrays, because `on` is asked for millions of bars.
        self._days = np.array([step.first for step in steps], "datetime64[D]")
        self._values = np.array([step.value for step in steps], np.float64)
        if not (self._days[1:] > self._days[:-1]).all():
            raise ValueError(f"{rule}: the steps must be in the order of their dates")

    def on(self, sessions: Days) -> Floats:
        """Return the value on each session, which ascend. Raises DayNotCovered if one has none."""
        if not len(sessions):
            return np.empty(0)
        if self._end is not None and sessions[-1] >= np.datetime64(self._end):
            raise self._too_late(sessions[-1].item())
        # The step in force is the last one that begins on the session or before it.
        first, last = np.searchsorted(self._days, sessions[[0, -1]], "right") - 1
        if first < 0:
            raise self._too_early(sessions[0].item())
        if first == last:
            # Most tables change on no day of a job.
            return repeated(float(self._values[first]), self._values.dtype, len(sessions))
        # In range, since both ends are checked above and the sessions ascend.
        values: Floats = self._values[np.searchsorted(self._days, sessions, "right") - 1]
        return values

    def step(self, day: date) -> Step:
        """Return the step in force on a day. Raises DayNotCovered if there is none."""
        if self._end is not None and day >= self._end:
            raise self._too_late(day)
        earlier = [step for step in self.steps if step.first <= day]
        if not earlier:
            raise self._too_early(day)
        return earlier[-1]

    def until(self, day: date) -> date | None:
        """Return the day on which the value of a day ends; None if it is the last one."""
        return next((step.first for step in self.steps if step.first > day), None)

    def _too_late(self, day: date) -> DayNotCovered:
        return DayNotCovered(
            f"{self.rule}: the values are checked for days before {self._end}, and {day} is later",
            end=self._end,
            day=day,
        )

    def _too_early(self, day: date) -> DayNotCovered:
        first = self.steps[0].first
        return DayNotCovered(
            f"{self.rule}: the table begins on {first}, and {day} is earlier",
            first=first,
            day=day,
        )


@dataclass(frozen=True)
class MarketSettings:
    """The settings with which a job applies the rules of a market.

    Attributes
    ----------
    off
        Rules that are switched off.
    orders
        `day`: an order lives for the next session only; `wait`: it waits while the symbol is
        halted.
    limit_fill
        `open`: a purchase whose bar opens at the upper limit is rejected, and a sale at the lower
        one; `bar`: only if the price never leaves the limit during the bar.
    volume_share
        The most that an order fills, as a fraction of the bar's volume; 0 for no such limit.
    actions
        How corporate actions are booked. `exact`: by the table of actions of the facts; `factor`:
        every dividend is reinvested at the reference price; `none`: not at all.
    rights
        `lapse`: rights to new shares are lost; `subscribe`: they are taken up if the cash suffices.
    dividend_tax
        Whether dividends are taxed when the shares are sold. Only with `exact`.
    """

    off: frozenset[str] = frozenset()
    orders: Literal["day", "wait"] = "day"
    limit_fill: Literal["open", "bar"] = "open"
    volume_share: float = 0.0
    actions: ActionsMode = "none"
    rights: Rights = "lapse"
    dividend_tax: bool = False


class Market(ABC):
    """The rules of a market.

    Attributes
    ----------
    rules
        The names of its rules; each can be switched off.
    needs_raw_prices
        Whether its rules are about prices as they were traded, and not about adjusted ones.
    """

    name: ClassVar[str]
    rules: ClassVar[tuple[str, ...]]
    needs_raw_prices: ClassVar[bool] = False

    @abstractmethod
    def terms(self, bars: Bars, facts: SymbolFacts, off: frozenset[str]) -> Terms:
        """Return the terms of all bars of a symbol; the rules in `off` are neutral. Sizes count
        traded units.

        The terms of a bar may depend on its raw open and on what was known before, and on nothing
        later. What `apply` adds can be left out. Raises MarketError for a symbol or a date that
        the rules do not cover.
        """

    def limits(self, bars: Bars, facts: SymbolFacts, off: frozenset[str]) -> Limits | None:
        """Return the price limits of all bars of a symbol; None without any.

        The limits of a bar may depend on what was known before its open. Raises as `terms` does.
        """
        return None

    def tables(self, facts: SymbolFacts) -> Sequence[Dated]:
        """Return the dated rules of a symbol, to show them. Raises MarketError as `terms`."""
        return ()

    def assumptions(self, facts: SymbolFacts) -> Sequence[str]:
        """Return the assumptions of the rules about a symbol without facts, in words."""
        return ()

    def dividend_taxes(self, actions: Sequence[Action], facts: SymbolFacts) -> Floats:
        """Return the tax on the dividends of these actions, which are sorted by their ex-dates, as
        in `Events.taxes`. Raises MarketError if a table has no value for a day."""
        return np.zeros((3, len(actions)))

    def unit(self, facts: SymbolFacts, off: frozenset[str]) -> float:
        """Return `Bars.unit`, for markets that trade fractions of a share or coin."""
        return 1.0

    def follow(self, bars: Bars, facts: SymbolFacts, settings: MarketSettings) -> Bars:
        """Return all bars of a symbol with their terms and events. Raises MarketError."""
        # Bound to the symbol, because corporate actions know nothing of facts or markets.
        tax = partial(self.dividend_taxes, facts=facts) if settings.dividend_tax else no_tax
        booked = booked_actions(bars, facts.actions, settings.actions, settings.rights, tax)
        # The limits of an ex-date follow from the factor, even if no event is booked.
        is_own = settings.actions == "none" or booked.factor is bars.factor
        adjusted = bars if is_own else replace(bars, factor=booked.factor)
        return replace(
            bars,
            # `Bars.window` adjusts them, to the last bar of the window and not of the file.
            prices=bars.raw,
            factor=booked.factor,
            events=booked.events,
            terms=self.apply(adjusted, facts, settings),
            unit=self.unit(facts, settings.off),
        )

    def apply(self, bars: Bars, facts: SymbolFacts, settings: MarketSettings) -> Terms:
        """Return the terms of a symbol's bars, with the rules that are the same everywhere: prices
        at their limits, halted sessions and the share of the volume.

        Bars on days that a rule does not cover have neutral terms, since a file may begin before
        the tables; `check_days` refuses a job that uses such days. Raises MarketError.
        """
        off = settings.off
        # A rule raises for the whole symbol if one of its days is not covered, so it is asked again
        # about the others.
        try:
            terms, limits = _of_covered_days(
                lambda covered: self._rules_of(covered, facts, off), bars
            )
        except DayNotCovered:
            # Of a symbol without a covered day; its error names the rule to switch off, too.
            self.check_days(facts, bars.session[0].item(), bars.session[-1].item(), off)
            raise
        values = {} if limits is None else dict(_blocks(terms, limits, bars, settings.limit_fill))
        has_halts = "halts" in self.rules and "halts" not in off
        if settings.orders == "day" and has_halts and not bars.tradable.all():
            # Without a halt, the next session is always that of the next bar, and nothing can be
            # missed.
            values["missed"] = _missed(bars)
        if settings.volume_share:
            # In traded units, rounded down, because an order never fills a part of one.
            values["cap"] = np.floor(bars.volume * settings.volume_share / self.unit(facts, off))
        return terms.having(**values) if values else terms

    def check_days(self, facts: SymbolFacts, first: date, last: date, off: frozenset[str]) -> None:
        """Raise MarketError unless the rules that are not in `off` cover the days of a job."""
        # Dated tables have no holes, so the first and the last day stand for all days between them.
        days = np.array([first, last] if last > first else [first], "datetime64[D]")
        # The rules want bars, and the check must not depend on the bars that a file happens to
        # have.
        ones = np.ones(len(days))
        prices = Prices(ones, ones, ones, ones)
        time = days.astype("M8[ns]").view(np.int64)
        tradable = np.ones(len(days), np.bool_)
        bars = Bars(facts.symbol, time, days, prices, prices, ones, ones, tradable)
        try:
            self._rules_of(bars, facts, off)
        except DayNotCovered as error:
            advice = _advice(error, self._rules_to_switch_off(error, bars, facts, off))
            raise DayNotCovered(
                f"{facts.symbol}: {error}{advice}", error.first, error.end, error.day
            ) from error

    def _rules_to_switch_off(
        self, error: DayNotCovered, bars: Bars, facts: SymbolFacts, off: frozenset[str]
    ) -> Sequence[str]:
        """Return all rules that must be off for these bars; none if that would not help."""
        # A table does not know its rule, so the rule is the one without which the error changes.
        for rule in self.rules:
            try:
                self._rules_of(bars, facts, off | {rule})
            except DayNotCovered as other:
                if str(other) != str(error):
                    return self._rules_to_switch_off(other, bars, facts, off | {rule})
            else:
                return [name for name in self.rules if name in off | {rule}]
        return ()

    def _rules_of(self, bars: Bars, facts: SymbolFacts, off: frozenset[str]) -> _Rules:
        return _Rules(self.terms(bars, facts, off), self.limits(bars, facts, off))


class _Rules(NamedTuple):
    """What a market says of some bars."""

    terms: Terms
    limits: Limits | None


def _of_covered_days(rules_of: Callable[[Bars], _Rules], bars: Bars) -> _Rules:
    """Return the rules of all bars; they are neutral on days that a rule does not cover."""
    rows, covered = slice(0, len(bars)), bars
    while True:
        try:
            rules = rules_of(covered)
        except DayNotCovered as error:
            # Each round excludes the days of at least one rule, so that the loop ends.
            fewer = _covered(bars, rows, error)
            # The rule names no day that helps, or no bar is left.
            if fewer == rows or fewer.start >= fewer.stop:
                raise
            rows, covered = fewer, bars[fewer]
        else:
            break
    if len(covered) == len(bars):
        return rules
    terms, limits = rules
    if limits is not None:
        up, down = np.full(len(bars), np.nan), np.full(len(bars), np.nan)
        up[rows], down[rows] = limits.up, limits.down
        limits = Limits(up, down, limits.tick)
    return _Rules(terms.among_neutral(rows, len(bars)), limits)


def _advice(error: DayNotCovered, off: Sequence[str]) -> str:
    """Return what a job can change about a day that a rule does not cover."""
    ways = []
    if error.first is not None:
        ways.append(f"let data.start be {error.first} or later")
    if error.end is not None:
        ways.append(f"let data.end be earlier than {error.end}")
    if off:
        ways.append(f"set market.off = {json.dumps(list(off))}")
    text = ", or ".join(ways)
    return f". {text[0].upper()}{text[1:]}" if text else ""


def _covered(bars: Bars, rows: slice, error: DayNotCovered) -> slice:
    """Return those of some rows whose days a rule covers."""
    start, stop = rows.start, rows.stop
    if error.first is not None:
        start = max(start, int(np.searchsorted(bars.session, np.datetime64(error.first))))
    if error.end is not None:
        stop = min(stop, int(np.searchsorted(bars.session, np.datetime64(error.end))))
    return slice(start, stop)


def _missed(bars: Bars) -> NDArray[np.bool_]:
    """Return at which bars an order that was placed at the tradable bar before is too late.

    An order lives through the session of the next row, halted or not.
    """
    rows = np.arange(len(bars))
    before = np.maximum.accumulate(np.where(bars.tradable, rows, -1))
    # The first row after the last tradable bar before each row.
    after = np.concatenate(([0], before[:-1] + 1))
    is_missed: NDArray[np.bool_] = bars.session[after] != bars.session
    # No order can come from before the first tradable bar.
    is_missed[: int(np.argmax(bars.tradable)) + 1] = False
    return is_missed


def _blocks(
    terms: Terms, limits: Limits, bars: Bars, limit_fill: str
) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield the blocks of purchases at the upper limit and of sales at the lower one."""
    # Half a tick absorbs the rounding of limits that are computed as floats. Comparisons with NaN,
    # which stands for no limit, are false.
    from_up, to_down = limits.up - limits.tick / 2.0, limits.down + limits.tick / 2.0
    at_up, at_down = bars.raw.open >= from_up, bars.raw.open <= to_down
    if limit_fill == "bar":
        at_up &= bars.raw.low >= from_up
        at_down &= bars.raw.high <= to_down
    for name, is_at, limit in (
        ("buy_block", at_up, RejectReason.LIMIT_UP),
        ("sell_block", at_down, RejectReason.LIMIT_DOWN),
    ):
        if is_at.any():
            block = getattr(terms, name)
            # A block that the market itself has set, such as "not listed", is the more exact reason
            # and stays.
            yield name, np.where(is_at & (block == RejectReason.NONE), np.int8(limit), block)
