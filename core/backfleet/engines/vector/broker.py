"""The broker, compiled: backtrader's arithmetic, operation by operation in its order.

Each function names the one of backtrader's that it follows. The sums and products must stay as they
stand, since another order of evaluation rounds differently.
"""

from __future__ import annotations

import math

from backfleet.engine import RejectReason
from backfleet.engines.vector.state import (
    Account,
    BrokerParams,
    Execution,
    Pending,
    ProtectiveOrders,
)
from backfleet.jit import inlined

__all__ = [
    "REJECTED_AT_FILL",
    "REJECTED_AT_SUBMISSION",
    "account_value",
    "cash_after",
    "commission",
    "execute",
    "fill_or_reject",
    "legs",
    "open_fill",
    "triggered_order",
    "with_position",
]


# numba tells members of an enumeration from whole numbers, and these are mixed below.
NOT_REJECTED = int(RejectReason.NONE)
REJECTED_AT_SUBMISSION = int(RejectReason.CASH_AT_SUBMISSION)
REJECTED_AT_FILL = int(RejectReason.CASH_AT_FILL)


@inlined
def commission(size: float, price: float, broker: BrokerParams) -> float:
    """Return the commission of a leg. `engines.broker` and `engines.market_broker` call it, too."""
    # The order of the factors is that of `CommInfoBase._getcommission`.
    fee = abs(size) * broker.commission * price
    # The conditions change no number. With the constants of `rate_only`, the compiler drops the
    # sums.
    if broker.per_share != 0.0:
        fee += abs(size) * broker.per_share
    if broker.per_order != 0.0:
        fee += broker.per_order
    if broker.minimum_commission > 0.0 and fee < broker.minimum_commission:
        fee = broker.minimum_commission
    tax = broker.buy_tax if size > 0.0 else broker.sell_tax
    if tax != 0.0:
        fee += abs(size) * price * tax
    if broker.share_fee != 0.0:
        fee += abs(size) * broker.share_fee
    return fee


@inlined
def legs(held: float, size: float) -> tuple[float, float]:
    """Return how much of an order closes and how much opens, both signed (`Position.update`)."""
    # All comparisons are with the rounded sum, as in backtrader: an order that leaves 1e-17 shares
    # does not close the position.
    after = held + size
    if after == 0.0:
        return size, 0.0
    if held == 0.0 or (held > 0.0) == (size > 0.0):
        return 0.0, size
    if (after > 0.0) == (held > 0.0):
        return size, 0.0
    return -held, after


@inlined
def cash_after(account: Account, size: float, price: float, broker: BrokerParams) -> float:
    """Return the cash after an order fills at the close at which it was placed; below 0 if it does
    not suffice (`BackBroker.check_submitted`, `_execute` without a date)."""
    closed, opened = legs(account.size, size)
    # backtrader's trial execution takes the order's price for the entry price of the position, too.
    # So the closing part has no profit, and the multiplier plays no role.
    cash = account.cash
    if closed != 0.0:
        cash += -closed * price
        cash -= commission(closed, price, broker)
    if opened != 0.0:
        cash -= opened * price
        cash -= commission(opened, price, broker)
    return cash


@inlined
def execute(
    account: Account, size: float, price: float, broker: BrokerParams
) -> tuple[Account, Execution]:
    """Fill an order; the part that opens a position only if cash suffices (`_execute`)."""
    closed, opened = legs(account.size, size)
    cash = account.cash
    # backtrader's whole 0 has no sign, while -0.0 would turn that of the product.
    pnl = (-closed if closed != 0.0 else 0.0) * (price - account.price) * broker.multiplier
    closed_fee = opened_fee = 0.0
    reason = NOT_REJECTED
    if closed != 0.0:
        # The cash gets what the shares have cost, and then the profit. The proceeds `-closed *
        # price` are the same amount, rounded differently.
        cash += -closed * account.price + pnl
        closed_fee = commission(closed, price, broker)
        cash -= closed_fee
    if opened != 0.0:
        opened_fee = commission(opened, price, broker)
        rest = cash - opened * price - opened_fee
        # Unlike the check at submission, this one lets NaN pass, as backtrader's does. Only the
        # opening part is dropped: the closing part of a reversal stays filled.
        if rest < 0.0:
            reason = REJECTED_AT_FILL
            opened = opened_fee = 0.0
        else:
            cash = rest
    filled = closed + opened
    held, mean = moved(account.size, account.price, filled, price)
    return Account(cash, held, mean), Execution(filled, price, closed_fee + opened_fee, pnl, reason)


@inlined
def moved(held: float, mean: float, size: float, price: float) -> tuple[float, float]:
    """Return the shares and their mean entry price after a fill (`Position.update`)."""
    after = held + size
    if size == 0.0:
        return held, mean
    # The order of the cases is that of `Position.update`, which forgets the entry price when flat.
    if after == 0.0:
        return 0.0, 0.0
    # A new position, or the new side of a reversal, begins at the price of the fill.
    if held == 0.0 or (after > 0.0) != (held > 0.0):
        return after, price
    if (size > 0.0) == (held > 0.0):
        return after, (mean * held + size * price) / after
    return after, mean


@inlined
def account_value(account: Account, close: float, multiplier: float) -> float:
    """Return the value of cash and position (`BackBroker._get_value`)."""
    # The positions are summed first, from 0.0, and the cash is added last.
    return account.cash + with_position(0.0, account.size, account.price, close, multiplier)


@inlined
def with_position(
    total: float, size: float, price: float, close: float, multiplier: float
) -> float:
    """Return the value of some positions and of one more (`BackBroker._get_value`)."""
    worth = size * close
    if worth > 0.0:
        # backtrader takes the gain off, divides the rest by the leverage, and adds the gain again.
        # With a leverage of 1, this changes only the rounding.
        gain = size * (close - price) * multiplier
        return total + (worth - gain) + gain
    return total + worth


@inlined
def slipped_up(highest: float, price: float, broker: BrokerParams) -> float:
    """Return a purchase price after slippage (`BackBroker._slip_up`)."""
    # backtrader ignores a fixed slippage if there is a rate.
    if broker.slippage_rate != 0.0:
        slipped = price * (1.0 + broker.slippage_rate)
    elif broker.slippage != 0.0:
        slipped = price + broker.slippage
    else:
        return price
    # `VECTOR_KEYS` lacks `slippage.match`, so a price beyond the bar is always cut to it. Without
    # `match`, backtrader would have the order wait.
    return slipped if slipped <= highest or broker.slips_out != 0.0 else highest


@inlined
def slipped_down(lowest: float, price: float, broker: BrokerParams) -> float:
    """Return a sale price after slippage (`BackBroker._slip_down`)."""
    if broker.slippage_rate != 0.0:
        slipped = price * (1.0 - broker.slippage_rate)
    elif broker.slippage != 0.0:
        slipped = price - broker.slippage
    else:
        return price
    return slipped if slipped >= lowest or broker.slips_out != 0.0 else lowest


@inlined
def fill_or_reject(
    order: Pending, account: Account, open: float, high: float, low: float, broker: BrokerParams
) -> tuple[Account, Execution]:
    """Reject a market order or fill it at the open (`_try_exec_market`)."""
    # The negation also rejects NaN, as backtrader's `if cash >= 0.0` does.
    if not cash_after(account, order.size, order.price, broker) >= 0.0:
        return account, Execution(0.0, 0.0, 0.0, 0.0, REJECTED_AT_SUBMISSION)
    return execute(account, order.size, open_fill(order.size, open, high, low, broker), broker)


@inlined
def open_fill(size: float, open: float, high: float, low: float, broker: BrokerParams) -> float:
    """Return the price of a fill at the open; `high` and `low` bound its slippage."""
    if broker.slips_open == 0.0:
        return open
    return slipped_up(high, open, broker) if size > 0.0 else slipped_down(low, open, broker)


@inlined
def triggered_order(
    protective: ProtectiveOrders, open: float, high: float, low: float, broker: BrokerParams
) -> tuple[int, float]:
    """Return the order that a bar's prices fill, the stop before the limit, and its price; NaN if
    none."""
    # A missing order has the price NaN. All comparisons with it are false, so it is never reached.
    price = stop_fill(protective.size, protective.stop, open, high, low, broker)
    if price == price:
        return protective.stop_order, price
    return protective.limit_order, limit_fill(
        protective.size, protective.limit, open, high, low, broker
    )


@inlined
def stop_fill(
    size: float, stop: float, open: float, high: float, low: float, broker: BrokerParams
) -> float:
    """Return the price of a stop order, NaN if the bar does not reach it (`_try_exec_stop`)."""
    if size > 0.0:
        # After a gap beyond the stop, the order fills at the open, which slips only if opens do. A
        # stop that is reached within the bar always slips.
        if open >= stop:
            return open_fill(size, open, high, low, broker)
        return slipped_up(high, stop, broker) if high >= stop else math.nan
    if open <= stop:
        return open_fill(size, open, high, low, broker)
    return slipped_down(low, stop, broker) if low <= stop else math.nan


@inlined
def limit_fill(
    size: float, limit: float, open: float, high: float, low: float, broker: BrokerParams
) -> float:
    """Return the price of a limit order, NaN if the bar does not reach it (`_try_exec_limit`)."""
    if size > 0.0:
        if limit >= open:
            # Slippage never takes a purchase above its limit. At the limit itself, nothing slips.
            return open_fill(size, open, limit if limit < high else high, low, broker)
        return limit if limit >= low else math.nan
    if limit <= open:
        # backtrader bounds the slippage of a sale by the limit alone, even if the low is above it.
        return open_fill(size, open, high, limit, broker)
    return limit if limit <= high else math.nan
