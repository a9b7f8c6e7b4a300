"""The metrics in compiled code: to the last bit those of `arrays`, in a fraction of the time.

Compiled functions return columns in the order of `Metrics`, NaN where `Metrics` has None.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backfleet.compiled import compiled
from backfleet.engine import NOT_YET, OrderStatus, Outcome
from backfleet.metrics.columns import COLUMNS, Metrics
from backfleet.metrics.growth import annual_growth
from backfleet.metrics.pairwise import pairwise_sum

__all__ = ["columns_of", "measure", "measure_compiled"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Days = NDArray[np.datetime64]

Three = tuple[float, float, float]
Four = tuple[float, float, float, float]
Six = tuple[float, float, float, float, float, float]
Twelve = tuple[float, float, float, float, float, float, float, float, float, float, float, float]

KINDS = tuple(
    (name, int if Metrics.__annotations__[name].startswith("int") else float) for name in COLUMNS
)

AT_TRADES, AT_FEES = COLUMNS.index("trades"), COLUMNS.index("fees")

STATES = len(OrderStatus)
COMPLETED = int(OrderStatus.COMPLETED)
CANCELED = int(OrderStatus.CANCELED)
EXPIRED = int(OrderStatus.EXPIRED)
MARGIN = int(OrderStatus.MARGIN)
REJECTED = int(OrderStatus.REJECTED)


def measure_compiled(
    outcome: Outcome, cash: float, periods_per_year: float, sessions: Days
) -> Metrics:
    """As `compute_metrics`, always in compiled code."""
    equity = outcome.equity
    days = sessions.astype("datetime64[D]", copy=False).view(np.int64)
    row = np.empty(len(COLUMNS))
    measure(
        np.ascontiguousarray(equity["value"]),
        np.ascontiguousarray(equity["exposure"]),
        np.ascontiguousarray(days),
        np.array((cash, periods_per_year)),
        outcome.orders,
        outcome.fills,
        outcome.trades,
        row,
    )
    columns: dict[str, Any] = columns_of(row)
    return Metrics(**columns)


def columns_of(row: Floats) -> dict[str, float | int | None]:
    """A row that `measure` wrote, by name: NaN as None, and counts as whole numbers."""
    return {
        name: None if number != number else kind(number)
        for (name, kind), number in zip(KINDS, row.tolist(), strict=True)
    }


@compiled
def measure(
    value: Floats,
    gross: Floats,
    days: Ints,
    scale: Floats,
    orders: NDArray[np.void],
    fills: NDArray[np.void],
    trades: NDArray[np.void],
    row: Floats,
) -> None:
    """Write all columns into `row`.

    Parameters
    ----------
    value, gross, days
        As for `measure_account`.
    scale
        float64 of shape (2,): the initial cash, and sessions a year.
    orders, fills, trades
        `ORDER`, `FILL` and `TRADE` records.
    row
        float64 of shape (len(COLUMNS),).
    """
    traded, fees = measure_fills(fills["size"], fills["price"], fills["commission"])
    account = measure_account(value, gross, days, scale[0], scale[1], traded)
    for column in range(len(account)):
        row[column] = account[column]
    ended = measure_trades(trades["pnl_net"], trades["closed"])
    for column in range(len(ended)):
        row[AT_TRADES + column] = ended[column]
    row[AT_FEES] = fees
    states = measure_orders(orders["status"])
    for column in range(len(states)):
        row[AT_FEES + 1 + column] = states[column]


@compiled
def measure_account(
    value: Floats, gross: Floats, days: Ints, cash: float, periods: float, traded: float
) -> Twelve:
    """The columns from final_value to turnover.

    Parameters
    ----------
    value, gross
        float64 of shape (bars,): the account's value after each bar, and that of its positions.
    days
        int64 of shape (bars,): each bar's session, in days since the epoch.
    cash
        Initial cash.
    periods
        Sessions a year.
    traded
        Sum of |size * price| of all fills.
    """
    bars = len(value)
    closes, close_days = _last_of_sessions(value, days)
    count = len(closes)
    final = closes[count - 1] if count else cash
    span = close_days[count - 1] - close_days[0] if count else 0
    growth = _ratio(final, cash)
    cagr = _defined(annual_growth(growth, span)) if growth > 0.0 and span > 0 else math.nan
    volatility, sharpe, sortino = _risk(closes, periods)
    depth, length = _drawdown(closes, cash, close_days)
    calmar = math.nan if depth == 0.0 else _ratio(cagr, -depth)
    exposure, time_in_market, turnover = math.nan, math.nan, math.nan
    if bars:
        exposure, time_in_market = _exposure(value, gross)
        mean = pairwise_sum(value, 0, bars) / bars
        if mean > 0.0:
            turnover = _defined(traded / (2.0 * mean) * (periods / count))
    return (
        _defined(final),
        _defined(_ratio(final, cash) - 1.0),
        cagr,
        volatility,
        sharpe,
        sortino,
        depth,
        length,
        calmar,
        exposure,
        time_in_market,
        turnover,
    )


@compiled
def measure_trades(results: Floats, closed: Ints) -> Four:
    """The columns trades, win_rate, profit_factor and expectancy, from each trade's net result and
    the time of its end."""
    ended, profits, losses = np.empty(len(results)), np.empty(len(results)), np.empty(len(results))
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
    factor = _ratio(pairwise_sum(profits, 0, won), -pairwise_sum(losses, 0, lost))
    return float(count), won / count, factor, _defined(pairwise_sum(ended, 0, count) / count)


@compiled
def measure_orders(status: NDArray[np.int8]) -> Six:
    """The columns from orders_completed to orders_open."""
    count = np.zeros(STATES)
    for index in range(len(status)):
        count[status[index]] += 1.0
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
    """The sum of |size * price|, and the column fees."""
    traded = np.empty(len(size))
    for index in range(len(size)):
        traded[index] = abs(size[index] * price[index])
    fees = _defined(pairwise_sum(commission, 0, len(commission)))
    return pairwise_sum(traded, 0, len(size)), fees


@compiled
def _last_of_sessions(value: Floats, days: Ints) -> tuple[Floats, Ints]:
    bars = len(value)
    is_daily = True
    for index in range(bars - 1):
        is_daily &= days[index + 1] != days[index]
    if is_daily:
        return value, days
    closes, close_days = np.empty(bars), np.empty(bars, np.int64)
    count = 0
    for index in range(bars):
        if index + 1 == bars or days[index + 1] != days[index]:
            closes[count] = value[index]
            close_days[count] = days[index]
            count += 1
    return closes[:count], close_days[:count]


@compiled
def _risk(value: Floats, periods: float) -> Three:
    """Volatility, Sharpe and Sortino."""
    count = len(value) - 1
    if count < 1 or not _is_solvent(value):
        return math.nan, math.nan, math.nan
    returns, squares = np.empty(count), np.empty(count)
    for index in range(count):
        returns[index] = value[index + 1] / value[index] - 1.0
        squares[index] = min(returns[index], 0.0) * min(returns[index], 0.0)
    mean = pairwise_sum(returns, 0, count) / count
    downside = math.sqrt(pairwise_sum(squares, 0, count) / count)
    for index in range(count):
        squares[index] = (returns[index] - mean) * (returns[index] - mean)
    deviation = math.nan
    if count > 1:
        deviation = math.sqrt(pairwise_sum(squares, 0, count) / (count - 1))
    annual = math.sqrt(periods)
    return (
        _defined(deviation * annual),
        _ratio(mean * annual, deviation),
        _ratio(mean * annual, downside),
    )


@compiled
def _is_solvent(value: Floats) -> bool:
    solvent = True
    for index in range(len(value)):
        solvent = solvent and value[index] > 0.0
    return solvent


@compiled
def _drawdown(value: Floats, cash: float, days: Ints) -> tuple[float, float]:
    """Depth and calendar days of the deepest drawdown."""
    if not len(value):
        return math.nan, math.nan
    peak, at_peak = cash, 0
    deepest, top, start, trough = math.inf, cash, 0, 0
    for index in range(len(value)):
        peak = max(peak, value[index])
        depth = value[index] / peak - 1.0
        if not math.isfinite(depth):
            return math.nan, math.nan
        if depth < deepest:
            deepest, top, start, trough = depth, peak, at_peak, index
        if value[index] >= peak:
            at_peak = index
    if deepest == 0.0:
        return 0.0, 0.0
    end = trough
    while end < len(value) - 1 and value[end] < top:
        end += 1
    return deepest, float(days[end] - days[start])


@compiled
def _exposure(value: Floats, gross: Floats) -> tuple[float, float]:
    """Mean of gross / value, and the fraction of bars with a position."""
    bars = len(value)
    share = np.empty(bars)
    held = 0
    for index in range(bars):
        share[index] = gross[index] / value[index]
        held += gross[index] != 0.0
    exposure = _defined(pairwise_sum(share, 0, bars) / bars) if _is_solvent(value) else math.nan
    return exposure, held / bars


@compiled
def _ratio(above: float, below: float) -> float:
    return _defined(above / below) if below != 0.0 else math.nan


@compiled
def _defined(number: float) -> float:
    return number if math.isfinite(number) else math.nan
