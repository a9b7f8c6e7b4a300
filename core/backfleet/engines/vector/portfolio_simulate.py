"""One simulation over the bars of a portfolio, compiled: `simulate` for several symbols, one cash.

A step has backtrader's order too. The broker checks the orders of the last step against the cash,
one after the other. It fills the accepted orders and the protective orders of symbols that have a
bar. The account is valued at the last closes, and the strategy places orders for the symbols that
have a bar.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from backfleet.engine import OrderKind, OrderStatus
from backfleet.engines.vector.bookings import (
    DUE,
    EventRows,
    new_bookings,
    next_stop,
    pay_due,
)
from backfleet.engines.vector.market_rules import broker_with, placed_size
from backfleet.engines.vector.panel_rules import PanelRules, panel_terms_at
from backfleet.engines.vector.portfolio_broker import check_cash, fill, value_at
from backfleet.engines.vector.portfolio_events import book_panel_events
from backfleet.engines.vector.portfolio_protective_orders import update_protective_orders
from backfleet.engines.vector.portfolio_state import (
    PanelMarket,
    PortfolioState,
    account_of,
    new_portfolio_state,
)
from backfleet.engines.vector.protective_orders import has_protective_orders
from backfleet.engines.vector.rules import Rules
from backfleet.engines.vector.settings import FIRST_OWN, broker_of, rules_of
from backfleet.engines.vector.simulate import DONE, FULL
from backfleet.engines.vector.sizing import order_size, reversal_after
from backfleet.engines.vector.state import BrokerParams
from backfleet.engines.vector.write_records import write_order, write_trades
from backfleet.jit import compiled, inlined

__all__ = ["simulate_portfolio"]

Table = NDArray[np.void]


@compiled
def simulate_portfolio(
    time: NDArray[np.int64],
    opens: NDArray[np.float64],
    highs: NDArray[np.float64],
    lows: NDArray[np.float64],
    closes: NDArray[np.float64],
    has_bar: NDArray[np.bool_],
    final_close: NDArray[np.float64],
    first: NDArray[np.int64],
    targets: NDArray[np.float64],
    settings: NDArray[np.float64],
    curve: NDArray[np.float64],
    orders: Table,
    fills: Table,
    trades: Table,
    rules_of_market: PanelRules | None,
    events: EventRows | None,
) -> tuple[int, int, int, int, int]:
    """Follow a strategy's targets, and write its records.

    Parameters
    ----------
    time, opens, highs, lows, closes, has_bar
        A `PanelMarket`.
    final_close
        float64 of shape (symbols,): the close of each symbol's very last bar.
    first
        int64 of shape (symbols,): the first of a symbol's own bars after which orders are
        placed.
    targets
        float64 of shape (steps, symbols); NaN keeps the position as it is. They are
        checked already.
    settings
        The rules, the broker, and whether sales are ordered first, as `pack_settings` returns them.
    curve
        float64 of shape (3, steps): value, cash and exposure.
    orders, fills, trades
        `Buffers`.
    rules_of_market, events
        `panel_rules` and `event_rows`; None without a market.

    Returns
    -------
    `DONE` and 0, or `FULL` and 0 if `orders` has no room for the next step, or the step and the
    symbol whose order could not be sized; and the numbers of orders, fills and trades.
    """
    rules, broker = rules_of(settings), broker_of(settings)
    sells_first = settings[FIRST_OWN] != 0.0
    market = PanelMarket(time, opens, highs, lows, closes, has_bar)
    is_protected = has_protective_orders(rules)
    state = new_portfolio_state(final_close)
    sizes = np.zeros(len(final_close))
    fill_bars = np.zeros(len(fills), np.int64)
    cash = broker.cash
    # len(time[:0]) is an int64 zero. numba would type a literal 0 as a separate type.
    order_count = fill_count = waiting = submitted = event_count = oldest = len(time[:0])
    booked = None if events is None else new_bookings(events)
    receivable, stop = 0.0, len(time)
    if events is not None and booked is not None:
        stop = next_stop(events, booked, oldest, event_count, len(time))
    for step in range(len(time)):
        # All bars come first: even orders of symbols without a bar are checked and valued at this
        # step.
        receive_bars(market, step, state, first)
        if (
            events is not None
            and booked is not None
            and rules_of_market is not None
            and step == stop
        ):
            cash, event_count = book_panel_events(
                market, step, state, cash, events, booked, event_count, rules_of_market, orders
            )
            cash, receivable = pay_due(cash, events, booked, oldest, event_count, step)
            # Payments of thousands of symbols would be looked at again at each event. Those before
            # the oldest that is not paid are done for good.
            while oldest < event_count and booked[DUE, oldest] == 0.0:
                oldest += 1
            stop = next_stop(events, booked, oldest, event_count, len(time))
        # Accepted orders join the queue behind the protective orders of the last step, which need
        # no cash and were queued without this check.
        waiting = check_cash(state, submitted, waiting, cash, broker, orders, time, rules_of_market)
        waiting, fill_count, cash = fill(
            market,
            step,
            state,
            waiting,
            cash,
            broker,
            orders,
            fills,
            fill_count,
            fill_bars,
            rules_of_market,
        )
        value = value_at(state, cash, receivable, curve, step, rules_of_market, broker.multiplier)
        # A step adds one market order or two protective ones for each symbol.
        if order_count + 2 * len(sizes) > len(orders):
            return FULL, 0, order_count, fill_count, 0
        # All orders are sized with the same cash and value, before any is placed.
        wrong = size_orders(
            step, state, targets, cash, value, rules, broker, sizes, rules_of_market
        )
        if wrong >= 0:
            return step, wrong, order_count, fill_count, 0
        submitted = submit(state, sizes, sells_first, time[step], orders, order_count)
        order_count += submitted
        if is_protected:
            order_count, waiting = update_protective_orders(
                state, sizes, rules, orders, order_count, waiting, time[step]
            )
    trade_count = write_trades(
        time,
        fills,
        fill_count,
        fill_bars,
        state.bars,
        broker,
        None,
        rules_of_market,
        events,
        booked,
        trades,
    )
    return DONE, 0, order_count, fill_count, trade_count


@inlined
def receive_bars(
    market: PanelMarket, step: int, state: PortfolioState, first: NDArray[np.int64]
) -> None:
    """Take the bars of a step."""
    for symbol in range(len(state.size)):
        state.can_trade[symbol] = (
            # Before its counter is increased, `bars` is the number of the symbol's present bar.
            market.has_bar[step, symbol] and state.bars[symbol] >= first[symbol]
        )
        if market.has_bar[step, symbol]:
            state.close[symbol] = market.close[step, symbol]
            state.bars[symbol] += 1
            state.last[symbol] = step


@inlined
def size_orders(
    step: int,
    state: PortfolioState,
    targets: NDArray[np.float64],
    cash: float,
    value: float,
    rules: Rules,
    broker: BrokerParams,
    sizes: NDArray[np.float64],
    rules_of_market: PanelRules | None,
) -> int:
    """Write the signed size of each symbol's order, 0 for none.

    Returns
    -------
    -1, or the symbol whose order cannot be sized.
    """
    for symbol in range(len(sizes)):
        sizes[symbol] = 0.0
        if not state.can_trade[symbol]:
            continue
        target = targets[step, symbol]
        # The second order of a reversal, unless the target asks for something else.
        if target != target:
            target = state.pending_reversal[symbol]
        account = account_of(state, symbol, cash)
        costs = broker
        if rules_of_market is not None:
            costs = broker_with(broker, panel_terms_at(rules_of_market, step, symbol))
        size = order_size(target, account, value, state.close[symbol], rules, costs)
        if not abs(size) < math.inf:
            return symbol
        if rules_of_market is not None:
            size = placed_size(size, account.size, panel_terms_at(rules_of_market, step, symbol))
        sizes[symbol] = size
        state.pending_reversal[symbol] = reversal_after(size, target, account.size, rules)
    return -1


@inlined
def submit(
    state: PortfolioState,
    sizes: NDArray[np.float64],
    sells_first: bool,
    time: int,
    orders: Table,
    order_count: int,
) -> int:
    """Place the orders, numbered from `order_count` on. Returns their number."""
    count = len(sizes[:0])
    # The cash check goes through the orders one by one. With sales first, the cash that they bring
    # is there for the purchases.
    for turn in range(2 if sells_first else 1):
        for symbol in range(len(sizes)):
            size, close = sizes[symbol], state.close[symbol]
            if size == 0.0 or (sells_first and (size < 0.0) != (turn == 0)):
                continue
            number = order_count + count
            kind, status = OrderKind.MARKET, OrderStatus.SUBMITTED
            write_order(orders, number, symbol, kind, status, time, size, close)
            state.order_size[symbol] = size
            state.order_price[symbol] = close
            state.order[symbol] = number
            # The order of this list is the order of the cash check at the next step.
            state.submitted[count] = symbol
            count += 1
    return count
