"""What the compiled broker works on: plain tuples of numbers, and the arrays that it fills."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from backfleet.bars import Bars
from backfleet.engine import FILL, ORDER, TRADE, BrokerSettings

__all__ = [
    "Account",
    "Books",
    "Buffers",
    "Costs",
    "Execution",
    "Guards",
    "Market",
    "Pending",
    "Standing",
]


class Market(NamedTuple):
    """The tradable bars of a symbol.

    Attributes
    ----------
    time
        int64 of shape (bars,).
    prices
        float64 of shape (4, bars): open, high, low, close.
    """

    time: NDArray[np.int64]
    prices: NDArray[np.float64]

    @classmethod
    def of(cls, bars: Bars) -> Market:
        """`bars` must be tradable throughout. Copied, so that numba meets one kind of array."""
        return cls(bars.time.copy(), np.array((bars.open, bars.high, bars.low, bars.close)))


class Costs(NamedTuple):
    """`BrokerSettings`, for compiled code."""

    cash: float
    commission: float
    minimum_commission: float
    slippage: float

    @classmethod
    def of(cls, broker: BrokerSettings) -> Costs:
        return cls(
            float(broker.cash),
            float(broker.commission),
            float(broker.minimum_commission),
            float(broker.slippage),
        )


class Account(NamedTuple):
    """Cash, signed shares held, and their mean entry price, 0 without any."""

    cash: float
    size: float
    price: float


class Pending(NamedTuple):
    """A market order that waits for the next open; a size of 0 is none.

    `price` is the close that it was made at, `order` its number.
    """

    size: float
    price: float
    order: int


class Guards(NamedTuple):
    """The Stop and Limit orders of a position; both share its signed size, and 0 is none.

    A price is NaN where there is no such order; `stop_order` and `limit_order` are their numbers.
    """

    size: float
    stop: float
    limit: float
    stop_order: int
    limit_order: int


class Standing(NamedTuple):
    """Where a run stands.

    `owed` is the position that a reversal still has to enter; NaN is none.
    """

    account: Account
    pending: Pending
    guards: Guards
    owed: float


class Execution(NamedTuple):
    """What an order did: the signed shares it filled, at which price, fee and profit.

    `reason` is the `RejectReason` of what it did not fill.
    """

    size: float
    price: float
    commission: float
    pnl: float
    reason: int


class Books(NamedTuple):
    """What a run writes down: `Buffers` without trades, and int64 of shape (fills,), the bar of
    each fill."""

    curve: NDArray[np.float64]
    orders: NDArray[np.void]
    fills: NDArray[np.void]
    fill_bars: NDArray[np.int64]


class Buffers(NamedTuple):
    """Where simulations are written to, one after the other.

    Attributes
    ----------
    account
        float64 of shape (3, bars): value, cash and exposure after each bar, as in `EQUITY`.
    orders, fills, trades
        `ORDER`, `FILL` and `TRADE` records.
    """

    account: NDArray[np.float64]
    orders: NDArray[np.void]
    fills: NDArray[np.void]
    trades: NDArray[np.void]

    @classmethod
    def of(cls, bars: int) -> Buffers:
        """Room for all that can happen in so many bars: a bar makes one market order or two that
        guard the position, and has one fill. What is never written to takes no memory."""
        return cls(
            np.empty((3, bars)),
            np.empty(2 * bars, ORDER),
            np.empty(bars, FILL),
            np.empty(bars, TRADE),
        )
