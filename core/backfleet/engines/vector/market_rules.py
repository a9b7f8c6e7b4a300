"""The rules of a market at one bar, compiled: sizes, rejections and costs.

`engines.market_broker` calls these functions for backtrader's own broker. They know no rule by
name.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from backfleet.bars import Bars
from backfleet.engine import RejectReason
from backfleet.engines.vector.state import BrokerParams
from backfleet.jit import inlined

__all__ = [
    "EPSILON",
    "BarTerms",
    "MarketRows",
    "allowed_size",
    "broker_at",
    "broker_with",
    "market_rows",
    "must_wait",
    "placed_size",
    "rejection_at_open",
    "rejection_when_placed",
    "rounded_size",
    "terms_at",
]

EPSILON = 1e-6
"""A number of shares that is this close to a whole number, or to a half, is one."""

MarketRows = NDArray[np.float64]
"""float64 of shape (rows, bars), one row per field of `BarTerms`."""


class BarTerms(NamedTuple):
    """The rules of a market at one bar: `Terms` as numbers, and the bar's session in days."""

    step: float
    least: float
    most: float
    cap: float
    buy_tax: float
    sell_tax: float
    share_fee: float
    minimum: float
    buy_block: float
    sell_block: float
    missed: float
    locked: float
    shorts: float
    session: float


NOT_REJECTED = int(RejectReason.NONE)
SAME_SESSION = int(RejectReason.SAME_SESSION)
LOT, SHORT = int(RejectReason.LOT), int(RejectReason.SHORT)
VOLUME, HALTED = int(RejectReason.VOLUME), int(RejectReason.HALTED)
ORDER_SIZE = int(RejectReason.ORDER_SIZE)


def market_rows(bars: Bars) -> MarketRows | None:
    """Return the terms of tradable bars as one array; None without a market."""
    terms = bars.terms
    if terms is None:
        return None
    steady = terms.steady
    # The order is that of `BarTerms`, which `terms_at` relies on.
    rows = [
        steady.step, steady.least, steady.most, terms.cap,
        steady.buy_tax, steady.sell_tax, steady.share_fee, steady.minimum,
        terms.buy_block, terms.sell_block, terms.missed,
        steady.locked, steady.shorts, bars.session.astype("M8[D]").view(np.int64),
    ]  # fmt: skip
    return np.array([np.asarray(row, np.float64) for row in rows])


@inlined
def terms_at(market: MarketRows, bar: int) -> BarTerms:
    """Return the rules at a bar."""
    return BarTerms(
        # numba cannot unpack an array into arguments, so each row is written out.
        market[0, bar],
        market[1, bar],
        market[2, bar],
        market[3, bar],
        market[4, bar],
        market[5, bar],
        market[6, bar],
        market[7, bar],
        market[8, bar],
        market[9, bar],
        market[10, bar],
        market[11, bar],
        market[12, bar],
        market[13, bar],
    )


@inlined
def broker_at(broker: BrokerParams, market: MarketRows | None, bar: int) -> BrokerParams:
    """Return the broker with the costs of a bar."""
    if market is None:
        return broker
    return broker_with(broker, terms_at(market, bar))


@inlined
def broker_with(broker: BrokerParams, terms: BarTerms) -> BrokerParams:
    """Return the broker with the costs of a bar."""
    minimum = broker.minimum_commission
    # A minimum that the job sets counts before that of the market.
    if not minimum > 0.0:
        minimum = terms.minimum
    return BrokerParams(
        broker.cash,
        broker.commission,
        minimum,
        broker.slippage,
        broker.per_share,
        broker.per_order,
        broker.multiplier,
        broker.slippage_rate,
        broker.slips_open,
        broker.slips_out,
        terms.buy_tax,
        terms.sell_tax,
        terms.share_fee,
    )


@inlined
def rounded_size(size: float, held: float, terms: BarTerms) -> float:
    """Return an order's signed size in whole lots; 0 if it is smaller than the smallest order.

    An order that closes a position, or more, keeps its size.
    """
    shares, step = abs(size), terms.step
    # Odd lots arise from dividends and splits. They can be sold, but only all at once.
    if step == 0.0 or (size * held < 0.0 and shares >= abs(held)):
        return size
    # Fractions of reinvested dividends leave 199.9999999999999 of 200 shares.
    lots = float(math.floor((shares + EPSILON) / step)) * step
    if lots < terms.least:
        return 0.0
    return lots if size > 0.0 else -lots


@inlined
def placed_size(size: float, held: float, terms: BarTerms) -> float:
    """Return the size of the order that a target places.

    A change of a position that is smaller than a lot is no order. An entry that is smaller than a
    lot keeps its size, so that it is rejected and the reason is recorded.
    """
    lots = rounded_size(size, held, terms) if size != 0.0 else 0.0
    if lots == 0.0 and held == 0.0:
        return size
    return lots


@inlined
def rejection_when_placed(size: float, held: float, terms: BarTerms) -> int:
    """Return the reason for which an order is rejected before its cost is looked at."""
    # A size has whole lots when it is placed, unless nothing would be left: `placed_size` leaves
    # such an order for this rejection. A corporate action may have changed the size since.
    if rounded_size(size, held, terms) == 0.0:
        return LOT
    if abs(size) > terms.most:
        return ORDER_SIZE
    return NOT_REJECTED


@inlined
def rejection_at_open(size: float, held: float, fresh: float, terms: BarTerms) -> int:
    """Return the reason for which a market order is rejected at a bar's open.

    `fresh` is how many of the held shares were bought in this session and cannot be sold in it.
    """
    # A day order ends with its session. One that lived for a session in which the symbol was halted
    # is gone when the next bar comes.
    if terms.missed != 0.0:
        return HALTED
    block = terms.buy_block if size > 0.0 else terms.sell_block
    if block != 0.0:
        return int(block)
    if size < 0.0:
        if terms.shorts == 0.0 and held + size < 0.0:
            return SHORT
        # An order that closes the whole position is kept if some of it can be sold: `allowed_size`
        # sells that part.
        if fresh > 0.0 and -size > held - fresh and not (-size == held and held > fresh):
            return SAME_SESSION
    return NOT_REJECTED


@inlined
def allowed_size(
    size: float, held: float, fresh: float, cap: float, terms: BarTerms
) -> tuple[float, int]:
    """Return how much of an order can be filled, signed, and why not the rest.

    `cap` is what the bar's volume still allows.
    """
    shares, reason = abs(size), NOT_REJECTED
    # First what may be sold at all, then what the volume allows; the later reason is the one
    # reported.
    if size < 0.0 and fresh > 0.0 and shares > held - fresh:
        shares, reason = held - fresh, SAME_SESSION
    if shares > cap:
        step = terms.step
        shares, reason = cap, VOLUME
        if step != 0.0:
            shares = math.floor(cap / step) * step
        if shares < terms.least:
            shares = 0.0
    return (shares if size > 0.0 else -shares), reason


@inlined
def must_wait(size: float, held: float, fresh: float, cap: float, terms: BarTerms) -> bool:
    """Return whether a protective order cannot be filled at a bar, whatever its price."""
    # Protective orders are good till canceled, so they wait for a bar at which they can be filled
    # completely, instead of being rejected or filled in parts.
    block = terms.buy_block if size > 0.0 else terms.sell_block
    return block != 0.0 or abs(size) > cap or (size < 0.0 and fresh > 0.0 and -size > held - fresh)
