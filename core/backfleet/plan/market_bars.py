"""Bars with the terms of a job's market."""

from __future__ import annotations

from dataclasses import dataclass, replace

from backfleet.bars import Bars, BarsWindow
from backfleet.facts import SymbolFacts
from backfleet.market import Market, MarketSettings
from backfleet.plan.identity import MarketIdentity
from backfleet.plugins import load_plugin
from backfleet.source import Source
from backfleet.sources.prepared import PreparedBars, SymbolData, describe_bars

__all__ = ["MarketBars", "MarketRules", "planned_rules"]


@dataclass(frozen=True)
class MarketRules:
    """A market and how a job applies it."""

    market: Market
    settings: MarketSettings

    def applied(self, bars: Bars) -> Bars:
        """Return all bars of a symbol on raw prices, with their terms. Raises MarketError."""
        terms = self.market.apply(bars, SymbolFacts(bars.symbol), self.settings)
        return replace(bars, prices=bars.raw, terms=terms)


def planned_rules(identity: MarketIdentity | None) -> MarketRules | None:
    """Return the rules of a planned run; None without a market. Raises PluginError."""
    if identity is None:
        return None
    settings = MarketSettings(
        off=frozenset(identity.off),
        orders=identity.orders,
        limit_fill=identity.limit_fill,
        volume_share=identity.volume_share,
    )
    return MarketRules(load_plugin("market", identity.rules.name, Market)(), settings)


class MarketBars(PreparedBars):
    """`PreparedBars` that follow the rules of a market.

    The prepared bars are the same as without a market. What a window is depends on the rules, so it
    is not kept in the index.
    """

    def __init__(self, code: str, rules: MarketRules) -> None:
        super().__init__(code)
        self._rules = rules

    def load(self, source: Source, symbol: str) -> tuple[Bars, str]:
        bars, digest = super().load(source, symbol)
        return self._rules.applied(bars), digest

    def reload(self, source: Source, symbol: str) -> tuple[Bars, str]:
        bars, digest = super().reload(source, symbol)
        return self._rules.applied(bars), digest

    def digest(self, source: Source, symbol: str, window: BarsWindow) -> SymbolData:
        return describe_bars(source, self.load(source, symbol)[0], window)

    def known(self, source: Source, symbol: str, window: BarsWindow) -> SymbolData | None:
        return None
