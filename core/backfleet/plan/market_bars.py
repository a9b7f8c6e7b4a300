"""Bars with the facts about their symbols and the terms of a job's market."""

from __future__ import annotations

from dataclasses import dataclass, replace

from backfleet.bars import Bars
from backfleet.code.hashes import own_hash
from backfleet.errors import MarketError
from backfleet.facts import Facts, SymbolFacts
from backfleet.market import Market, MarketSettings
from backfleet.plan.identity import MarketIdentity
from backfleet.plugins import load_plugin
from backfleet.sources.adjustment import ALREADY_ADJUSTED
from backfleet.sources.bar_cache import BarCache
from backfleet.store.plain_json import to_plain
from backfleet.store.records import canonical_digest

__all__ = ["BarCacheWithFacts", "MarketRules", "planned_rules"]


@dataclass(frozen=True)
class MarketRules:
    """A market and how a job applies it.

    Attributes
    ----------
    digest
        Of the market's code and the settings.
    """

    market: Market
    settings: MarketSettings
    digest: str

    def applied(self, bars: Bars) -> Bars:
        """Return all bars of a symbol with their terms and events.

        Raises MarketError, also if the raw prices are unknown and the books need them.
        """
        facts = bars.facts or SymbolFacts(bars.symbol)
        # An adjustment that cannot be undone leaves no price as it was traded.
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
        dividend_tax=identity.dividend_tax,
    )
    # The identity has the code of the market; this module's code decides how it is applied.
    digest = canonical_digest([own_hash([__name__]), to_plain(identity)])
    return MarketRules(load_plugin("market", identity.rules.name, Market)(), settings, digest)


class BarCacheWithFacts(BarCache):
    """A `BarCache` whose bars get the facts about their symbols and follow the rules of a market.

    They are added after loading: the cache on disk holds the bars without them.
    """

    def __init__(self, code: str, facts: Facts | None, rules: MarketRules | None) -> None:
        super().__init__(code, additions="facts" if rules is None else rules.digest)
        self._facts = facts
        self._rules = rules

    def _completed(self, bars: Bars) -> Bars:
        """Raises DataError for a symbol without facts, MarketError."""
        if self._facts is not None:
            # Facts first: the rules read them from the bars.
            bars = replace(bars, facts=self._facts.of(bars.symbol))
        return bars if self._rules is None else self._rules.applied(bars)

    def _full_input(self, symbol: str, digest: str) -> str:
        # A changed fact is a changed input: what is indexed about the window no longer holds.
        return digest if self._facts is None else f"{digest} {self._facts.of(symbol).digest()}"
