"""The market `crypto`: nothing is closed, and coins are traded in fractions."""

from __future__ import annotations

import math
from collections.abc import Sequence

from backfleet.bars import Bars
from backfleet.facts import SymbolFacts
from backfleet.market import Market
from backfleet.terms import Terms

__all__ = ["DEFAULT_STEP", "Crypto"]

DEFAULT_STEP = 0.00001
"""Coins by which sizes differ if the facts do not say it."""


class Crypto(Market):
    """Trades around the clock, in steps of a fraction of a coin, without short sales. The books
    count steps. Perpetual contracts and their funding are not modeled."""

    name = "crypto"
    rules = ("lots", "shorts")

    def unit(self, facts: SymbolFacts, off: frozenset[str]) -> float:
        # The books count steps, so that positions are whole numbers: sums of 0.00001 coins would
        # round.
        return 1.0 if "lots" in off else facts.step or DEFAULT_STEP

    def terms(self, bars: Bars, facts: SymbolFacts, off: frozenset[str]) -> Terms:
        terms = Terms.neutral(len(bars)).having(shorts="shorts" in off)
        if "lots" in off:
            return terms
        # In floats, 0.3 / 0.1 is less than 3.
        least = math.ceil((facts.least or 0.0) / self.unit(facts, off) - 1e-6)
        # A step of the books is one unit, whatever number of coins it has.
        return terms.having(step=1.0, least=max(least, 1))

    def assumptions(self, facts: SymbolFacts) -> Sequence[str]:
        if facts.step is not None:
            return ()
        return [f"traded in steps of {DEFAULT_STEP:.5f} coins, since the facts have no step"]
