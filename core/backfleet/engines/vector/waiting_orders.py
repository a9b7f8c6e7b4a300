"""The orders that wait for the bars of one symbol, compiled: they are filled, rejected, or moved by
a corporate action."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backfleet.engines.vector.bookings import (
    AT,
    MOVE,
    RATIO,
    WHOLE,
    BookedEvents,
    EventRows,
    book_row,
    moved_size,
    pay_due,
)
from backfleet.engines.vector.broker import (
    REJECTED_AT_SUBMISSION,
    cash_after,
    execute,
    fill_or_reject,
    open_fill,
    triggered_order,
)
from backfleet.engines.vector.market_rules import (
    BarTerms,
    MarketRows,
    allowed_size,
    must_wait,
    rejection_at_open,
    rejection_when_placed,
    terms_at,
)
from backfleet.engines.vector.protective_orders import (
    cancel_protective_orders,
    moved_protective_orders,
)
from backfleet.engines.vector.state import (
    Account,
    BarArrays,
    Bought,
    BrokerParams,
    Execution,
    LoopState,
    OutputArrays,
    Pending,
)
from backfleet.engines.vector.write_records import write_execution
from backfleet.jit import compiled, inlined

__all__ = ["book_events", "fill"]


@compiled
def book_events(
    state: LoopState,
    bar: int,
    events: EventRows,
    booked: BookedEvents,
    event_count: int,
    market: MarketRows,
    orders: NDArray[np.void],
    time: int,
) -> tuple[LoopState, float, int]:
    """Book the events of a bar, and pay what is due. Returns the money that is not paid yet and the
    number of booked events as well."""
    account, pending, protective = state.account, state.pending, state.protective
    # Several events can fall on one bar. Each sees the shares that the one before has left.
    while event_count < events.shape[1] and events[AT, event_count] <= bar:
        before = account
        account = book_row(account, events, event_count, booked, bar)
        if pending.size != 0.0:
            ratio, whole = events[RATIO, event_count], events[WHOLE, event_count]
            terms = terms_at(market, bar)
            size = moved_size(pending.size, before.size, account.size, ratio, whole, terms)
            pending = Pending(size, pending.price * events[MOVE, event_count], pending.order)
            orders[pending.order]["size"] = size
            orders[pending.order]["price"] = pending.price
        if protective.size != 0.0:
            protective = moved_protective_orders(protective, before, account, orders, time)
        event_count += 1
    # A symbol has few events, so that all of them are looked at: from 0 on.
    cash, receivable = pay_due(account.cash, events, booked, 0, event_count, bar)
    account = Account(cash, account.size, account.price)
    return (
        LoopState(account, pending, protective, state.pending_reversal),
        receivable,
        event_count,
    )


@inlined
def fill(
    state: LoopState,
    bars: BarArrays,
    bar: int,
    broker: BrokerParams,
    output: OutputArrays,
    fill_count: int,
    market: MarketRows | None,
    bought: Bought,
) -> tuple[LoopState, int, Bought]:
    """Fill or reject the waiting orders, by the rules of a market if there is one. Returns the
    number of fills and what was bought in the session as well."""
    time, open, high, low = (
        bars.time[bar],
        bars.prices[0, bar],
        bars.prices[1, bar],
        bars.prices[2, bar],
    )
    account, pending, protective = state.account, state.pending, state.protective
    held, fresh = account.size, 0.0
    if market is not None:
        # Shares of an earlier session can be sold, so their number is not needed any more.
        fresh = bought.shares if bought.session == terms_at(market, bar).session else 0.0
    # A market order and protective orders never wait together: placing the former cancels the
    # latter.
    if pending.size != 0.0:
        number = pending.order
        if market is None:
            account, done = fill_or_reject(pending, account, open, high, low, broker)
        else:
            account, done = fill_by_rules(
                pending, account, fresh, open, high, low, broker, terms_at(market, bar)
            )
        pending = Pending(0.0, 0.0, 0)
    else:
        if market is not None:
            terms = terms_at(market, bar)
            if must_wait(protective.size, held, fresh, terms.cap, terms):
                return state, fill_count, bought
        number, price = triggered_order(protective, open, high, low, broker)
        if price != price:
            return state, fill_count, bought
        account, done = execute(account, protective.size, price, broker)
        # One of them cancels the other. Both are marked as canceled here, and `write_execution`
        # overwrites the one that is filled.
        protective = cancel_protective_orders(output.orders, protective, time)
    # Within bounds, though not checked: no bar has more than one execution. If the order is
    # rejected, the next fill overwrites this.
    output.fill_bars[fill_count] = bar
    fill_count = write_execution(output.orders, number, output.fills, fill_count, done, time)
    if market is not None and terms_at(market, bar).locked != 0.0:
        # Shares that only close a short position are not held, and so not locked.
        more = max(account.size, 0.0) - max(held, 0.0)
        bought = Bought(fresh + max(more, 0.0), terms_at(market, bar).session)
    return LoopState(account, pending, protective, state.pending_reversal), fill_count, bought


@inlined
def fill_by_rules(
    order: Pending,
    account: Account,
    fresh: float,
    open: float,
    high: float,
    low: float,
    broker: BrokerParams,
    terms: BarTerms,
) -> tuple[Account, Execution]:
    """Reject a market order, or fill as much of it at the open as the market allows."""
    size, held = order.size, account.size
    # In the order in which `MarketBroker` asks: size, cash, and then what the bar allows.
    reason = rejection_when_placed(size, held, terms)
    if reason == 0 and not cash_after(account, size, order.price, broker) >= 0.0:
        reason = REJECTED_AT_SUBMISSION
    if reason == 0:
        reason = rejection_at_open(size, held, fresh, terms)
    if reason == 0:
        size, reason = allowed_size(size, held, fresh, terms.cap, terms)
        if size != 0.0:
            price = open_fill(size, open, high, low, broker)
            account, done = execute(account, size, price, broker)
            # The opening part lacks cash. That reason comes before a reason for filling less.
            if done.reason != 0:
                return account, done
            return account, Execution(done.size, done.price, done.commission, done.pnl, reason)
    return account, Execution(0.0, 0.0, 0.0, 0.0, reason)
