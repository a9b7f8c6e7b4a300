"""How a strategy is handed what happened to an order, and the trades that follow from it.

`Strategy._addnotification` copies every trade it reports with `copy.copy`; here the copies are
direct.

Must equal: the strategy's pending orders and trades, and the trades it keeps.
"""

from __future__ import annotations

from typing import Any

from backtrader.trade import Trade

__all__ = ["deliver"]


def deliver(strategy: Any, order: Any) -> None:
    """`strategy._addnotification(order)`."""
    if not order.p.simulated:
        strategy._orderspending.append(order)
    executed = order.executed
    if executed.size:
        _follow(strategy, order, executed)


def _follow(strategy: Any, order: Any, executed: Any) -> None:
    """Bring the trades up to date with an order's new fills."""
    data = order.data if order.data._compensate is None else order.data._compensate
    trades = strategy._trades[data][order.tradeid]
    if not trades:
        trades.append(_new_trade(strategy, data, order))
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
        if trade.justopened:
            strategy._tradespending.append(_copy_of(trade))


def _new_trade(strategy: Any, data: Any, order: Any) -> Any:
    return Trade(data=data, tradeid=order.tradeid, historyon=strategy._tradehistoryon)


def _update(trade: Any, order: Any, bit: Any, size: float, value: float, fee: float) -> None:
    trade.update(order, size, bit.price, value, fee, bit.pnl, comminfo=order.comminfo)


def _copy_of(trade: Any) -> Any:
    copy = object.__new__(Trade)
    copy.__dict__ = trade.__dict__.copy()
    return copy
