"""Conformance tests of markets, to be subclassed in the tests of the package that brings one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from backfleet.bars import Bars, BarsWindow, Prices
from backfleet.check.check_case import CheckCase
from backfleet.check.engines import check_engines
from backfleet.check.result import Status
from backfleet.chunks.task_result import outcome_digest
from backfleet.facts import SymbolFacts
from backfleet.market import Certainty, Market, MarketSettings
from backfleet.terms import TERMS
from backfleet.testing.markets import MARKETS, synthetic_bars
from backfleet.vector_strategy import VectorStrategy

__all__ = ["MarketConformance"]

_Rules = dict[str, NDArray[Any]]
"""Terms and limits by their names."""

BARS = 120
CUTS = (1, 7, 31, 90)
"""Numbers of bars after which the future is replaced."""

WEEK = np.timedelta64(7, "D")

SETTINGS = (
    MarketSettings(),
    MarketSettings(orders="wait", limit_fill="bar", volume_share=0.25, actions="factor"),
)
"""How jobs apply a market; the second asks for everything that is optional."""


class _Swings(VectorStrategy):
    """Buys after rises and sells short after falls, so that every rule meets orders."""

    def targets(self, bars: Bars) -> NDArray[np.float64]:
        # The first change is 0, so that there is one per bar.
        change = np.diff(bars.close, prepend=bars.close[:1])
        return np.sign(change + np.roll(change, 1)).astype(np.float64)


class MarketConformance:
    """A market turns its dated rules into terms, and no term depends on the future::

        class TestMyMarket(MarketConformance):
            market = MyMarket
            symbol = "600000"

    Attributes
    ----------
    market
        The class.
    symbol
        A symbol that the rules cover.
    first
        A day from which on all tables of the symbol have values for half a year; ISO 8601.
    """

    market: ClassVar[type[Market]]
    symbol: ClassVar[str]
    first: ClassVar[str] = "2024-01-01"

    def facts(self) -> SymbolFacts:
        """Return the facts about the symbol; a subclass may know more of them."""
        # On the third day, so that the first sessions after a listing are among the bars.
        first = np.datetime64(self.first, "D")
        return SymbolFacts(self.symbol, listed=(first + np.timedelta64(2, "D")).item())

    def bars(self) -> Iterator[Bars]:
        """Yield the bars on which the market is tested; a subclass may have bars of its own."""
        return (_from_day(synthetic_bars(kind, BARS, self.symbol), self.first) for kind in MARKETS)

    def test_the_names_of_its_rules_can_be_written_in_a_job(self) -> None:
        names = (self.market.name, *self.market.rules)
        # Other names would have to be quoted in a job file or behind --set.
        assert all(name and not set(name) & set(' \t\n"\\,') for name in names), names
        assert len(set(self.market.rules)) == len(self.market.rules), self.market.rules

    def test_every_rule_can_be_switched_off_alone(self) -> None:
        # The names of rules do not depend on the bars.
        bars = next(self.bars())
        for rule in self.market.rules:
            terms = self.market().apply(bars, self.facts(), MarketSettings(off=frozenset({rule})))
            assert len(terms) == len(bars), rule

    def test_terms_follow_from_bars_and_facts_alone(self) -> None:
        for bars in self.bars():
            # All options on, so that every rule takes part.
            first, again = (self._rules(bars, SETTINGS[1]) for _ in range(2))
            _assert_equal(first, again, len(bars), "two calls give different terms")

    def test_facts_may_be_unknown(self) -> None:
        bars, nothing_known = next(self.bars()), SymbolFacts(self.symbol)
        assert len(self.market().apply(bars, nothing_known, SETTINGS[0])) == len(bars)
        assert all(isinstance(text, str) for text in self.market().assumptions(nothing_known))

    def test_no_term_depends_on_a_later_bar(self) -> None:
        for bars in self.bars():
            for settings in SETTINGS:
                whole = self._rules(bars, settings)
                for cut in CUTS:
                    # Both: a rule may look at a later bar, or only count the bars that there are.
                    for kind, others in (
                        ("missing", bars[:cut]),
                        ("others", _with_other_prices(bars, cut)),
                    ):
                        message = f"{bars.symbol}: terms change if bars from {cut} on are {kind}"
                        _assert_equal(self._rules(others, settings), whole, cut, message)

    def test_no_term_depends_on_what_follows_the_open_of_its_bar(self) -> None:
        for bars in self.bars():
            whole = self._rules(bars, SETTINGS[0])
            for cut in CUTS:
                others = _with_other_prices(bars, cut, keeps_open=True)
                message = f"{bars.symbol}: terms of bar {cut} change with its high, low or close"
                # The bar of the cut counts, too: its open is the same, and only that is known at
                # the open.
                _assert_equal(self._rules(others, SETTINGS[0]), whole, cut + 1, message)

    def test_without_any_rule_the_account_is_that_of_no_market(self) -> None:
        off = MarketSettings(off=frozenset(self.market.rules))
        for bars in self.bars():
            free = self.market().follow(bars, self.facts(), off)
            # In a market, orders are in traded prices, which are the raw ones.
            plain = replace(bars, prices=bars.raw)
            assert _run(free) == _run(plain), "something applies although all rules are off"

    def test_every_engine_comes_to_the_same(self) -> None:
        for settings in SETTINGS:
            subjects = [
                CheckCase(_Swings, (followed.window(BarsWindow()),))
                # Halts, limit days and splits, at which engines can differ the most.
                for bars in list(self.bars())[-3:]
                for followed in [self.market().follow(bars, self.facts(), settings)]
            ]
            result = check_engines(subjects)
            assert result.status is Status.PASSED, str(result)

    def test_every_step_of_a_table_can_be_shown(self) -> None:
        for table in self.market().tables(self.facts()):
            for step in table.steps:
                # A step is found by its own first day.
                assert table.step(step.first) is step, table.rule
                is_sourced = step.source or step.certainty is not Certainty.OFFICIAL
                assert is_sourced, f"{table.rule}: {step.first} is official and names no source"
            ends = [table.until(step.first) for step in table.steps]
            # Every step ends where the next one begins, and the last one is open.
            expected: Sequence[date | None] = [*(step.first for step in table.steps[1:]), None]
            assert ends == list(expected), table.rule

    def _rules(self, bars: Bars, settings: MarketSettings) -> _Rules:
        market, facts = self.market(), self.facts()
        terms = market.apply(bars, facts, settings)
        limits = market.limits(bars, facts, settings.off)
        rules = {name: terms.column(name) for name in TERMS}
        return rules if limits is None else {**rules, "up": limits.up, "down": limits.down}


def _run(bars: Bars) -> str:
    return outcome_digest(CheckCase(_Swings, (bars,)).run())


def _assert_equal(left: _Rules, right: _Rules, bars: int, message: str) -> None:
    """Compare the rules of the first bars."""
    assert left.keys() == right.keys(), message
    for name in left:
        ours, theirs = left[name][:bars], right[name][:bars]
        # NaN stands for "no limit" and equals itself here.
        differs = (ours != theirs) & ~(np.isnan(ours) & np.isnan(theirs))
        assert not differs.any(), f"{message}: {name}, first at bar {int(np.argmax(differs))}"


def _from_day(bars: Bars, first: str) -> Bars:
    """Return the bars whole weeks later or earlier, so that they begin on a day or just after."""
    # Rounded up, by the minus signs. Whole weeks keep every bar on its weekday.
    weeks = -((bars.session[0] - np.datetime64(first, "D")) // WEEK)
    session = bars.session + weeks * WEEK
    return replace(bars, session=session, time=session.astype("M8[ns]").view(np.int64))


def _with_other_prices(bars: Bars, cut: int, *, keeps_open: bool = False) -> Bars:
    """Return the bars with other prices from a bar on; with `keeps_open`, its open stays.

    No open, high or low is at the limit of the price before.
    """

    def changed(values: NDArray[np.float64], first: int) -> NDArray[np.float64]:
        return np.concatenate([values[:first], np.round(values[first:] * 1.03, 2)])

    raw = Prices(
        changed(bars.raw.open, cut + keeps_open),
        *(changed(values, cut) for values in (bars.raw.high, bars.raw.low, bars.raw.close)),
    )
    others: dict[str, Any] = {"raw": raw, "prices": raw, "volume": changed(bars.volume, cut)}
    return replace(bars, **others)
