"""The price limits of a symbol: their widths by board and date, and those of special sessions."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from backfleet.bars import Bars
from backfleet.facts import SymbolFacts
from backfleet.market import Dated
from backfleet.markets.cn_a import tables
from backfleet.markets.cn_a.codes import Board, Exchange
from backfleet.markets.cn_a.listing import (
    delisting_free_days,
    free_days,
    is_first_session,
    needs_issue_price,
)
from backfleet.markets.cn_a.ticks import limit_ticks, reference_ticks
from backfleet.shared_days import SharedDays
from backfleet.terms import Limits

__all__ = ["find_limits", "limits_table"]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

ST, DELISTING = "st", "delisting"


class _Widths(NamedTuple):
    """The limits at each bar, as `limit_ticks` takes them."""

    above: Floats
    below: Floats
    at_least_one: Flags

    @classmethod
    def of(cls, mille: Floats, floor: Floats) -> _Widths:
        """Return the widths of tables, in which 0 per mille is no limit."""
        # NaN stands for "no limit" from here on: every comparison with it is false, so nothing is
        # blocked.
        reach = np.where(mille > 0.0, mille, np.nan)
        return cls(1000.0 + reach, 1000.0 - reach, floor == 1.0)


def find_limits(
    bars: Bars, facts: SymbolFacts, exchange: Exchange, board: Board, *, has_listing: bool
) -> Limits:
    """Return the price limits of a symbol; `has_listing` says whether new shares have limits of
    their own."""
    per_unit = tables.TICK[board]
    widths = _widths(bars, facts, exchange, board)
    reference = reference_ticks(bars, per_unit)
    is_new = has_listing and facts.listed is not None
    has_issue_price = is_new and needs_issue_price(facts, exchange, board)
    # Most symbols were listed long before their first bar, and share the arrays of their days.
    if is_new and (free := free_days(bars, facts, board, exchange)).any():
        above, below = (np.where(free, np.nan, width) for width in widths[:2])
        widths = widths._replace(above=above, below=below)
    if has_issue_price:
        first = is_first_session(bars, facts)
        # There is no earlier close: the limits of the first session count from the issue price.
        rise, fall = tables.FIRST_DAY_LIMITS[board]
        above = np.where(first, 1000.0 + rise, widths.above)
        below = np.where(first, 1000.0 - fall, widths.below)
        widths = widths._replace(above=above, below=below)
        reference = np.where(first, np.rint((facts.issue_price or 0.0) * per_unit), reference)
    up, down = limit_ticks(reference, *widths)
    # In place: both arrays are new, and a market has thousands of them.
    up /= per_unit
    down /= per_unit
    if has_issue_price and facts.issue_price is None:
        # The limits are unknown, so that nothing is traded.
        # An upper limit of 0 blocks every purchase, and a lower limit of infinity every sale.
        up[first], down[first] = 0.0, np.inf
    return Limits(up, down, 1.0 / per_unit)


def limits_table(exchange: Exchange, board: Board) -> Dated:
    """Return the table of the limits of a board."""
    return tables.FUND_20_LIMITS[exchange] if board is Board.FUND_20 else tables.LIMITS[board]


def _widths(bars: Bars, facts: SymbolFacts, exchange: Exchange, board: Board) -> _Widths:
    """Return the widths of the limits after the first sessions."""
    may_be_st = board in tables.ST_LIMITS and facts.spans.get(ST)
    if not may_be_st and DELISTING not in facts.spans:
        return _widths_by_date(SharedDays(bars.session), exchange, board)
    mille = limits_table(exchange, board).on(bars.session)
    floor = tables.TICK_FLOOR[exchange].on(bars.session)
    if may_be_st and (is_st := facts.during(ST, bars.session)).any():
        mille = np.where(is_st, tables.ST_LIMITS[board].on(bars.session), mille)
    for first, end in facts.spans.get(DELISTING, ()):
        # `during` is true for all spans, and each span has the limits of its own first day.
        inside = facts.during(DELISTING, bars.session) & (bars.session >= np.datetime64(first))
        inside &= True if end is None else bars.session < np.datetime64(end)
        table = tables.DELISTING_LIMITS.get(board, limits_table(exchange, board))
        mille = np.where(inside, table.step(first).value, mille)
        special = tables.DELISTING_TICK_FLOOR[exchange].on(bars.session)
        floor = np.where(inside, special, floor)
    # The free sessions come last, so that they replace any other limit.
    if DELISTING in facts.spans:
        mille = np.where(delisting_free_days(bars, facts), 0.0, mille)
    return _Widths.of(mille, floor)


@lru_cache(maxsize=64)
def _widths_by_date(days: SharedDays, exchange: Exchange, board: Board) -> _Widths:
    """Return the widths that follow from the days of the bars alone."""
    mille = limits_table(exchange, board).on(days.sessions)
    return _Widths.of(mille, tables.TICK_FLOOR[exchange].on(days.sessions))
