"""Which sessions of a symbol have limits of their own: the first ones, and the delisting period."""

from __future__ import annotations

from datetime import date

import numpy as np
from numpy.typing import NDArray

from backfleet.bars import Bars
from backfleet.facts import SymbolFacts
from backfleet.markets.cn_a.codes import Board, Exchange
from backfleet.markets.cn_a.tables import DELISTING_FREE_DAYS, FIRST_DAY_LIMITS, FREE_DAYS

__all__ = [
    "delisting_free_days",
    "free_days",
    "is_first_session",
    "needs_issue_price",
    "sessions_since",
]

Days = NDArray[np.datetime64]
Flags = NDArray[np.bool_]


def sessions_since(bars: Bars, first: date) -> NDArray[np.int64]:
    """Return which session each bar belongs to, counted from 1 on the given day; 0 before it.

    If the bars begin later, the weekdays in between are counted instead of the sessions.
    """
    day, count = np.datetime64(first), np.zeros(len(bars), np.int64)
    if not len(bars):
        return count
    # Holidays are counted as sessions then. A count that is too high ends the free days early, and
    # bars that begin within a symbol's first five sessions are rare.
    skipped = int(np.busday_count(day, bars.session[0])) if bars.session[0] > day else 0
    is_new = np.concatenate(([True], bars.session[1:] != bars.session[:-1]))
    at = int(np.searchsorted(bars.session, day))
    # Bars of one session share its number, so that this holds for bars within a day too.
    count[at:] = skipped + np.cumsum(is_new[at:])
    return count


def free_days(bars: Bars, facts: SymbolFacts, board: Board, exchange: Exchange) -> Flags:
    """Return at which bars a new symbol has no limits."""
    table = FREE_DAYS.get((board, exchange))
    if facts.listed is None or table is None:
        return np.zeros(len(bars), np.bool_)
    count = sessions_since(bars, facts.listed)
    free: Flags = (count >= 1) & (count <= table.step(facts.listed).value)
    return free


def needs_issue_price(facts: SymbolFacts, exchange: Exchange, board: Board) -> bool:
    """Return whether the limits of the first session follow from the issue price."""
    table = FREE_DAYS.get((board, exchange))
    if facts.listed is None or table is None or board not in FIRST_DAY_LIMITS:
        return False
    # The table says how many first sessions have no limit. 0 means that the first one has limits,
    # too.
    return table.step(facts.listed).value == 0.0


def is_first_session(bars: Bars, facts: SymbolFacts) -> Flags:
    """Return which bars belong to the session of the listing."""
    if facts.listed is None:
        return np.zeros(len(bars), np.bool_)
    first: Flags = bars.session == np.datetime64(facts.listed)
    return first


def delisting_free_days(bars: Bars, facts: SymbolFacts) -> Flags:
    """Return at which bars of the delisting period there are no limits."""
    free = np.zeros(len(bars), np.bool_)
    for first, _ in facts.spans.get("delisting", ()):
        count = sessions_since(bars, first)
        free |= (count >= 1) & (count <= DELISTING_FREE_DAYS.step(first).value)
    return free
