"""State of the compiled broker: plain tuples of numbers, and the arrays that it fills."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from backfleet.bars import Bars
from backfleet.class_call import ClassCall
from backfleet.engine import FILL, ORDER, TRADE, BrokerSettings
from backfleet.jit import inlined

__all__ = [
    "Account",
    "BarArrays",
    "Bought",
    "BrokerParams",
    "Buffers",
    "Execution",
    "LoopState",
    "OutputArrays",
    "Pending",
    "ProtectiveOrders",
    "has_rate_only",
    "rate_only",
]


class BarArrays(NamedTuple):
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
    def of(cls, bars: Bars) -> BarArrays:
        """Return copies of the times and the traded prices of bars, all of them tradable."""
        prices = bars.traded
        # To numba, a read-only or a strided array has another type, for which it would compile all
        # again. Copies are writable and contiguous, wherever the bars come from.
        return cls(bars.time.copy(), np.array((prices.open, prices.high, prices.low, prices.close)))


class BrokerParams(NamedTuple):
    """`BrokerSettings` of one symbol, for compiled code, and what a market adds to the commission.

    `slippage` is money per share and `slippage_rate` a fraction; `slips_open` and `slips_out` are 1
    for True. `buy_tax` and `sell_tax` are fractions of the value, `share_fee` is money per share.
    """

    cash: float
    commission: float
    minimum_commission: float
    slippage: float
    per_share: float
    per_order: float
    multiplier: float
    slippage_rate: float
    slips_open: float
    slips_out: float
    buy_tax: float
    sell_tax: float
    share_fee: float

    @classmethod
    def of(cls, broker: BrokerSettings, symbol: str = "") -> BrokerParams:
        costs, slippage = broker.costs_of(symbol), broker.slippage_terms
        commission = costs.commission
        if isinstance(commission, ClassCall):
            raise TypeError(f"compiled code cannot call the commission scheme {commission.target}")
        return cls(
            float(broker.cash),
            float(commission.rate),
            float(costs.minimum_commission),
            float(slippage.per_share),
            float(commission.per_share),
            float(commission.per_order),
            float(commission.multiplier),
            float(slippage.rate),
            float(slippage.open),
            float(slippage.out),
            0.0,
            0.0,
            0.0,
        )

    @property
    def slips(self) -> bool:
        """Return whether fills have slippage."""
        return self.slippage != 0.0 or self.slippage_rate != 0.0


@inlined
def has_rate_only(broker: BrokerParams) -> bool:
    """Return whether the only cost is a fraction of the traded value."""
    return (
        broker.minimum_commission == 0.0
        and broker.per_share == 0.0
        and broker.per_order == 0.0
        and broker.multiplier == 1.0
        and broker.slippage == 0.0
        and broker.slippage_rate == 0.0
    )


@inlined
def rate_only(broker: BrokerParams) -> BrokerParams:
    """Return a broker that `has_rate_only` with constants in place of the other costs, whose
    branches the compiler leaves out."""
    # The two 1.0 are the multiplier and `slips_open`: without slippage, `open_fill` returns the
    # open either way, and this way it needs no branch.
    return BrokerParams(
        broker.cash, broker.commission, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0
    )


class Account(NamedTuple):
    """Cash, signed shares held, and their mean entry price, 0 without any."""

    cash: float
    size: float
    price: float


class Bought(NamedTuple):
    """Shares that were bought in a session and cannot be sold in it."""

    shares: float
    session: float


class Pending(NamedTuple):
    """A market order that waits for the next open; none if its size is 0.

    `price` is the close at which it was placed, `order` its number.
    """

    size: float
    price: float
    order: int


class ProtectiveOrders(NamedTuple):
    """The stop-loss and the take-profit of a position; none if their size is 0.

    Both have the same signed size. A price is NaN if there is no such order;
    `stop_order` and `limit_order` are their numbers.
    """

    size: float
    stop: float
    limit: float
    stop_order: int
    limit_order: int


class LoopState(NamedTuple):
    """State of a simulation between two bars.

    `pending_reversal` is the position that a reversal still has to enter; NaN if none. A reversal
    closes a position with one order and opens the opposite one with the next.
    """

    account: Account
    pending: Pending
    protective: ProtectiveOrders
    pending_reversal: float


class Execution(NamedTuple):
    """Execution of an order: the signed shares it filled, its price, commission and profit.

    `reason` is the `RejectReason` of the part that was not filled.
    """

    size: float
    price: float
    commission: float
    pnl: float
    reason: int


class OutputArrays(NamedTuple):
    """Arrays that a simulation writes: `Buffers` without trades, and the bar of each fill, int64 of
    shape (fills,)."""

    curve: NDArray[np.float64]
    orders: NDArray[np.void]
    fills: NDArray[np.void]
    fill_bars: NDArray[np.int64]


class Buffers(NamedTuple):
    """Arrays for the records of simulations, one after the other.

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
    def of(cls, steps: int, bars: int, symbols: int, room: int) -> Buffers:
        """Return buffers for `room` orders, or for all that can be placed if that is less.

        `steps` counts the values of the account, `bars` those of all symbols together. At a bar, a
        strategy places one market order or two protective orders, and one order is filled.
        """
        # Before a step, the loops demand room for two orders of each symbol.
        orders = min(2 * (bars + symbols), room)
        return cls(
            np.empty((3, steps)),
            np.empty(orders, ORDER),
            # At most one order of a symbol is filled at a bar, and each trade begins with a fill of
            # its own.
            np.empty(min(bars, orders), FILL),
            np.empty(min(bars, orders), TRADE),
        )
