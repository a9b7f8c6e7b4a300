"""The market `us-equity`: whole shares, short sales, and the fee on sales of Section 31."""

from __future__ import annotations

from collections.abc import Sequence

from backfleet.bars import Bars
from backfleet.facts import SymbolFacts
from backfleet.market import Certainty, Dated, Market, Step
from backfleet.terms import Terms

__all__ = ["SECTION_31", "UsEquity"]

SECTION_31 = Dated(
    "fee on sales (Section 31)",
    # Dollars per million dollars of sales, as the advisories give them.
    Step.of("2020-02-18", 22.10e-6, Certainty.UNCONFIRMED, "SEC fee rate advisory, not looked up"),
    Step.of("2021-02-25", 5.10e-6, Certainty.OFFICIAL, "SEC fee rate advisory"),
    Step.of("2022-05-14", 22.90e-6, Certainty.UNCONFIRMED, "SEC fee rate advisory, not looked up"),
    Step.of("2023-02-27", 8.00e-6, Certainty.UNCONFIRMED, "SEC fee rate advisory, not looked up"),
    Step.of("2024-05-22", 27.80e-6, Certainty.UNCONFIRMED, "SEC fee rate advisory, not looked up"),
    Step.of("2025-05-14", 0.0, Certainty.OFFICIAL, "SEC fee rate advisory"),
    unit="of the value of a sale",
    checked_until="2026-01-01",
)
LOT = Dated("lot", Step.of("1900-01-01", 1.0, Certainty.TWO_SOURCES), unit="shares")


class UsEquity(Market):
    """Whole shares, sold in the session in which they were bought, and no daily limits.

    Short sales cost no borrow fee. A sale's cash can be used at once.
    """

    name = "us-equity"
    rules = ("lots", "section-31", "halts")

    def terms(self, bars: Bars, facts: SymbolFacts, off: frozenset[str]) -> Terms:
        lot = 0.0 if "lots" in off else 1.0
        # The fee is charged on sales only, like a tax.
        fee = 0.0 if "section-31" in off else SECTION_31.on(bars.session)
        return Terms.neutral(len(bars)).having(step=lot, least=lot, sell_tax=fee)

    def tables(self, facts: SymbolFacts) -> Sequence[Dated]:
        return LOT, SECTION_31
