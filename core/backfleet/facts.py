"""`Facts`: dated facts about instruments that their bars do not contain."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backfleet.errors import DataError

__all__ = ["INDEX", "Action", "Facts", "Span", "SymbolFacts", "members"]

INDEX = "index:"
"""Prefix of the state of being a member of an index."""

Span = tuple[date, date | None]
"""First day and the day after the last one; None if the span lasts."""


@dataclass(frozen=True)
class Action:
    """A corporate action; all amounts are per share held before the ex-date.

    Attributes
    ----------
    ex
        The first session in which the share trades without the entitlement.
    cash
        Dividend before tax.
    bonus, capital
        New shares from profit, and from reserves.
    rights, rights_price
        New shares that can be subscribed, and the price of one; None if there are no rights.
    pay, listing
        The days on which cash is paid and new shares can be sold; None if unknown.
    """

    ex: date
    cash: float = 0.0
    bonus: float = 0.0
    capital: float = 0.0
    rights: float = 0.0
    rights_price: float | None = None
    pay: date | None = None
    listing: date | None = None


@dataclass(frozen=True)
class SymbolFacts:
    """Facts about one symbol that its bars do not contain.

    Attributes
    ----------
    symbol
        As the source names it.
    listed, delisted
        The first session, and the day from which the symbol is no longer traded; None if unknown.
    board
        The board in the words of the market; None if the market finds it from the symbol.
    kind
        The kind of instrument, such as `stock` or `fund`; None if unknown.
    issue_price
        None if unknown.
    same_session
        Whether shares can be sold in the session in which they were bought, as for some funds.
    step, least
        By how many coins the sizes of orders differ, and how many an order has at least; None if
        unknown.
    spans
        Spans of states such as `st`, `delisting` and `index:000300`, sorted. A state without a
        history is absent; a state with a history in which the symbol never was has no spans.
    actions
        Corporate actions, sorted by their ex-dates; None if there is no history of them.
    """

    symbol: str
    listed: date | None = None
    delisted: date | None = None
    board: str | None = None
    kind: str | None = None
    issue_price: float | None = None
    same_session: bool = False
    step: float | None = None
    least: float | None = None
    spans: Mapping[str, tuple[Span, ...]] = field(default_factory=lambda: MappingProxyType({}))
    actions: tuple[Action, ...] | None = None

    def during(self, state: str, sessions: NDArray[np.datetime64]) -> NDArray[np.bool_]:
        """Return on which sessions the symbol was in a state."""
        inside = np.zeros(len(sessions), np.bool_)
        # Spans are few and can overlap, hence a union of ranges and not a search.
        for first, end in self.spans.get(state, ()):
            inside |= (sessions >= np.datetime64(first)) & (
                True if end is None else sessions < np.datetime64(end)
            )
        return inside

    @property
    def indices(self) -> tuple[str, ...]:
        """The indices that have a history of their members, sorted."""
        return tuple(sorted(s.removeprefix(INDEX) for s in self.spans if s.startswith(INDEX)))

    def until(self, end: date) -> SymbolFacts:
        """Return the facts as they were after a session: nothing later can be seen in them.

        A span that ended later lasts. Days of the listing and of payments stay, since they are
        announced before.
        """
        spans = {
            state: tuple(
                (first, None if stop is None or stop > end else stop)
                for first, stop in spans
                if first <= end
            )
            for state, spans in self.spans.items()
        }
        # A later delisting must stay hidden: a strategy that sees it would know the future.
        is_delisted = self.delisted is not None and self.delisted <= end
        actions = self.actions
        return replace(
            self,
            delisted=self.delisted if is_delisted else None,
            spans=MappingProxyType(spans),
            actions=None if actions is None else tuple(a for a in actions if a.ex <= end),
        )

    def digest(self) -> str:
        """Return the SHA-256 over all facts, as 64 hexadecimal digits."""
        # JSON with sorted keys and not pickle or repr: its bytes are the same in every version of
        # Python.
        text = json.dumps(vars(self), default=_plain, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def members(
    symbol: str, facts: SymbolFacts | None, index: str, sessions: NDArray[np.datetime64]
) -> NDArray[np.bool_]:
    """Return on which sessions a symbol was a member of an index, as its facts say.

    Raises DataError if they have no history of the members of this index.
    """
    if facts is None:
        raise DataError(
            f"{symbol}: nothing says when it was a member of the index {index!r}. Name tables of "
            "facts in data.facts"
        )
    # An error and not "never a member": a misspelled index would otherwise select nothing,
    # silently.
    if index not in facts.indices:
        raise DataError(
            f"{symbol}: the facts have no history of the members of the index {index!r}, but of "
            f"{', '.join(facts.indices) or 'none'}. Add rows with what = '{INDEX}{index}' to the "
            "table spans"
        )
    return facts.during(INDEX + index, sessions)


def _plain(value: Any) -> object:
    """Return a date, a mapping or an action as JSON can hold it."""
    if isinstance(value, date):
        return value.isoformat()
    return dict(value) if isinstance(value, Mapping) else vars(value)


@dataclass(frozen=True)
class Facts:
    """The facts about all instruments of a universe.

    Attributes
    ----------
    origin
        The folder or URL of the tables, for messages.
    symbols
        The facts of each symbol, by its name.
    """

    origin: str
    symbols: Mapping[str, SymbolFacts]

    def of(self, symbol: str) -> SymbolFacts:
        """Return the facts of a symbol. Raises DataError if there are none."""
        facts = self.symbols.get(symbol)
        if facts is None:
            raise DataError(
                f"{self.origin}: the table instruments has no row for the symbol {symbol!r}. "
                "Add one; only its symbol must be filled in"
            )
        return facts
