"""The market `crypto`: nothing is closed, and every number of coins can be traded."""

from __future__ import annotations

from backfleet.bars import Bars
from backfleet.facts import SymbolFacts
from backfleet.market import Market
from backfleet.terms import Terms

__all__ = ["Crypto"]


class Crypto(Market):
    """Trades around the clock, without short sales. Perpetual contracts and their funding are not
    modeled, and neither are the steps of exchanges: the job's strategy chooses the number."""

    name = "crypto"
    rules = ("shorts",)

    def terms(self, bars: Bars, facts: SymbolFacts, off: frozenset[str]) -> Terms:
        return Terms.neutral(len(bars)).having(shorts="shorts" in off)
