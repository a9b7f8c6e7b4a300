"""One run over the bars of a portfolio, compiled: `simulate` for several symbols and one cash.

A step has backtrader's order too: the orders made at the last step are checked against the cash,
one after the other; those that passed, and those that guard positions, are filled where their
symbol has a bar; the account is valued at the last closes; and the strategy makes orders for the
symbols that have a bar.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from backfleet.engine import OrderKind, OrderStatus
from backfleet.engines.vector.book import write_order
from backfleet.engines.vector.portfolio_book import write_portfolio_trades
from backfleet.engines.vector.portfolio_broker import check, fill, value_at
from backfleet.engines.vector.portfolio_guards import guard_positions
from backfleet.engines.vector.portfolio_state import (
    PanelMarket,
    Symbols,
    account_of,
    new_symbols,
)
from backfleet.engines.vector.rules import Rules, TargetRule
from backfleet.engines.vector.simulate import DONE
from backfleet.engines.vector.sizing import order_size
from backfleet.engines.vector.state import Costs
from backfleet.jit import compiled, inlined

__all__ = ["portfolio_settings", "simulate_portfolio"]

Table = NDArray[np.void]


def portfolio_settings(rules: Rules, costs: Costs, sells_first: bool) -> NDArray[np.float64]:
    """All numbers that `simulate_portfolio` needs, in one array; see `settings_of`."""
    return np.array((*rules, *costs, sells_first))


@compiled
def simulate_portfolio(
    time: NDArray[np.int64],
    prices: NDArray[np.float64],
    has_bar: NDArray[np.bool_],
    final_close: NDArray[np.float64],
    first: NDArray[np.int64],
    targets: NDArray[np.float64],
    settings: NDArray[np.float64],
    curve: NDArray[np.float64],
    orders: Table,
    fills: Table,
    trades: Table,
) -> tuple[int, int, int, int, int]:
    """Follow a strategy's targets and write down what comes of them.

    Parameters
    ----------
    time, prices, has_bar
        A `PanelMarket`.
    final_close
        float64 of shape (symbols,): the close of each symbol's very last bar.
    first
        int64 of shape (symbols,): the first of a symbol's own bars after which orders are made.
    targets
        float64 of shape (steps, symbols); NaN leaves alone what is held. Checked already.
    settings
        `portfolio_settings`.
    curve
        float64 of shape (3, steps): value, cash and exposure.
    orders, fills, trades
        Room for as many records as the symbols have bars, of orders for twice as many.

    Returns
    -------
    `DONE` and 0, or the step after which, and the symbol for which, no number of shares could be
    worked out; and how many orders, fills and trades were written.
    """
    rules = Rules(int(settings[0]), int(settings[1]), settings[2], settings[3], settings[4])
    costs = Costs(settings[5], settings[6], settings[7], settings[8])
    sells_first = settings[9] != 0.0
    market = PanelMarket(time, prices, has_bar)
    guarded = rules.stop_loss == rules.stop_loss or rules.take_profit == rules.take_profit
    symbols = new_symbols(final_close)
    sizes = np.zeros(len(final_close))
    fill_bars = np.zeros(len(fills), np.int64)
    cash = costs.cash
    # A plain 0 is a type of its own to numba.
    made = filled = waiting = submitted = len(time[:0])
    for step in range(len(time)):
        deliver(market, step, symbols, first)
        waiting = check(symbols, submitted, waiting, cash, costs, orders, time)
        waiting, filled, cash = fill(
            market, step, symbols, waiting, cash, costs, orders, fills, filled, fill_bars
        )
        value = value_at(symbols, cash, curve, step)
        wrong = decide(step, symbols, targets, cash, value, rules, costs, sizes)
        if wrong >= 0:
            return step, wrong, made, filled, 0
        submitted = submit(symbols, sizes, sells_first, time[step], orders, made)
        made += submitted
        if guarded:
            made, waiting = guard_positions(
                symbols, sizes, rules, orders, made, waiting, time[step]
            )
    traded = write_portfolio_trades(fills, filled, fill_bars, symbols.bars, costs, trades)
    return DONE, 0, made, filled, traded


@inlined
def deliver(market: PanelMarket, step: int, symbols: Symbols, first: NDArray[np.int64]) -> None:
    """Take the bars of a step."""
    for symbol in range(len(symbols.size)):
        symbols.acts[symbol] = (
            market.has_bar[step, symbol] and symbols.bars[symbol] >= first[symbol]
        )
        if market.has_bar[step, symbol]:
            symbols.close[symbol] = market.prices[3, step, symbol]
            symbols.bars[symbol] += 1
            symbols.last[symbol] = step


@inlined
def decide(
    step: int,
    symbols: Symbols,
    targets: NDArray[np.float64],
    cash: float,
    value: float,
    rules: Rules,
    costs: Costs,
    sizes: NDArray[np.float64],
) -> int:
    """Work out the signed size of each symbol's order, 0 for none.

    Returns
    -------
    -1, or the symbol for which none can be worked out.
    """
    for symbol in range(len(sizes)):
        sizes[symbol] = 0.0
        if not symbols.acts[symbol]:
            continue
        wanted = targets[step, symbol]
        if wanted != wanted:
            wanted = symbols.owed[symbol]
        account = account_of(symbols, symbol, cash)
        size = order_size(wanted, account, value, symbols.close[symbol], rules, costs)
        if not abs(size) < math.inf:
            return symbol
        sizes[symbol] = size
        reverses = size != 0.0 and wanted * account.size < 0.0
        symbols.owed[symbol] = math.nan
        if reverses and rules.target == TargetRule.POSITION:
            symbols.owed[symbol] = wanted
    return -1


@inlined
def submit(
    symbols: Symbols,
    sizes: NDArray[np.float64],
    sells_first: bool,
    time: int,
    orders: Table,
    made: int,
) -> int:
    """Make the orders, numbered from `made` on. Returns how many."""
    count = len(sizes[:0])
    for turn in range(2 if sells_first else 1):
        for symbol in range(len(sizes)):
            size, close = sizes[symbol], symbols.close[symbol]
            if size == 0.0 or (sells_first and (size < 0.0) != (turn == 0)):
                continue
            number = made + count
            write_order(orders, number, OrderKind.MARKET, OrderStatus.SUBMITTED, time, size, close)
            orders[number]["symbol"] = symbol
            symbols.order_size[symbol] = size
            symbols.order_price[symbol] = close
            symbols.order[symbol] = number
            symbols.submitted[count] = symbol
            count += 1
    return count
