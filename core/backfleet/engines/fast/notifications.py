"""Notification of a strategy about an order, and about the trades that follow from it.

`Strategy._addnotification` copies every trade it reports with `copy.copy`; here the copies are
direct.

Must equal: the strategy's pending orders and trades, and the trades it keeps.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from backtrader.order import Order
from backtrader.trade import Trade

__all__ = ["deliver"]


def deliver(notifications: deque[Any], default: Any) -> None:
    """Deliver notifications as `Strategy._addnotification` does, to the strategy of each order.

    `default` is the strategy that gets orders without an owner.
    """
    while notifications:
        order = notifications.popleft()
        params = order.p
        strategy = default if params.owner is None else params.owner
        if not params.simulated:
            strategy._orderspending.append(order)
        # Before that, an order has no fill, and its `executed` need not be made.
        if order.status > Order.Accepted and order.executed.size:
            _follow(strategy, order, order.executed)


def _follow(strategy: Any, order: Any, executed: Any) -> None:
    """Bring the trades up to date with an order's new fills."""
    data = order.p.data
    data = data if data._compensate is None else data._compensate
    trades = strategy._trades[data][order.tradeid]
    if not trades:
        trades.append(_new_trade(strategy, data, order))
    # The fills that this copy of the order reports
    for bit in executed.iterpending():
        trade = trades[-1]
        if bit.closed:
            _update(trade, order, bit, bit.closed, bit.closedvalue, bit.closedcomm)
            if trade.isclosed:
                strategy._tradespending.append(_copy_of(trade))
        if bit.opened:
            if trade.isclosed:
                trade = _new_trade(strategy, data, order)
                trades.append(trade)
            _update(trade, order, bit, bit.opened, bit.openedvalue, bit.openedcomm)
            # Orders with other trade ids may have closed the position that this one thought open.
            if trade.isclosed:
                strategy._tradespending.append(_copy_of(trade))
        # backtrader reports a trade when it opens and when it closes, with a copy of each state.
        if trade.justopened:
            strategy._tradespending.append(_copy_of(trade))


def _new_trade(strategy: Any, data: Any, order: Any) -> Any:
    return Trade(data=data, tradeid=order.tradeid, historyon=strategy._tradehistoryon)


def _update(trade: Any, order: Any, bit: Any, size: float, value: float, fee: float) -> None:
    trade.update(order, size, bit.price, value, fee, bit.pnl, comminfo=order.comminfo)


def _copy_of(trade: Any) -> Any:
    # As `copy.copy`: the values are shared.
    copy = object.__new__(Trade)
    copy.__dict__ = trade.__dict__.copy()
    return copy
