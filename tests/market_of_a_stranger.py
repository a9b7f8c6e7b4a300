"""A market in a package of somebody else."""

from __future__ import annotations

__all__ = ["ENTRY_POINTS", "MODULE"]

SOURCE = """
from backfleet.market import Certainty, Dated, Market, Step
from backfleet.terms import Terms

LOT = Dated("lot", Step.of("2000-01-01", 7, Certainty.OFFICIAL, "Acme"), unit="shares")

class Acme(Market):
    name = "acme"
    rules = ("lots",)

    def terms(self, bars, facts, off):
        lot = 0.0 if "lots" in off else LOT.on(bars.session)
        return Terms.neutral(len(bars)).having(step=lot, least=lot)

    def tables(self, facts):
        return (LOT,)
"""

MODULE = {"acme_market.py": SOURCE}
ENTRY_POINTS = {"backfleet.markets": {"acme": "acme_market:Acme"}}
