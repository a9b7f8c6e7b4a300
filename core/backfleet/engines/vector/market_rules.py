"""The rules of a market at one bar, compiled: sizes, rejections and costs.

`engines.market_broker` calls these functions for backtrader's own broker. They read the rows of
`market_rows`, and know no rule by name.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from backfleet.bars import Bars
from backfleet.engine import RejectReason
from backfleet.engines.vector.state import BrokerParams
from backfleet.jit import inlined

__all__ = [
    "CAP",
    "LOCKED",
    "SESSION",
    "MarketRows",
    "allowed_size",
    "broker_at",
    "market_rows",
    "must_wait",
    "placed_size",
    "rejection_at_open",
    "rejection_when_placed",
    "rounded_size",
]

MarketRows = NDArray[np.float64]
"""float64 of shape (rows, bars), one row per term, in the order of the numbers below."""

STEP, LEAST, MOST, CAP = 0, 1, 2, 3
BUY_TAX, SELL_TAX, SHARE_FEE, MINIMUM = 4, 5, 6, 7
BUY_BLOCK, SELL_BLOCK, MISSED = 8, 9, 10
LOCKED, SHORTS, SESSION = 11, 12, 13

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
    rows = [
        terms.step, terms.least, terms.most, terms.cap,
        terms.buy_tax, terms.sell_tax, terms.share_fee, terms.minimum,
        terms.buy_block, terms.sell_block, terms.missed,
        terms.locked, terms.shorts, bars.session.astype("M8[D]").view(np.int64),
    ]  # fmt: skip
    return np.array([np.asarray(row, np.float64) for row in rows])


@inlined
def broker_at(broker: BrokerParams, market: MarketRows | None, bar: int) -> BrokerParams:
    """Return the broker with the costs of a bar."""
    if market is None:
        return broker
    minimum = broker.minimum_commission
    if not minimum > 0.0:
        minimum = market[MINIMUM, bar]
    return BrokerParams(
        broker.cash,
        broker.commission,
        minimum,
        broker.slippage,
        market[BUY_TAX, bar],
        market[SELL_TAX, bar],
        market[SHARE_FEE, bar],
    )


@inlined
def rounded_size(size: float, held: float, market: MarketRows, bar: int) -> float:
    """Return an order's signed size in whole lots; 0 if it is smaller than the smallest order.

    An order that closes a position, or more, keeps its size.
    """
    shares, step = abs(size), float(market[STEP, bar])
    if step == 0.0 or (size * held < 0.0 and shares >= abs(held)):
        return size
    lots = float(math.floor(shares / step)) * step
    if lots < market[LEAST, bar]:
        return 0.0
    return lots if size > 0.0 else -lots


@inlined
def placed_size(size: float, held: float, market: MarketRows, bar: int) -> float:
    """Return the size of the order that a target places.

    A change of a position that is smaller than a lot is no order. An entry that is smaller than a
    lot keeps its size, so that it is rejected and the reason is recorded.
    """
    lots = rounded_size(size, held, market, bar) if size != 0.0 else 0.0
    if lots == 0.0 and held == 0.0:
        return size
    return lots


@inlined
def rejection_when_placed(size: float, held: float, market: MarketRows, bar: int) -> int:
    """Return the reason for which an order is rejected before its cost is looked at."""
    if rounded_size(size, held, market, bar) == 0.0:
        return LOT
    if abs(size) > market[MOST, bar]:
        return ORDER_SIZE
    return NOT_REJECTED


@inlined
def rejection_at_open(size: float, held: float, fresh: float, market: MarketRows, bar: int) -> int:
    """Return the reason for which a market order is rejected at a bar's open.

    `fresh` is how many of the held shares were bought in this session and cannot be sold in it.
    """
    if market[MISSED, bar] != 0.0:
        return HALTED
    block = market[BUY_BLOCK, bar] if size > 0.0 else market[SELL_BLOCK, bar]
    if block != 0.0:
        return int(block)
    if size < 0.0:
        if market[SHORTS, bar] == 0.0 and held + size < 0.0:
            return SHORT
        if fresh > 0.0 and -size > held - fresh and not (-size == held and held > fresh):
            return SAME_SESSION
    return NOT_REJECTED


@inlined
def allowed_size(
    size: float, held: float, fresh: float, cap: float, market: MarketRows, bar: int
) -> tuple[float, int]:
    """Return how much of an order can be filled, signed, and why not the rest.

    `cap` is what the bar's volume still allows.
    """
    shares, reason = abs(size), NOT_REJECTED
    if size < 0.0 and fresh > 0.0 and shares > held - fresh:
        shares, reason = held - fresh, SAME_SESSION
    if shares > cap:
        step = market[STEP, bar]
        shares, reason = cap, VOLUME
        if step != 0.0:
            shares = math.floor(cap / step) * step
        if shares < market[LEAST, bar]:
            shares = 0.0
    return (shares if size > 0.0 else -shares), reason


@inlined
def must_wait(
    size: float, held: float, fresh: float, cap: float, market: MarketRows, bar: int
) -> bool:
    """Return whether a protective order cannot be filled at a bar, whatever its price."""
    block = market[BUY_BLOCK, bar] if size > 0.0 else market[SELL_BLOCK, bar]
    return block != 0.0 or abs(size) > cap or (size < 0.0 and fresh > 0.0 and -size > held - fresh)
