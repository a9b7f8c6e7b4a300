"""Notes about how a run's market was applied to its data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from backfleet.console import count_of
from backfleet.errors import MarketError
from backfleet.facts import Action, Facts, SymbolFacts
from backfleet.plan.market_bars import MarketRules
from backfleet.sources.bar_cache import SymbolData

__all__ = ["check_strict", "market_notes", "unexplained"]

WORDS = {
    "exact": "cash and shares are booked by the table of actions",
    "factor": "dividends are reinvested at the reference price, untaxed",
    "none": "raw prices, and no dividend, split or bonus share is paid",
}


def market_notes(
    symbols: Mapping[str, SymbolData], rules: MarketRules, facts: Facts | None
) -> dict[str, int]:
    """Return what the rules took for granted and how actions are booked, and of how many
    symbols."""
    notes: Counter[str] = Counter()
    actions = rules.settings.actions
    for name, symbol in symbols.items():
        known = SymbolFacts(name) if facts is None else facts.of(name)
        notes.update(rules.market.assumptions(known))
        # A symbol that was delisted before its first bar here never pays anything out.
        if known.delisted is not None and known.delisted > symbol.first:
            notes["shares are paid out at their last close when they are delisted"] += 1
        if actions == "exact" and known.actions is None:
            notes["no corporate actions, since the facts have no table of them"] += 1
        is_early = [_is_sold_early(action, symbol) for action in known.actions or ()]
        if actions == "exact" and any(is_early):
            notes["new shares are sold from the ex-date on, before their day of listing"] += 1
        # Only symbols for which the way of booking makes a difference are counted.
        if symbol.ex_dates or (actions == "none" and symbol.adjustment):
            notes[WORDS[actions]] += 1
    return dict(notes)


def _is_sold_early(action: Action, symbol: SymbolData) -> bool:
    """Return whether new shares of the window are listed after the ex-date, from which on the books
    have them."""
    has_new_shares = action.bonus + action.capital + action.rights > 0.0
    is_late = action.listing is not None and action.listing > action.ex
    # On the first session, nothing is held yet to which new shares could belong.
    return has_new_shares and is_late and symbol.first < action.ex <= symbol.last


def unexplained(symbols: Mapping[str, SymbolData]) -> dict[str, int]:
    """Return why actions cannot be booked exactly, and for how many symbols; empty if they can."""
    doubtful = [(name, data.unexplained) for name, data in symbols.items() if data.unexplained]
    if not doubtful:
        return {}
    name, day = doubtful[0]
    return {
        f"not booked exactly, since no action explains an ex-date such as that of {name} on "
        f"{day}": len(doubtful)
    }


def check_strict(notes: Mapping[str, int]) -> None:
    """Raise MarketError if the notes about a market name an assumption."""
    assumed = [
        f"{words} ({count_of(count, 'symbol')})"
        for words, count in notes.items()
        # These notes say what the job asked for, and assume nothing.
        if words not in WORDS.values()
    ]
    if assumed:
        raise MarketError(
            f"market.strict: the rules would assume: {'; '.join(assumed)}. Bring what is missing "
            "with data.facts, or remove market.strict"
        )
