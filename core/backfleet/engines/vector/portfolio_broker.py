"""The broker of a portfolio, compiled: it fills the orders of all symbols and values positions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backfleet.engine import OrderStatus, RejectReason
from backfleet.engines.vector.broker import cash_after, execute, open_fill, with_position
from backfleet.engines.vector.market_rules import (
    allowed_size,
    broker_with,
    must_wait,
    rejection_at_open,
    rejection_when_placed,
)
from backfleet.engines.vector.panel_rules import PanelRules, panel_terms_at
from backfleet.engines.vector.portfolio_protective_orders import (
    cancel_orders_of,
    triggered_order_of,
)
from backfleet.engines.vector.portfolio_state import PanelMarket, PortfolioState, account_of
from backfleet.engines.vector.state import Account, BrokerParams, Execution
from backfleet.engines.vector.write_records import write_execution
from backfleet.jit import inlined

__all__ = ["check_cash", "fill", "value_at"]

REJECTED = int(RejectReason.CASH_AT_SUBMISSION)

Table = NDArray[np.void]


@inlined
def check_cash(
    state: PortfolioState,
    submitted: int,
    waiting: int,
    cash: float,
    broker: BrokerParams,
    orders: Table,
    time: NDArray[np.int64],
    rules: PanelRules | None,
) -> int:
    """Accept the submitted orders that the rules allow and the cash suffices for.

    Each is checked as if all orders before it had been filled, even the rejected ones
    (`BackBroker.check_submitted`). Returns the number of queue entries.
    """
    for place in range(submitted):
        symbol = state.submitted[place]
        # A symbol places at most one market order per step, so the position that is held is the one
        # from which backtrader's trial execution starts.
        order = orders[state.order[symbol]]
        size, price = state.order_size[symbol], state.order_price[symbol]
        costs = broker
        if rules is not None:
            terms = panel_terms_at(rules, state.last[symbol], symbol)
            reason = rejection_when_placed(size, state.size[symbol], terms)
            if reason != 0:
                order["status"] = OrderStatus.REJECTED
                order["reason"] = reason
                order["closed"] = time[state.last[symbol]]
                continue
            costs = broker_with(broker, terms)
        # Rejected orders reduce the cash for those behind them, too, as in backtrader's loop.
        cash = cash_after(account_of(state, symbol, cash), size, price, costs)
        if cash >= 0.0:
            order["status"] = OrderStatus.ACCEPTED
            state.queue[waiting] = symbol
            waiting += 1
        else:
            order["status"] = OrderStatus.MARGIN
            order["reason"] = REJECTED
            # backtrader dates it by the symbol's own last bar.
            order["closed"] = time[state.last[symbol]]
    return waiting


@inlined
def fill(
    market: PanelMarket,
    step: int,
    state: PortfolioState,
    waiting: int,
    cash: float,
    broker: BrokerParams,
    orders: Table,
    fills: Table,
    fill_count: int,
    fill_bars: NDArray[np.int64],
    rules: PanelRules | None,
) -> tuple[int, int, float]:
    """Fill or reject the orders of symbols that have a bar; the others keep their places.

    Returns
    -------
    The number of queue entries, the number of fills, and the cash.
    """
    kept = len(fill_bars[:0])
    # Entries that stay are moved to the front, in their order. `kept` never passes `place`.
    for place in range(waiting):
        entry = state.queue[place]
        # A negative entry is the complement of its symbol. The larger of the two is the symbol.
        symbol = max(entry, ~entry)
        # The protective orders of this entry were canceled since it was queued.
        if entry < 0 and state.protective.size[symbol] == 0.0:
            continue
        if market.has_bar[step, symbol]:
            size, number, price = fill_of(market, step, state, entry, broker)
            before = account_of(state, symbol, cash)
            # Market orders always end at the symbol's first bar. Protective orders wait for their
            # price.
            is_waiting = entry < 0 and price != price
            if rules is None:
                account, done = before, Execution(0.0, 0.0, 0.0, 0.0, 0)
                if not is_waiting:
                    account, done = execute(before, size, price, broker)
            else:
                is_waiting, account, done = execute_by_rules(
                    state, rules, step, entry, before, size, price, broker
                )
            if not is_waiting:
                cash = account.cash
                state.size[symbol], state.price[symbol] = account.size, account.price
                fill_bars[fill_count] = state.bars[symbol]
                # Both orders are marked as canceled, and `write_execution` overwrites the one that
                # is filled.
                if entry < 0:
                    cancel_orders_of(state, symbol, orders, market.time[step])
                fill_count = write_execution(
                    orders, number, fills, fill_count, done, market.time[step]
                )
                continue
        state.queue[kept] = entry
        kept += 1
    return kept, fill_count, cash


@inlined
def execute_by_rules(
    state: PortfolioState,
    rules: PanelRules,
    step: int,
    entry: int,
    account: Account,
    size: float,
    price: float,
    broker: BrokerParams,
) -> tuple[bool, Account, Execution]:
    """Fill or reject the order of a queue entry by the rules of a market. Returns whether it waits,
    the account, and the execution."""
    symbol = max(entry, ~entry)
    terms, held = panel_terms_at(rules, step, symbol), account.size
    fresh = state.bought[symbol] if state.bought_session[symbol] == terms.session else 0.0
    # What `check_cash` has asked already, such as lots, is not asked again.
    reason, allowed = 0, size
    if entry < 0:
        if price != price or must_wait(size, held, fresh, terms.cap, terms):
            return True, account, Execution(0.0, 0.0, 0.0, 0.0, 0)
    else:
        reason = rejection_at_open(size, held, fresh, terms)
        if reason == 0:
            allowed, reason = allowed_size(size, held, fresh, terms.cap, terms)
        else:
            allowed = 0.0
    if allowed == 0.0:
        return False, account, Execution(0.0, 0.0, 0.0, 0.0, reason)
    account, done = execute(account, allowed, price, broker_with(broker, terms))
    if terms.locked != 0.0:
        # Shares that only close a short position are not held, and so not locked.
        more = max(account.size, 0.0) - max(held, 0.0)
        state.bought[symbol] = fresh + max(more, 0.0)
        state.bought_session[symbol] = terms.session
    if done.reason != 0:
        reason = done.reason
    return False, account, Execution(done.size, done.price, done.commission, done.pnl, reason)


@inlined
def fill_of(
    market: PanelMarket, step: int, state: PortfolioState, entry: int, broker: BrokerParams
) -> tuple[float, int, float]:
    """Return the size, number and price of the order of a queue entry. The price is NaN if the bar
    triggers no protective order."""
    if entry < 0:
        number, price = triggered_order_of(market, step, state, ~entry, broker)
        return state.protective.size[~entry], number, price
    size = state.order_size[entry]
    price = open_fill(
        size, market.open[step, entry], market.high[step, entry], market.low[step, entry], broker
    )
    return size, state.order[entry], price


@inlined
def value_at(
    state: PortfolioState,
    cash: float,
    receivable: float,
    curve: NDArray[np.float64],
    step: int,
    rules: PanelRules | None,
    multiplier: float,
) -> float:
    """Write and return the account's value; positions are summed in the symbols' order."""
    total = exposure = 0.0
    for symbol in range(len(state.size)):
        size, close = state.size[symbol], state.close[symbol]
        # backtrader sums over all positions that were ever accessed. `BacktraderAdapter.start`
        # accesses them in the order of the symbols. Empty ones add 0.0, which changes no bit of the
        # sum.
        total = with_position(total, size, state.price[symbol], close, multiplier)
        if size != 0.0:
            exposure += abs(size * close)
    # The cash is added to the finished sum: adding it first would round differently.
    value = cash + total
    if rules is not None:
        value += receivable
    curve[0, step] = value
    curve[1, step] = cash
    curve[2, step] = exposure
    return value
