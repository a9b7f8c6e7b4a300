"""The market `cn-a`: the rules of Shanghai, Shenzhen and Beijing, by board and date."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from backfleet.bars import Bars
from backfleet.engine import RejectReason
from backfleet.facts import SymbolFacts
from backfleet.market import Dated, Market
from backfleet.markets.cn_a import tables
from backfleet.markets.cn_a.codes import Board, Exchange, find_board, parse_code
from backfleet.markets.cn_a.limits import limit_ticks, reference_ticks
from backfleet.markets.cn_a.listing import delisting_free_days, free_days, is_first_session
from backfleet.terms import Terms

__all__ = ["CnAMarket"]

Flags = NDArray[np.bool_]

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
        terms = Terms.neutral(len(bars)).having(shorts="shorts" in off)
        terms = _with_orders(terms, bars, facts, board, off)
        terms = _with_costs(terms, bars, exchange, board, off)
        if "limits" not in off:
            terms = _with_limits(terms, bars, facts, exchange, board, "listing" not in off)
        if "listing" not in off:
            terms = _unlisted(terms, bars, facts)
        return terms

    def tables(self, facts: SymbolFacts) -> Sequence[Dated]:
        exchange, board = _home(facts)
        rules = [_limits_of(exchange, board)]
        rules += [tables.ST_LIMITS[board]] if board in tables.ST_LIMITS else []
        rules += [tables.TICK_FLOOR[exchange]]
        free = tables.FREE_DAYS.get((board, exchange))
        rules += [] if free is None else [free]
        rules += [tables.LOT[board]]
        rules += [] if tables.LEAST[board] is tables.LOT[board] else [tables.LEAST[board]]
        rules += [tables.MOST[board]]
        settlement = _settlement(facts, board)
        rules += [] if settlement is None else [settlement]
        if board in STOCKS:
            rules += [tables.BUY_DUTY, tables.SELL_DUTY, tables.TRANSFER[exchange]]
            rules += [tables.SHARE_FEE[exchange]] if exchange is Exchange.SHANGHAI else []
            rules += tables.DIVIDEND_TAX
        return (*rules, tables.MINIMUM)

    def dividend_taxes(
        self, days: NDArray[np.datetime64], facts: SymbolFacts
    ) -> NDArray[np.float64]:
        if _home(facts)[1] not in STOCKS:
            return np.zeros((3, len(days)))
        return np.array([table.on(days) for table in tables.DIVIDEND_TAX])

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


def _with_orders(
    terms: Terms, bars: Bars, facts: SymbolFacts, board: Board, off: frozenset[str]
) -> Terms:
    """Add lots, the size of orders, and from when on shares can be sold."""
    if "lots" not in off:
        least = tables.LEAST[board].on(bars.session)
        terms = terms.having(step=tables.LOT[board].on(bars.session), least=least)
    if "order-size" not in off:
        terms = terms.having(most=tables.MOST[board].on(bars.session))
    settlement = _settlement(facts, board)
    if "t1" not in off and settlement is not None:
        terms = terms.having(locked=settlement.on(bars.session) == 1.0)
    return terms


def _settlement(facts: SymbolFacts, board: Board) -> Dated | None:
    if board is Board.CONVERTIBLE:
        return None
    return tables.SAME_SESSION_FUNDS if facts.same_session else tables.NEXT_SESSION


def _with_costs(
    terms: Terms, bars: Bars, exchange: Exchange, board: Board, off: frozenset[str]
) -> Terms:
    """Add the minimum commission, stamp duty and transfer fee."""
    if "minimum" not in off:
        terms = terms.having(minimum=tables.MINIMUM.on(bars.session))
    if board not in STOCKS:
        return terms
    buy = sell = np.zeros(len(bars))
    if "duty" not in off:
        buy, sell = tables.BUY_DUTY.on(bars.session), tables.SELL_DUTY.on(bars.session)
    if "transfer" not in off:
        transfer = tables.TRANSFER[exchange].on(bars.session)
        buy, sell = buy + transfer, sell + transfer
        terms = terms.having(share_fee=tables.SHARE_FEE[exchange].on(bars.session))
    return terms.having(buy_tax=buy, sell_tax=sell)


def _limits_of(exchange: Exchange, board: Board) -> Dated:
    return tables.FUND_20_LIMITS[exchange] if board is Board.FUND_20 else tables.LIMITS[board]


def _with_limits(
    terms: Terms, bars: Bars, facts: SymbolFacts, exchange: Exchange, board: Board, listing: bool
) -> Terms:
    """Add the price limits; `listing` says whether new symbols have limits of their own."""
    per_unit = tables.TICK[board]
    mille = _limits_of(exchange, board).on(bars.session)
    floor = tables.TICK_FLOOR[exchange].on(bars.session)
    if board in tables.ST_LIMITS and (is_st := facts.during(ST, bars.session)).any():
        mille = np.where(is_st, tables.ST_LIMITS[board].on(bars.session), mille)
    for first, end in facts.spans.get(DELISTING, ()):
        inside = facts.during(DELISTING, bars.session) & (bars.session >= np.datetime64(first))
        inside &= True if end is None else bars.session < np.datetime64(end)
        table = tables.DELISTING_LIMITS.get(board, _limits_of(exchange, board))
        mille = np.where(inside, table.step(first).value, mille)
        special = tables.DELISTING_TICK_FLOOR[exchange].on(bars.session)
        floor = np.where(inside, special, floor)
    mille = np.where(delisting_free_days(bars, facts), 0.0, mille)
    reference = reference_ticks(bars, per_unit)
    above = below = mille.astype(np.int64)
    has_limits = (mille > 0.0) & (reference >= 0)
    if listing:
        has_limits &= ~free_days(bars, facts, board, exchange)
        if _needs_issue_price(facts):
            first_day = is_first_session(bars, facts)
            up, down = tables.FIRST_DAY_LIMITS[board]
            above, below = np.where(first_day, up, above), np.where(first_day, down, below)
            issue = np.rint((facts.issue_price or 0.0) * per_unit).astype(np.int64)
            reference = np.where(first_day, issue, reference)
            has_limits |= first_day & (facts.issue_price is not None)
            terms = _not_tradable(terms, first_day & (facts.issue_price is None))
    upper, lower = limit_ticks(reference, above, below, floor == 1.0)
    return terms.having(
        up=np.where(has_limits, upper / per_unit, np.inf),
        down=np.where(has_limits, lower / per_unit, 0.0),
        tick=1.0 / per_unit,
    )


def _needs_issue_price(facts: SymbolFacts) -> bool:
    """Return whether the limits of the first session follow from the issue price."""
    exchange, board = _home(facts)
    table = tables.FREE_DAYS.get((board, exchange))
    if facts.listed is None or table is None or board not in tables.FIRST_DAY_LIMITS:
        return False
    return table.step(facts.listed).value == 0.0


def _not_tradable(terms: Terms, at: Flags) -> Terms:
    """Block purchases and sales whose limits are unknown."""
    return terms.having(
        buy_block=np.where(at, RejectReason.LIMIT_UP, terms.buy_block),
        sell_block=np.where(at, RejectReason.LIMIT_DOWN, terms.sell_block),
    )


def _unlisted(terms: Terms, bars: Bars, facts: SymbolFacts) -> Terms:
    """Block all orders before the listing and after the delisting."""
    outside = np.zeros(len(bars), np.bool_)
    if facts.listed is not None:
        outside |= bars.session < np.datetime64(facts.listed)
    if facts.delisted is not None:
        outside |= bars.session >= np.datetime64(facts.delisted)
    return terms.having(
        buy_block=np.where(outside, RejectReason.UNLISTED, terms.buy_block),
        sell_block=np.where(outside, RejectReason.UNLISTED, terms.sell_block),
    )
