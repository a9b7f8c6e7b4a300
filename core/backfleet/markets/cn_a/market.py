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
from backfleet.markets.cn_a.limits import limit_ticks, reference_ticks
from backfleet.markets.cn_a.listing import delisting_free_days, free_days, is_first_session
from backfleet.terms import Terms

__all__ = ["CnAMarket"]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Days = NDArray[np.datetime64]

Values = dict[str, Any]
"""Numbers and arrays of `Terms`, by their names."""

STOCKS = (Board.MAIN, Board.CHINEXT, Board.STAR, Board.BEIJING)
"""The boards whose shares pay stamp duty and the transfer fee, and can be ST."""

ST, DELISTING = "st", "delisting"


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
        days = bars.session.tobytes()
        values = dict(_terms_by_date(days, exchange, board, _settlement(facts, board), off))
        values["shorts"] = "shorts" in off
        if "limits" not in off:
            values |= _limits(bars, facts, exchange, board, "listing" not in off)
        if "listing" not in off and (outside := _outside_listing(bars, facts)).any():
            for name in ("buy_block", "sell_block"):
                values[name] = np.where(outside, RejectReason.UNLISTED, values.get(name, 0))
        return Terms.neutral(len(bars)).having(**values)

    def tables(self, facts: SymbolFacts) -> Sequence[Dated]:
        exchange, board = _home(facts)
        rules = [_limits_of(exchange, board)]
        rules += [tables.ST_LIMITS[board]] if board in tables.ST_LIMITS else []
        rules += [tables.TICK_FLOOR[exchange]]
        free = tables.FREE_DAYS.get((board, exchange))
        rules += [] if free is None else [free]
        rules += [tables.LOT[board]]
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
        if _home(facts)[1] not in STOCKS:
            return np.zeros((3, len(actions)))
        days = np.array([action.ex for action in actions], "datetime64[D]")
        # Shares from reserves are not income.
        income = np.array([action.cash + action.bonus * tables.PAR_VALUE for action in actions])
        return np.array([table.on(days) * income for table in tables.DIVIDEND_TAX])

    def assumptions(self, facts: SymbolFacts) -> Sequence[str]:
        _, board = _home(facts)
        assumed = []
        if board in tables.ST_LIMITS and ST not in facts.spans:
            assumed.append("never ST, since the facts have no history of it")
        if facts.listed is None:
            assumed.append("listed before its first bar, since the facts have no day of listing")
        elif facts.issue_price is None and _needs_issue_price(facts):
            assumed.append("not tradable in its first session, since the issue price is unknown")
        return assumed


def _home(facts: SymbolFacts) -> tuple[Exchange, Board]:
    code = parse_code(facts.symbol)
    return code.exchange, find_board(code, facts.board)


# Most symbols of a run share their days, and then the arrays.
@lru_cache(maxsize=32)
def _terms_by_date(
    days: bytes, exchange: Exchange, board: Board, settlement: Dated | None, off: frozenset[str]
) -> Values:
    """Return the terms that follow from the days of the bars alone."""
    sessions = np.frombuffer(days, "datetime64[D]")
    values = _orders(sessions, board, settlement, off) | _costs(sessions, exchange, board, off)
    for column in values.values():
        column.flags.writeable = False
    return values


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
        buy, sell = buy + transfer, sell + transfer
        values["share_fee"] = tables.SHARE_FEE[exchange].on(sessions)
    return values | {"buy_tax": buy, "sell_tax": sell}


def _limits_of(exchange: Exchange, board: Board) -> Dated:
    return tables.FUND_20_LIMITS[exchange] if board is Board.FUND_20 else tables.LIMITS[board]


def _limits(
    bars: Bars, facts: SymbolFacts, exchange: Exchange, board: Board, listing: bool
) -> Values:
    """Return the price limits; `listing` says whether new symbols have limits of their own."""
    per_unit = tables.TICK[board]
    mille, floor = _limit_widths(bars, facts, exchange, board)
    reference = reference_ticks(bars, per_unit)
    above = below = mille
    has_limits = (mille > 0.0) & (reference >= 0.0)
    values: Values = {"tick": 1.0 / per_unit}
    if listing and facts.listed is not None:
        has_limits &= ~free_days(bars, facts, board, exchange)
        if _needs_issue_price(facts):
            first_day = is_first_session(bars, facts)
            up, down = tables.FIRST_DAY_LIMITS[board]
            above, below = np.where(first_day, up, above), np.where(first_day, down, below)
            issue = np.rint((facts.issue_price or 0.0) * per_unit)
            reference = np.where(first_day, issue, reference)
            has_limits |= first_day & (facts.issue_price is not None)
            if facts.issue_price is None:
                # Their limits are unknown.
                values["buy_block"] = np.where(first_day, RejectReason.LIMIT_UP, 0)
                values["sell_block"] = np.where(first_day, RejectReason.LIMIT_DOWN, 0)
    upper, lower = limit_ticks(reference, above, below, floor == 1.0)
    values["up"] = np.where(has_limits, upper / per_unit, np.inf)
    values["down"] = np.where(has_limits, lower / per_unit, 0.0)
    return values


def _limit_widths(
    bars: Bars, facts: SymbolFacts, exchange: Exchange, board: Board
) -> tuple[Floats, Floats]:
    """Return the price limits per mille, and whether they are at least a tick."""
    mille = _limits_of(exchange, board).on(bars.session)
    floor = tables.TICK_FLOOR[exchange].on(bars.session)
    if board in tables.ST_LIMITS and (is_st := facts.during(ST, bars.session)).any():
        mille = np.where(is_st, tables.ST_LIMITS[board].on(bars.session), mille)
    if DELISTING not in facts.spans:
        return mille, floor
    for first, end in facts.spans[DELISTING]:
        inside = facts.during(DELISTING, bars.session) & (bars.session >= np.datetime64(first))
        inside &= True if end is None else bars.session < np.datetime64(end)
        table = tables.DELISTING_LIMITS.get(board, _limits_of(exchange, board))
        mille = np.where(inside, table.step(first).value, mille)
        special = tables.DELISTING_TICK_FLOOR[exchange].on(bars.session)
        floor = np.where(inside, special, floor)
    return np.where(delisting_free_days(bars, facts), 0.0, mille), floor


def _needs_issue_price(facts: SymbolFacts) -> bool:
    """Return whether the limits of the first session follow from the issue price."""
    exchange, board = _home(facts)
    table = tables.FREE_DAYS.get((board, exchange))
    if facts.listed is None or table is None or board not in tables.FIRST_DAY_LIMITS:
        return False
    return table.step(facts.listed).value == 0.0


def _outside_listing(bars: Bars, facts: SymbolFacts) -> Flags:
    """Return which bars lie before the listing or after the delisting."""
    outside = np.zeros(len(bars), np.bool_)
    if facts.listed is not None:
        outside |= bars.session < np.datetime64(facts.listed)
    if facts.delisted is not None:
        outside |= bars.session >= np.datetime64(facts.delisted)
    return outside
