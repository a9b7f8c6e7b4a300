"""One run over the bars of a symbol, compiled: what `Cerebro.run` does, as a plain loop.

A bar has three parts, in backtrader's order: the broker fills what waits, the account is valued at
the close, and the strategy makes its orders, which wait for the next bar.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from backfleet.engine import OrderKind, OrderStatus
from backfleet.engines.vector.book import withdraw, write_execution, write_order, write_trades
from backfleet.engines.vector.broker import account_value, execute, reached, settle
from backfleet.engines.vector.rules import Rules, TargetRule
from backfleet.engines.vector.sizing import order_size
from backfleet.engines.vector.state import (
    Account,
    Books,
    Costs,
    Guards,
    Market,
    Pending,
    Standing,
)
from backfleet.jit import compiled, inlined
from backfleet.metrics.kernel import measure

__all__ = ["DONE", "WRONG_TARGETS", "settings_of", "simulate"]

DONE, WRONG_TARGETS = -1, -2
"""What `simulate` returns in place of the bar at which an order could not be sized."""


def settings_of(
    rules: Rules, costs: Costs, first: int, periods_per_year: float
) -> NDArray[np.float64]:
    """All numbers that `simulate` needs, in one array: numba looks at every argument of a call, and
    for a tuple of this size that takes as long as hundreds of bars."""
    return np.array((*rules, *costs, first, periods_per_year))


@compiled
def simulate(
    time: NDArray[np.int64],
    prices: NDArray[np.float64],
    sessions: NDArray[np.int64],
    targets: NDArray[np.float64],
    settings: NDArray[np.float64],
    account: NDArray[np.float64],
    orders: NDArray[np.void],
    fills: NDArray[np.void],
    trades: NDArray[np.void],
    row: NDArray[np.float64],
) -> tuple[int, int, int, int]:
    """Follow a strategy's targets, and write its records and its metrics.

    Parameters
    ----------
    time, prices
        A `Market`.
    sessions
        `sessions_of` the bars from the first one on after which orders are made.
    targets
        float64 of shape (bars,); NaN leaves alone what is held.
    settings
        `settings_of` the rules, the costs, the first bar after which orders are made, and the
        sessions a year.
    account, orders, fills, trades
        `Buffers` with room for as many bars as the market has.
    row
        float64 of shape (len(COLUMNS),); of shape (0,) if no metrics are needed. Metrics are
        computed here because nothing needs to be copied, and one call costs less than two.

    Returns
    -------
    `DONE`, or `WRONG_TARGETS`, or the bar after which no number of shares could be worked out; and
    how many orders, fills and trades were written.
    """
    rules = Rules(int(settings[0]), int(settings[1]), settings[2], settings[3], settings[4])
    costs = Costs(settings[5], settings[6], settings[7], settings[8])
    # Those of the warm-up are never asked for.
    for bar in range(int(settings[9])):
        if not is_possible(targets[bar], rules.target):
            return WRONG_TARGETS, 0, 0, 0
    books = Books(account, orders, fills, np.empty(len(fills), np.int64))
    market = Market(time, prices)
    first = int(settings[9])
    if is_guarded(rules) or costs.minimum_commission > 0.0 or costs.slippage != 0.0:
        stopped, made, filled = follow(market, targets, rules, costs, first, books)
    else:
        # Compiled once more for the usual case, without all that constants rule out.
        rules = Rules(rules.target, rules.sizing, rules.amount, math.nan, math.nan)
        costs = Costs(costs.cash, costs.commission, 0.0, 0.0)
        stopped, made, filled = follow(market, targets, rules, costs, first, books)
    if stopped != DONE:
        return stopped, 0, 0, 0
    closed = write_trades(fills, filled, books.fill_bars, len(time), costs, trades)
    if len(row):
        measure(
            account[0, first:],
            account[2, first:],
            sessions,
            costs.cash,
            settings[10],
            orders[:made],
            fills[:filled],
            trades[:closed],
            row,
        )
    return DONE, made, filled, closed


@inlined
def is_guarded(rules: Rules) -> bool:
    """Whether a position has orders that close it at a loss or a profit."""
    return rules.stop_loss == rules.stop_loss or rules.take_profit == rules.take_profit


@inlined
def is_possible(target: float, rule: int) -> bool:
    """Whether `signals.check_targets` would let a target pass."""
    size = abs(target)
    if rule == TargetRule.POSITION:
        return size == 0.0 or size == 1.0 or size != size
    return size != math.inf


@inlined
def follow(
    market: Market,
    targets: NDArray[np.float64],
    rules: Rules,
    costs: Costs,
    first: int,
    books: Books,
) -> tuple[int, int, int]:
    """The loop over the bars. Returns how `simulate` ends, and the number of orders and fills.

    `wait` passes over the bars at which nothing can happen.
    """
    time, closes = market.time, market.prices[3]
    guarded = is_guarded(rules)
    now = Standing(
        Account(costs.cash, 0.0, 0.0),
        Pending(0.0, 0.0, 0),
        Guards(0.0, math.nan, math.nan, 0, 0),
        math.nan,
    )
    # A plain 0 is a type of its own to numba, for which it would compile all that takes it again.
    made = filled = bar = len(targets[:0])
    while bar < len(closes):
        if now.pending.size != 0.0 or now.guards.size != 0.0:
            now, filled = fill(now, market, bar, costs, books, filled)
        elif now.owed != now.owed and not (guarded and now.account.size != 0.0):
            bar = wait(targets, first, bar, now.account, rules, closes, books.curve)
            if bar == len(closes):
                break
        value = write_value(now.account, closes[bar], books.curve, bar)
        if not is_possible(targets[bar], rules.target):
            return WRONG_TARGETS, made, filled
        if bar >= first:
            wanted = targets[bar] if targets[bar] == targets[bar] else now.owed
            size = order_size(wanted, now.account, value, closes[bar], rules, costs)
            if not abs(size) < math.inf:
                return bar, made, filled
            if size != 0.0:
                now = submit(now, size, wanted, closes[bar], rules, books.orders, made, time[bar])
                made += 1
            else:
                now = Standing(now.account, now.pending, now.guards, math.nan)
                if guarded and now.account.size != 0.0 and now.guards.size == 0.0:
                    now, made = protect(now, rules, books.orders, made, time[bar])
        bar += 1
    return DONE, made, filled


@inlined
def fill(
    now: Standing, market: Market, bar: int, costs: Costs, books: Books, filled: int
) -> tuple[Standing, int]:
    """Fill or refuse the orders that wait; fills are numbered from `filled` on."""
    prices, time = market.prices, market.time[bar]
    account, pending, guards = now.account, now.pending, now.guards
    if pending.size != 0.0:
        number = pending.order
        account, done = settle(
            pending, account, prices[0, bar], prices[1, bar], prices[2, bar], costs
        )
        pending = Pending(0.0, 0.0, 0)
    else:
        number, price = reached(guards, prices[0, bar], prices[1, bar], prices[2, bar], costs)
        if price != price:
            return now, filled
        account, done = execute(account, guards.size, price, costs)
        guards = withdraw(books.orders, guards, time)
    books.fill_bars[filled] = bar
    filled = write_execution(books.orders, number, books.fills, filled, done, time)
    return Standing(account, pending, guards, now.owed), filled


@inlined
def submit(
    now: Standing,
    size: float,
    wanted: float,
    close: float,
    rules: Rules,
    orders: NDArray[np.void],
    number: int,
    time: int,
) -> Standing:
    """Make a market order, which takes back those that guard the position."""
    write_order(orders, number, OrderKind.MARKET, OrderStatus.SUBMITTED, time, size, close)
    guards = withdraw(orders, now.guards, time)
    reverses = rules.target == TargetRule.POSITION and wanted * now.account.size < 0.0
    owed = wanted if reverses else math.nan
    return Standing(now.account, Pending(size, close, number), guards, owed)


@inlined
def protect(
    now: Standing, rules: Rules, orders: NDArray[np.void], made: int, time: int
) -> tuple[Standing, int]:
    """Make the orders that guard a position, numbered from `made` on."""
    guards = guard(now.account, rules, orders, made, time)
    made = max(made, guards.stop_order + 1, guards.limit_order + 1)
    return Standing(now.account, now.pending, guards, now.owed), made


@inlined
def resting_target(account: Account, rules: Rules) -> float:
    """The target that makes no order while the account is as it is; NaN where there is none."""
    if rules.target == TargetRule.SIZE:
        return account.size
    if rules.target == TargetRule.POSITION:
        return 1.0 if account.size > 0.0 else -1.0 if account.size < 0.0 else 0.0
    return math.nan


@inlined
def wait(
    targets: NDArray[np.float64],
    first: int,
    bar: int,
    account: Account,
    rules: Rules,
    closes: NDArray[np.float64],
    curve: NDArray[np.float64],
) -> int:
    """Write the curve until a target may make an order. Returns the bar of that target, else the
    number of bars."""
    resting = resting_target(account, rules)
    # Positions in a slice are known not to be negative, which saves asking at each.
    coming, prices, values = targets[bar:], closes[bar:], curve[:, bar:]
    warming = first - bar
    for index in range(len(coming)):
        target = coming[index]
        if target != resting and target == target and index >= warming:
            return bar + index
        write_value(account, prices[index], values, index)
    return len(targets)


@inlined
def write_value(account: Account, close: float, curve: NDArray[np.float64], bar: int) -> float:
    """Write down and return the account's value after a bar."""
    value = account_value(account, close)
    curve[0, bar] = value
    curve[1, bar] = account.cash
    curve[2, bar] = abs(account.size * close) if account.size != 0.0 else 0.0
    return value


@inlined
def guard(account: Account, rules: Rules, orders: NDArray[np.void], made: int, time: int) -> Guards:
    """Make the orders that close a position at a loss or a profit, numbered from `made` on; none
    at a price that cannot be."""
    side = 1.0 if account.size > 0.0 else -1.0
    size = -account.size
    stop = account.price * (1.0 - side * rules.stop_loss)
    limit = account.price * (1.0 + side * rules.take_profit)
    if not stop > 0.0:
        stop = math.nan
    if not limit > 0.0:
        limit = math.nan
    stop_order = limit_order = made - 1
    if stop == stop:
        stop_order = made
        write_order(orders, stop_order, OrderKind.STOP, OrderStatus.ACCEPTED, time, size, stop)
    if limit == limit:
        limit_order = stop_order + 1
        write_order(orders, limit_order, OrderKind.LIMIT, OrderStatus.ACCEPTED, time, size, limit)
    if stop != stop and limit != limit:
        size = 0.0
    return Guards(size, stop, limit, stop_order, limit_order)
