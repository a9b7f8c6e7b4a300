"""The metrics of a task, compiled.

Only sums, the four operations and square roots are used, which have the same bits on every
processor. Compiled functions return columns in the order of `Metrics`, with NaN for None. A process
interprets them for its first tasks, with whole arrays instead of the longest loops.
"""

from __future__ import annotations

import math
import struct

import numpy as np
from numpy.typing import NDArray

from backfleet.engine import NOT_YET, OrderStatus
from backfleet.jit import compiled
from backfleet.metrics.equity import defined, measure_account, ratio
from backfleet.metrics.pairwise import pairwise_sum
from backfleet.summary import COLUMNS, COUNTS, Metrics, Segments, TaskSums

__all__ = ["measure", "metrics_of", "new_returns", "new_row", "sessions_of", "sums_of"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Days = NDArray[np.datetime64]

Four = tuple[float, float, float, float]
Six = tuple[float, float, float, float, float, float]

WIDTH = len(COLUMNS)
# "=" stands for standard sizes without padding, so that each column has 8 bytes, as in the row.
LAYOUT = struct.Struct("=" + "".join("q" if name in COUNTS else "d" for name in COLUMNS))

AT_DAYS = COLUMNS.index("max_drawdown_days")
AT_TRADES, AT_FEES = COLUMNS.index("trades"), COLUMNS.index("fees")

STATES = len(OrderStatus)
COMPLETED = int(OrderStatus.COMPLETED)
CANCELED = int(OrderStatus.CANCELED)
EXPIRED = int(OrderStatus.EXPIRED)
MARGIN = int(OrderStatus.MARGIN)
REJECTED = int(OrderStatus.REJECTED)


def sessions_of(days: Days) -> Ints:
    """Return the sessions of some bars.

    Parameters
    ----------
    days
        datetime64[D] of shape (bars,), ascending: the session of each bar.

    Returns
    -------
    int64 of shape (2, sessions): the last bar of each, and its day since the epoch.
    """
    is_last = np.ones(len(days), np.bool_)
    np.not_equal(days[1:], days[:-1], out=is_last[:-1])
    last = np.flatnonzero(is_last)
    return np.array((last, days[last].astype("datetime64[D]").view(np.int64)))


def new_row(segments: Segments) -> Floats:
    """Return a row that `measure` can write: a task's metrics, and the sums of its returns.

    Counts are in it as int64, in the place of a float.
    """
    return np.empty(WIDTH + 2 * len(segments) + 3)


def new_returns(sessions: Ints) -> Floats:
    """Return an array that `measure` can write: one return per session but the first."""
    return np.empty(max(sessions.shape[1] - 1, 0))


def sums_of(row: Floats, segments: Segments) -> TaskSums:
    """Return a copy of the sums in a row that `measure` wrote."""
    return TaskSums(segments, row[WIDTH:].copy())


def metrics_of(row: Floats) -> Metrics:
    """Return the metrics in a row that `measure` wrote."""
    numbers = LAYOUT.unpack_from(row.data)
    # Columns are finite or NaN (`defined`).
    total = sum(numbers)
    # A sum with NaN is NaN, so most rows need no look at each number.
    if total == total:
        return Metrics._make(numbers)
    # The bits of a count are those of a float near 0.
    floats = row[:WIDTH].tolist()
    return Metrics._make(
        None if at != at else number for number, at in zip(numbers, floats, strict=True)
    )


@compiled
def measure(
    value: Floats,
    gross: Floats,
    sessions: Ints,
    borders: Ints,
    cash: float,
    periods: float,
    orders: NDArray[np.void],
    fills: NDArray[np.void],
    trades: NDArray[np.void],
    returns: Floats,
    row: Floats,
) -> None:
    """Write the returns, and all columns and sums into `row`.

    Parameters
    ----------
    value, gross, sessions, borders, cash, periods
        As for `measure_account`.
    orders, fills, trades
        `ORDER`, `FILL` and `TRADE` records.
    returns
        `new_returns` of the sessions.
    row
        `new_row` of the segments.
    """
    traded, fees = measure_fills(fills["size"], fills["price"], fills["commission"])
    account = measure_account(
        value, gross, sessions, cash, periods, traded, borders, returns, row[WIDTH:]
    )
    # The same memory as `row`: a count is written over the float of its column.
    counts = row.view(np.int64)
    for column in range(len(account)):
        row[column] = account[column]
    # NaN stays a float there, and becomes None.
    if row[AT_DAYS] == row[AT_DAYS]:
        counts[AT_DAYS] = int(row[AT_DAYS])
    ended = measure_trades(trades["pnl_net"], trades["closed"])
    for column in range(len(ended)):
        row[AT_TRADES + column] = ended[column]
    counts[AT_TRADES] = int(ended[0])
    row[AT_FEES] = fees
    states = measure_orders(orders["status"])
    for column in range(len(states)):
        counts[AT_FEES + 1 + column] = int(states[column])


@compiled
def measure_trades(results: Floats, closed: Ints) -> Four:
    """Return the columns trades, win_rate, profit_factor and expectancy, from each trade's net
    result and the time of its end."""
    # Creating one array costs a third of creating three.
    memory = np.empty((3, len(results)))
    # Sums are pairwise, which needs the values of each sum side by side.
    ended, profits, losses = memory[0], memory[1], memory[2]
    count, won, lost = 0, 0, 0
    for index in range(len(results)):
        if closed[index] == NOT_YET:
            continue
        result = results[index]
        ended[count] = result
        count += 1
        if result > 0.0:
            profits[won] = result
            won += 1
        elif result < 0.0:
            losses[lost] = result
            lost += 1
    if not count:
        return 0.0, math.nan, math.nan, math.nan
    factor = ratio(pairwise_sum(profits[:won]), -pairwise_sum(losses[:lost]))
    return float(count), won / count, factor, defined(pairwise_sum(ended[:count]) / count)


@compiled
def measure_orders(status: NDArray[np.int8]) -> Six:
    """Return the columns from orders_completed to orders_open."""
    # Two counters in turn: the next order need not wait until the count of the last is written.
    counters = np.zeros((2, STATES))
    for index in range(0, len(status) - 1, 2):
        counters[0, status[index]] += 1.0
        counters[1, status[index + 1]] += 1.0
    if len(status) % 2:
        counters[0, status[-1]] += 1.0
    count = counters[0]
    for state in range(STATES):
        count[state] += counters[1, state]
    # The states before `COMPLETED` are those of orders that still wait.
    still_open = 0.0
    for state in range(COMPLETED):
        still_open += count[state]
    rejected = count[MARGIN] + count[REJECTED]
    return (
        count[COMPLETED],
        rejected,
        count[MARGIN],
        count[CANCELED],
        count[EXPIRED],
        still_open,
    )


@compiled
def measure_fills(size: Floats, price: Floats, commission: Floats) -> tuple[float, float]:
    """Return the sum of |size * price|, and the column fees."""
    # The products are rounded one by one and then added pairwise, as with numpy's arrays.
    traded = np.empty(len(size))
    for index in range(len(size)):
        traded[index] = abs(size[index] * price[index])
    fees = defined(pairwise_sum(commission))
    return pairwise_sum(traded), fees
