"""Bars with the terms of a job's market."""

from __future__ import annotations

from dataclasses import dataclass

from backfleet.bars import Bars, BarsWindow
from backfleet.errors import MarketError
from backfleet.facts import SymbolFacts
from backfleet.market import Market, MarketSettings
from backfleet.plan.identity import MarketIdentity
from backfleet.plugins import load_plugin
from backfleet.source import Source
from backfleet.sources.adjustment import ALREADY_ADJUSTED
from backfleet.sources.prepared import PreparedBars, SymbolData, describe_bars

__all__ = ["MarketBars", "MarketRules", "planned_rules"]


@dataclass(frozen=True)
class MarketRules:
    """A market and how a job applies it."""

    market: Market
    settings: MarketSettings

    def applied(self, bars: Bars) -> Bars:
        """Return all bars of a symbol with their terms and events.

        Raises MarketError, also if the raw prices are unknown and the books need them.
        """
        facts = SymbolFacts(bars.symbol)
        if bars.adjustment == ALREADY_ADJUSTED:
            self._check_adjusted(facts)
        return self.market.follow(bars, facts, self.settings)

    def _check_adjusted(self, facts: SymbolFacts) -> None:
        if facts.actions:
            reason = "data.facts has actions of it, which would be counted twice"
        elif self.market.needs_raw_prices:
            reason = f"lots and price limits of {self.market.name!r} need the prices as traded"
        else:
            return
        raise MarketError(
            f"market: the prices of {facts.symbol} are adjusted already, and {reason}. Bring raw "
            "prices with an adjustment factor, or remove [market]"
        )


def planned_rules(identity: MarketIdentity | None) -> MarketRules | None:
    """Return the rules of a planned run; None without a market. Raises PluginError."""
    if identity is None:
        return None
    settings = MarketSettings(
        off=frozenset(identity.off),
        orders=identity.orders,
        limit_fill=identity.limit_fill,
        volume_share=identity.volume_share,
        actions=identity.actions,
        rights=identity.rights,
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
