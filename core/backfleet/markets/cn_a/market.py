"""The market `cn-a`: the rules of Shanghai, Shenzhen and Beijing, by board and date."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backfleet.bars import Bars
from backfleet.engine import RejectReason
from backfleet.facts import Action, SymbolFacts
from backfleet.market import Dated, Market
from backfleet.markets.cn_a import tables
from backfleet.markets.cn_a.codes import Board, Exchange, find_board, parse_code
from backfleet.markets.cn_a.limits import find_limits, limits_table
from backfleet.markets.cn_a.listing import needs_issue_price
from backfleet.shared_days import SharedDays
from backfleet.terms import Limits, Terms

__all__ = ["CnAMarket"]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Days = NDArray[np.datetime64]

Values = dict[str, Any]
"""Numbers and arrays of `Terms`, by their names."""

STOCKS = (Board.MAIN, Board.CHINEXT, Board.STAR, Board.BEIJING)
"""The boards whose shares pay stamp duty and the transfer fee, and can be ST."""

ST = "st"


class CnAMarket(Market):
    """Shares, funds and convertible bonds of mainland China.

    Not modeled: auctions, the price cage, intraday halts, and the first sessions after a resumed
    listing or a share reform.
    """

    name = "cn-a"
    needs_raw_prices = True
    rules = (
        "lots", "order-size", "t1", "limits", "listing", "halts", "shorts", "minimum", "duty",
        "transfer",
    )  # fmt: skip

    def terms(self, bars: Bars, facts: SymbolFacts, off: frozenset[str]) -> Terms:
        exchange, board = _home(facts)
        days, settlement = SharedDays(bars.session), _settlement(facts, board)
        # Thousands of symbols share the days of their bars, and so the terms that follow from the
        # days.
        terms = _terms_by_date(days, exchange, board, settlement, off)
        if "listing" in off or not (outside := _outside_listing(bars, facts)).any():
            return terms
        # Sources may have bars outside of the listing, at which nothing can be traded.
        block = np.where(outside, RejectReason.UNLISTED, RejectReason.NONE)
        return terms.having(buy_block=block, sell_block=block)

    def limits(self, bars: Bars, facts: SymbolFacts, off: frozenset[str]) -> Limits | None:
        if "limits" in off:
            return None
        return find_limits(bars, facts, *_home(facts), has_listing="listing" not in off)

    def tables(self, facts: SymbolFacts) -> Sequence[Dated]:
        exchange, board = _home(facts)
        rules = [limits_table(exchange, board)]
        rules += [tables.ST_LIMITS[board]] if board in tables.ST_LIMITS else []
        rules += [tables.TICK_FLOOR[exchange]]
        free = tables.FREE_DAYS.get((board, exchange))
        rules += [] if free is None else [free]
        rules += [tables.LOT[board]]
        # Most boards have the lot as their smallest order, which is then the same table.
        rules += [] if tables.MIN_ORDER[board] is tables.LOT[board] else [tables.MIN_ORDER[board]]
        rules += [tables.MAX_ORDER[board]]
        settlement = _settlement(facts, board)
        rules += [] if settlement is None else [settlement]
        if board in STOCKS:
            rules += [tables.BUY_DUTY, tables.SELL_DUTY, tables.TRANSFER[exchange]]
            rules += [tables.SHARE_FEE[exchange]] if exchange is Exchange.SHANGHAI else []
            rules += tables.DIVIDEND_TAX
        return (*rules, tables.MINIMUM)

    def dividend_taxes(self, actions: Sequence[Action], facts: SymbolFacts) -> Floats:
        # Distributions of funds and interest of bonds are not taxed by these tables.
        if _home(facts)[1] not in STOCKS:
            return np.zeros((3, len(actions)))
        days = np.array([action.ex for action in actions], "datetime64[D]")
        # Shares from reserves are not income.
        # Bonus shares from profit are taxed at their par value.
        income = np.array([action.cash + action.bonus * tables.PAR_VALUE for action in actions])
        # One row per holding period: up to a month, up to a year, and longer. The tax is due at the
        # sale.
        return np.array([table.on(days) * income for table in tables.DIVIDEND_TAX])

    def assumptions(self, facts: SymbolFacts) -> Sequence[str]:
        exchange, board = _home(facts)
        assumed = []
        if board in tables.ST_LIMITS and ST not in facts.spans:
            assumed.append("never ST, since the facts have no history of it")
        if facts.listed is None:
            assumed.append("listed before its first bar, since the facts have no day of listing")
        elif facts.issue_price is None and needs_issue_price(facts, exchange, board):
            assumed.append("not tradable in its first session, since the issue price is unknown")
        return assumed


def _home(facts: SymbolFacts) -> tuple[Exchange, Board]:
    code = parse_code(facts.symbol)
    return code.exchange, find_board(code, facts.board)


@lru_cache(maxsize=64)
def _terms_by_date(
    days: SharedDays,
    exchange: Exchange,
    board: Board,
    settlement: Dated | None,
    off: frozenset[str],
) -> Terms:
    """Return the terms that follow from the days of the bars alone."""
    sessions = days.sessions
    values = _orders(sessions, board, settlement, off) | _costs(sessions, exchange, board, off)
    return Terms.neutral(len(sessions)).having(**values, shorts="shorts" in off)


def _orders(sessions: Days, board: Board, settlement: Dated | None, off: frozenset[str]) -> Values:
    """Return lots, the size of orders, and from when on shares can be sold."""
    values: Values = {}
    if "lots" not in off:
        values["step"] = tables.LOT[board].on(sessions)
        values["least"] = tables.MIN_ORDER[board].on(sessions)
    if "order-size" not in off:
        values["most"] = tables.MAX_ORDER[board].on(sessions)
    if "t1" not in off and settlement is not None:
        values["locked"] = settlement.on(sessions) == 1.0
    return values


def _settlement(facts: SymbolFacts, board: Board) -> Dated | None:
    if board is Board.CONVERTIBLE:
        return None
    # Digits do not tell funds that can be sold on the same day, so the facts do.
    return tables.SAME_SESSION_FUNDS if facts.same_session else tables.NEXT_SESSION


def _costs(sessions: Days, exchange: Exchange, board: Board, off: frozenset[str]) -> Values:
    """Return the minimum commission, stamp duty and transfer fee."""
    values: Values = {}
    if "minimum" not in off:
        values["minimum"] = tables.MINIMUM.on(sessions)
    if board not in STOCKS:
        return values
    buy = sell = np.zeros(len(sessions))
    if "duty" not in off:
        buy, sell = tables.BUY_DUTY.on(sessions), tables.SELL_DUTY.on(sessions)
    if "transfer" not in off:
        transfer = tables.TRANSFER[exchange].on(sessions)
        # Not in place: tables return read-only arrays, which other symbols share.
        buy, sell = buy + transfer, sell + transfer
        values["share_fee"] = tables.SHARE_FEE[exchange].on(sessions)
    return values | {"buy_tax": buy, "sell_tax": sell}


def _outside_listing(bars: Bars, facts: SymbolFacts) -> Flags:
    """Return which bars lie before the listing or after the delisting."""
    outside = np.zeros(len(bars), np.bool_)
    if facts.listed is not None:
        outside |= bars.session < np.datetime64(facts.listed)
    if facts.delisted is not None:
        # The day of the delisting itself is outside: the last session is the one before.
        outside |= bars.session >= np.datetime64(facts.delisted)
    return outside
