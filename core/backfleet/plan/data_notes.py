"""`DataNotes`: what a run's data left open when it was planned; no part of the run's id."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from backfleet.console import count_of

__all__ = ["DataNotes"]

MAX_NAMED_SYMBOLS = 3
"""Symbols with a reason in one line; the others are counted."""


@dataclass(frozen=True)
class DataNotes:
    """Notes about the data of a run.

    Attributes
    ----------
    skipped
        Symbols that were left out because their data is bad, and why.
    doubts
        Symbols whose bars may be wrong, and the first sign of it.
    adjustments
        How prices are adjusted, in words, and for how many symbols.
    market
        What the rules of the market take for granted, in words, and of how many symbols.
    warmup
        That symbols have fewer bars before the start than the job asks for; empty otherwise.
    survivorship
        What a run over a universe knows of symbols that are no longer in it; empty for a few
        symbols, which somebody has chosen.
    universe
        That a strategy which compares symbols sees one at a time; empty otherwise.
    """

    skipped: Mapping[str, str] = field(default_factory=dict)
    doubts: Mapping[str, str] = field(default_factory=dict)
    adjustments: Mapping[str, int] = field(default_factory=dict)
    market: Mapping[str, int] = field(default_factory=dict)
    warmup: str = ""
    survivorship: str = ""
    universe: str = ""

    def lines(self, symbols: int) -> Iterator[tuple[str, str]]:
        """Yield a label and a line for each kind of note; `symbols` is how many the run has."""
        if self.skipped:
            total = symbols + len(self.skipped)
            of_all = count_of(total, "symbol")
            yield "skipped", f"{len(self.skipped):,} of {of_all}: {_named(self.skipped)}"
        if self.doubts:
            of_all = count_of(symbols, "symbol")
            yield "doubts", f"{len(self.doubts):,} of {of_all}: {_named(self.doubts)}"
        if self.adjustments:
            words = [
                rule if count == symbols else f"{rule} ({count_of(count, 'symbol')})"
                for rule, count in self.adjustments.items()
            ]
            yield "prices", "; ".join(words)
        if self.market:
            counts = [
                f"{words} ({count_of(count, 'symbol')})" for words, count in self.market.items()
            ]
            yield "market", "; ".join(counts)
        if self.warmup:
            yield "warm-up", self.warmup
        if self.survivorship:
            yield "survivorship", self.survivorship
        if self.universe:
            yield "universe", self.universe


def _named(reasons: Mapping[str, str]) -> str:
    """The first symbols with their reasons, in one line."""
    shown = [f"{symbol}: {reason}" for symbol, reason in list(reasons.items())[:MAX_NAMED_SYMBOLS]]
    more = (
        f"; and {len(reasons) - MAX_NAMED_SYMBOLS:,} more"
        if len(reasons) > MAX_NAMED_SYMBOLS
        else ""
    )
    # A reason may be an error of several lines.
    return "; ".join(" ".join(line.split()) for line in shown) + more
