"""One simulation over the bars of a symbol, compiled: what `Cerebro.run` does, as a plain loop.

A bar has three parts, in backtrader's order: the broker fills the waiting orders, the account is
valued at the close, and the strategy places orders, which wait for the next bar.

`portfolio_simulate` has the same loop over several symbols and shares the broker's functions. They
stay two loops because the state of several symbols lies in arrays: for one symbol of 2,520 bars,
the portfolio's loop takes 34 µs, or 32 µs if it skips idle bars too, and this one 14 µs.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from backfleet.engine import OrderKind, OrderStatus
from backfleet.engines.vector.bookings import (
    BookedEvents,
    EventRows,
    new_bookings,
    next_stop,
)
from backfleet.engines.vector.broker import account_value
from backfleet.engines.vector.market_rules import MarketRows, broker_at, placed_size, terms_at
from backfleet.engines.vector.protective_orders import (
    cancel_protective_orders,
    has_protective_orders,
    place_protective_orders,
)
from backfleet.engines.vector.rules import Rules, TargetRule
from backfleet.engines.vector.settings import FIRST_OWN, broker_of, rules_of
from backfleet.engines.vector.sizing import order_size, reversal_after
from backfleet.engines.vector.state import (
    Account,
    BarArrays,
    Bought,
    BrokerParams,
    LoopState,
    OutputArrays,
    Pending,
    ProtectiveOrders,
    has_rate_only,
    rate_only,
)
from backfleet.engines.vector.waiting_orders import book_events, fill
from backfleet.engines.vector.write_records import write_order, write_trades
from backfleet.jit import compiled, inlined
from backfleet.metrics.kernel import measure

__all__ = ["DONE", "FULL", "WRONG_TARGETS", "simulate"]

DONE, WRONG_TARGETS, FULL = -1, -2, -3
"""What `simulate` returns in place of the bar at which an order could not be sized."""


@compiled
def simulate(
    time: NDArray[np.int64],
    prices: NDArray[np.float64],
    sessions: NDArray[np.int64],
    borders: NDArray[np.int64],
    targets: NDArray[np.float64],
    settings: NDArray[np.float64],
    account: NDArray[np.float64],
    orders: NDArray[np.void],
    fills: NDArray[np.void],
    trades: NDArray[np.void],
    returns: NDArray[np.float64],
    row: NDArray[np.float64],
    market: MarketRows | None,
    events: EventRows | None,
) -> tuple[int, int, int, int]:
    """Follow a strategy's targets, and write its records and its metrics.

    Parameters
    ----------
    time, prices
        The fields of `BarArrays`.
    sessions
        `sessions_of` the bars from the first one on after which orders are placed.
    borders
        `Segments.borders` of these sessions.
    targets
        float64 of shape (bars,); NaN keeps the position as it is.
    settings
        The rules, the broker, the first bar after which orders are placed, and the sessions per
        year, as `pack_settings` returns them.
    account, orders, fills, trades
        `Buffers`.
    returns
        `new_returns` of the sessions.
    row
        `new_row` of the segments; of shape (0,) if no metrics are needed.
    market
        `market_rows` of the bars; None without a market.
    events
        `event_rows` of the bars; None without a market.

    Returns
    -------
    `DONE`, or `WRONG_TARGETS`, or `FULL` if `orders` has no room for the next bar, or the bar after
    which an order could not be sized; and the numbers of orders, fills and trades.
    """
    rules, broker = rules_of(settings), broker_of(settings)
    first = int(settings[FIRST_OWN])
    # `run_bars` checks no targets of the warm-up.
    for bar in range(first):
        if not is_possible(targets[bar], rules.target):
            return WRONG_TARGETS, 0, 0, 0
    # The bars of the fills are needed for the trades only, and no caller reads them.
    output = OutputArrays(account, orders, fills, np.empty(len(fills), np.int64))
    # None is a type to numba. It compiles this function once for each combination of arrays and
    # None, so that a simulation without a market has none of its branches.
    booked = None if events is None else new_bookings(events)
    bars = BarArrays(time, prices)
    if market is not None or has_protective_orders(rules) or not has_rate_only(broker):
        stopped, order_count, fill_count = run_bars(
            bars, targets, rules, broker, first, output, market, events, booked
        )
    else:
        # Compiled a second time for the usual case, without the branches that constants exclude.
        rules = Rules(rules.target, rules.sizing, rules.amount, math.nan, math.nan)
        stopped, order_count, fill_count = run_bars(
            bars, targets, rules, rate_only(broker), first, output, None, None, None
        )
    if stopped != DONE:
        return stopped, 0, 0, 0
    # `write_trades` serves portfolios too, and takes an array with one element per symbol.
    last_bars = np.full(1, len(time) - 1)
    trade_count = write_trades(
        time,
        fills,
        fill_count,
        output.fill_bars,
        last_bars,
        broker,
        market,
        None,
        events,
        booked,
        trades,
    )
    # The metrics are computed in the same call, because each call from Python costs as much as
    # hundreds of bars. Warm-up bars do not count: curves and sessions begin with bar `first`.
    if len(row):
        measure(
            account[0, first:],
            account[2, first:],
            sessions,
            borders,
            broker.cash,
            settings[FIRST_OWN + 1],
            orders[:order_count],
            fills[:fill_count],
            trades[:trade_count],
            returns,
            row,
        )
    return DONE, order_count, fill_count, trade_count


@inlined
def is_possible(target: float, rule: int) -> bool:
    """Return whether `check_targets` would accept a target."""
    size = abs(target)
    if rule == TargetRule.POSITION:
        # NaN, which keeps the position, is the only number that differs from itself.
        return size == 0.0 or size == 1.0 or size != size
    return size != math.inf


@inlined
def run_bars(
    bars: BarArrays,
    targets: NDArray[np.float64],
    rules: Rules,
    broker: BrokerParams,
    first: int,
    output: OutputArrays,
    market: MarketRows | None,
    events: EventRows | None,
    booked: BookedEvents | None,
) -> tuple[int, int, int]:
    """Loop over the bars. Returns how `simulate` ends, and the numbers of orders and fills.

    `skip_idle_bars` passes over the bars at which nothing can happen.
    """
    time, closes, orders = bars.time, bars.prices[3], output.orders
    is_protected = has_protective_orders(rules)
    state = LoopState(
        Account(broker.cash, 0.0, 0.0),
        Pending(0.0, 0.0, 0),
        ProtectiveOrders(0.0, math.nan, math.nan, 0, 0),
        math.nan,
    )
    # len(targets[:0]) is an int64 zero. numba would type a literal 0 as a separate type and compile
    # all functions that take it twice.
    order_count = fill_count = bar = len(targets[:0])
    bought = Bought(0.0, 0.0)
    receivable, event_count, stop = 0.0, bar, len(closes)
    if events is not None and booked is not None:
        stop = next_stop(events, booked, event_count, event_count, stop)
    # At the start of each round, all bars before `bar` have their value in the curve.
    while bar < len(closes):
        costs = broker_at(broker, market, bar)
        if events is not None and booked is not None and market is not None and bar == stop:
            state, receivable, event_count = book_events(
                state, bar, events, booked, event_count, market, orders, time[bar]
            )
            stop = next_stop(events, booked, len(targets[:0]), event_count, len(closes))
        # The second order of a reversal is due at this bar even if its own target is NaN.
        reverses = state.pending_reversal == state.pending_reversal
        if state.pending.size != 0.0 or state.protective.size != 0.0:
            state, fill_count, bought = fill(
                state, bars, bar, costs, output, fill_count, market, bought
            )
        # Nothing waits and nothing has to be placed: until a target asks for another position, only
        # the value changes with the close. This loop is where a simulation spends most bars.
        elif not reverses and not (is_protected and state.account.size != 0.0):
            # A bar at which an event is booked is not idle.
            idle = closes if events is None else closes[:stop]
            bar = skip_idle_bars(
                targets,
                first,
                bar,
                state.account,
                receivable,
                rules,
                idle,
                output.curve,
                market,
                broker.multiplier,
            )
            if bar == len(closes):
                break
            # The round of this bar starts again, so that its events are booked first.
            if events is not None and bar == stop:
                continue
        account, close = state.account, closes[bar]
        value = write_value(
            account, receivable, close, output.curve, bar, market, broker.multiplier
        )
        if not is_possible(targets[bar], rules.target):
            return WRONG_TARGETS, order_count, fill_count
        if bar >= first:
            # A bar adds one market order or the two protective ones.
            if order_count + 2 > len(orders):
                return FULL, order_count, fill_count
            # NaN keeps the position, unless the second order of a reversal is still to be placed.
            target = targets[bar] if targets[bar] == targets[bar] else state.pending_reversal
            # Sized with the value and the cash at the close, and filled at the next open, as in
            # backtrader: the cash may not suffice then.
            size = order_size(target, account, value, close, rules, costs)
            # Also true for NaN, which `order_size` returns if it cannot count the shares.
            if not abs(size) < math.inf:
                return bar, order_count, fill_count
            if market is not None:
                size = placed_size(size, account.size, terms_at(market, bar))
            protective = state.protective
            # An order of the target comes before protective orders, which it cancels.
            if size != 0.0:
                state = submit(state, size, target, close, rules, orders, order_count, time[bar])
                order_count += 1
            else:
                if is_protected and account.size != 0.0 and protective.size == 0.0:
                    protective, order_count = place_protective_orders(
                        account.size, account.price, 0, rules, orders, order_count, time[bar]
                    )
                # A reversal gets one bar for its second order: a target that places no order ends
                # it.
                state = LoopState(account, state.pending, protective, math.nan)
        bar += 1
    return DONE, order_count, fill_count


@inlined
def submit(
    state: LoopState,
    size: float,
    target: float,
    close: float,
    rules: Rules,
    orders: NDArray[np.void],
    number: int,
    time: int,
) -> LoopState:
    """Place a market order, which cancels the protective orders of the position."""
    write_order(orders, number, 0, OrderKind.MARKET, OrderStatus.SUBMITTED, time, size, close)
    protective = cancel_protective_orders(orders, state.protective, time)
    pending_reversal = reversal_after(size, target, state.account.size, rules)
    return LoopState(state.account, Pending(size, close, number), protective, pending_reversal)


@inlined
def no_op_target(account: Account, rules: Rules) -> float:
    """Return the target that places no order while the account stays as it is; NaN for none."""
    if rules.target == TargetRule.SIZE:
        return account.size
    if rules.target == TargetRule.POSITION:
        return 1.0 if account.size > 0.0 else -1.0 if account.size < 0.0 else 0.0
    # The size of a position that is worth a given amount changes with every close.
    return math.nan


@inlined
def skip_idle_bars(
    targets: NDArray[np.float64],
    first: int,
    bar: int,
    account: Account,
    receivable: float,
    rules: Rules,
    closes: NDArray[np.float64],
    curve: NDArray[np.float64],
    market: MarketRows | None,
    multiplier: float,
) -> int:
    """Write the curve until a target may place an order. Returns the bar of that target, or the
    number of closes."""
    no_op = no_op_target(account, rules)
    # Positions in a slice are known not to be negative, which saves a check for each.
    rest, prices, values = targets[bar : len(closes)], closes[bar:], curve[:, bar:]
    warming = first - bar
    for index in range(len(rest)):
        target = rest[index]
        # Comparing with one number per bar replaces `order_size`. `no_op` is NaN if there is none,
        # and every target differs from it.
        if target != no_op and target == target and index >= warming:
            return bar + index
        write_value(account, receivable, prices[index], values, index, market, multiplier)
    return len(closes)


@inlined
def write_value(
    account: Account,
    receivable: float,
    close: float,
    curve: NDArray[np.float64],
    bar: int,
    market: MarketRows | None,
    multiplier: float,
) -> float:
    """Write and return the account's value after a bar."""
    # The same bits as `portfolio_broker.value_at` with one symbol.
    value = account_value(account, close, multiplier)
    # Adding 0.0 would turn a value of -0.0 into 0.0, so it is not done without a market.
    if market is not None:
        value += receivable
    curve[0, bar] = value
    curve[1, bar] = account.cash
    curve[2, bar] = abs(account.size * close) if account.size != 0.0 else 0.0
    return value
