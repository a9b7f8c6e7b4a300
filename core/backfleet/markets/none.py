"""The market `none`: raw prices and no rule."""

from __future__ import annotations

from backfleet.bars import Bars
from backfleet.facts import SymbolFacts
from backfleet.market import Market
from backfleet.terms import Terms

__all__ = ["NoRules"]


class NoRules(Market):
    """Any number of shares at any price, on raw prices."""

    name = "none"
    rules = ()

    def terms(self, bars: Bars, facts: SymbolFacts, off: frozenset[str]) -> Terms:
        return Terms.neutral(len(bars))
