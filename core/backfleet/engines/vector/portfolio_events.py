"""Corporate actions of a portfolio, compiled: positions, waiting orders, and what is due."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backfleet.engine import NOT_YET
from backfleet.engines.vector.bookings import (
    AT,
    MOVE,
    RATIO,
    SYMBOL,
    WHOLE,
    BookedEvents,
    EventRows,
    book_row,
    moved_size,
)
from backfleet.engines.vector.panel_rules import PanelRules, panel_terms_at
from backfleet.engines.vector.portfolio_protective_orders import keep_orders, orders_of
from backfleet.engines.vector.portfolio_state import PanelMarket, PortfolioState, account_of
from backfleet.engines.vector.protective_orders import moved_protective_orders
from backfleet.engines.vector.state import Account
from backfleet.jit import compiled, inlined

__all__ = ["book_panel_events"]

Table = NDArray[np.void]


@compiled
def book_panel_events(
    market: PanelMarket,
    step: int,
    state: PortfolioState,
    cash: float,
    events: EventRows,
    booked: BookedEvents,
    event_count: int,
    rules: PanelRules,
    orders: Table,
) -> tuple[float, int]:
    """Book the events of a step. Returns the cash and the number of booked events."""
    while event_count < events.shape[1] and events[AT, event_count] <= step:
        symbol = int(events[SYMBOL, event_count])
        before = account_of(state, symbol, cash)
        account = book_row(before, events, event_count, booked, state.bars[symbol])
        cash = account.cash
        state.size[symbol], state.price[symbol] = account.size, account.price
        # The position is valued at the symbol's last close, which does not know of the event yet.
        # With a bar at this step, the close is already one after the event.
        if not market.has_bar[step, symbol]:
            state.close[symbol] = state.close[symbol] * events[MOVE, event_count]
        move_order(state, symbol, before, account, events, event_count, rules, orders)
        if state.protective.size[symbol] != 0.0:
            protective = orders_of(state.protective, symbol)
            # backtrader dates a cancellation by the symbol's own last bar.
            time = market.time[state.last[symbol]]
            moved = moved_protective_orders(protective, before, account, orders, time)
            keep_orders(state.protective, symbol, moved)
        event_count += 1
    return cash, event_count


@inlined
def move_order(
    state: PortfolioState,
    symbol: int,
    before: Account,
    after: Account,
    events: EventRows,
    number: int,
    rules: PanelRules,
    orders: Table,
) -> None:
    """Let the waiting market order of a symbol follow an event."""
    order = orders[state.order[symbol]]
    # The state keeps the symbol's last order also after it has ended.
    if state.order_size[symbol] == 0.0 or order["closed"] != NOT_YET:
        return
    size = moved_size(
        state.order_size[symbol],
        before.size,
        after.size,
        events[RATIO, number],
        events[WHOLE, number],
        panel_terms_at(rules, state.last[symbol], symbol),
    )
    state.order_size[symbol] = size
    state.order_price[symbol] = state.order_price[symbol] * events[MOVE, number]
    order["size"] = size
    order["price"] = state.order_price[symbol]
