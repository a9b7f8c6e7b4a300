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

__all__ = ["columns_of", "measure", "measure_compiled", "sessions_of"]

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

WHOLE = tuple(column for column, (_, kind) in enumerate(KINDS) if kind is int)

AT_TRADES, AT_FEES = COLUMNS.index("trades"), COLUMNS.index("fees")

ROUNDING = 1e-15
"""More than what four operations on floats round."""

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
    row = np.empty(len(COLUMNS))
    measure(
        np.ascontiguousarray(equity["value"]),
        np.ascontiguousarray(equity["exposure"]),
        sessions_of(sessions),
        cash,
        periods_per_year,
        outcome.orders,
        outcome.fills,
        outcome.trades,
        row,
    )
    columns: dict[str, Any] = columns_of(row)
    return Metrics(**columns)


def sessions_of(days: Days) -> Ints:
    """The sessions of some bars.

    Parameters
    ----------
    days
        datetime64[D] of shape (bars,), ascending: the session of each bar.

    Returns
    -------
    int64 of shape (2, sessions): the last bar of each, and its day since the epoch.
    """
    numbers = days.astype("datetime64[D]", copy=False).view(np.int64)
    is_last = np.ones(len(numbers), np.bool_)
    np.not_equal(numbers[1:], numbers[:-1], out=is_last[:-1])
    last = np.flatnonzero(is_last)
    return np.array((last, numbers[last]))


def columns_of(row: Floats) -> dict[str, float | int | None]:
    """A row that `measure` wrote, by name: NaN as None, and counts as whole numbers."""
    numbers: list[Any] = row.tolist()
    total = sum(numbers)
    if total != total:
        return {
            name: None if number != number else kind(number)
            for (name, kind), number in zip(KINDS, numbers, strict=True)
        }
    for column in WHOLE:
        numbers[column] = int(numbers[column])
    return dict(zip(COLUMNS, numbers, strict=True))


@compiled
def measure(
    value: Floats,
    gross: Floats,
    sessions: Ints,
    cash: float,
    periods: float,
    orders: NDArray[np.void],
    fills: NDArray[np.void],
    trades: NDArray[np.void],
    row: Floats,
) -> None:
    """Write all columns into `row`.

    Parameters
    ----------
    value, gross, sessions, cash, periods
        As for `measure_account`.
    orders, fills, trades
        `ORDER`, `FILL` and `TRADE` records.
    row
        float64 of shape (len(COLUMNS),).
    """
    traded, fees = measure_fills(fills["size"], fills["price"], fills["commission"])
    account = measure_account(value, gross, sessions, cash, periods, traded)
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
    value: Floats, gross: Floats, sessions: Ints, cash: float, periods: float, traded: float
) -> Twelve:
    """The columns from final_value to turnover.

    Parameters
    ----------
    value, gross
        float64 of shape (bars,): the account's value after each bar, and that of its positions.
    sessions
        `sessions_of` the bars.
    cash
        Initial cash.
    periods
        Sessions a year.
    traded
        Sum of |size * price| of all fills.
    """
    bars, count = len(value), sessions.shape[1]
    closes, days = _closes(value, sessions[0]), sessions[1]
    final = closes[count - 1] if count else cash
    span = days[count - 1] - days[0] if count else 0
    growth = _ratio(final, cash)
    cagr = _defined(annual_growth(growth, span)) if growth > 0.0 and span > 0 else math.nan
    is_solvent, is_finite = _state(value)
    volatility, sharpe, sortino = math.nan, math.nan, math.nan
    if count > 1 and (is_solvent or _state(closes)[0]):
        volatility, sharpe, sortino = _risk(closes, periods)
    depth, length = math.nan, math.nan
    if count and (is_finite or _state(closes)[1]):
        depth, length = _drawdown(closes, cash, days)
    calmar = math.nan if depth == 0.0 else _ratio(cagr, -depth)
    exposure, time_in_market, turnover = math.nan, math.nan, math.nan
    if bars:
        exposure, time_in_market = _exposure(value, gross)
        if not is_solvent:
            exposure = math.nan
        mean = pairwise_sum(value) / bars
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
    factor = _ratio(pairwise_sum(profits[:won]), -pairwise_sum(losses[:lost]))
    return float(count), won / count, factor, _defined(pairwise_sum(ended[:count]) / count)


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
    fees = _defined(pairwise_sum(commission))
    return pairwise_sum(traded), fees


@compiled
def _closes(value: Floats, last_bars: Ints) -> Floats:
    """The value after each session."""
    count = len(last_bars)
    if count == len(value):
        return value
    closes = np.empty(count)
    for index in range(count):
        closes[index] = value[last_bars[index]]
    return closes


@compiled
def _state(value: Floats) -> tuple[bool, bool]:
    """Whether all are above 0, and whether all are finite."""
    poor, wild = 0, 0
    for index in range(len(value)):
        poor += not value[index] > 0.0
        wild += value[index] - value[index] != 0.0
    return poor == 0, wild == 0


@compiled
def _risk(value: Floats, periods: float) -> Three:
    """Volatility, Sharpe and Sortino of two values or more, all above 0."""
    count = len(value) - 1
    after = value[1:]
    returns, squares = np.empty(count), np.empty(count)
    for index in range(count):
        change = after[index] / value[index] - 1.0
        loss = change if change < 0.0 else 0.0
        returns[index] = change
        squares[index] = loss * loss
    mean = pairwise_sum(returns) / count
    downside = math.sqrt(pairwise_sum(squares) / count)
    for index in range(count):
        off = returns[index] - mean
        squares[index] = off * off
    deviation = math.nan
    if count > 1:
        deviation = math.sqrt(pairwise_sum(squares) / (count - 1))
    annual = math.sqrt(periods)
    return (
        _defined(deviation * annual),
        _ratio(mean * annual, deviation),
        _ratio(mean * annual, downside),
    )


@compiled
def _drawdown(value: Floats, cash: float, days: Ints) -> tuple[float, float]:
    """Depth and calendar days of the deepest drawdown of finite values.

    Only a value below `bound` can be deeper than all before; so hardly any is divided by its peak.
    """
    last = len(value) - 1
    deepest, start, end = 0.0, 0, 0
    peak, at_peak, bound = cash, 0, cash
    for index in range(len(value)):
        now = value[index]
        if now >= peak:
            peak, at_peak = now, index
            bound = peak * (1.0 + deepest + ROUNDING * (1.0 - deepest))
            end = min(end, index)
        elif now < bound:
            depth = now / peak - 1.0
            if depth < deepest:
                deepest, start, end, bound = depth, at_peak, last, now
    if not math.isfinite(deepest):
        return math.nan, math.nan
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
    return _defined(pairwise_sum(share) / bars), held / bars


@compiled
def _ratio(above: float, below: float) -> float:
    return _defined(above / below) if below != 0.0 else math.nan


@compiled
def _defined(number: float) -> float:
    return number if math.isfinite(number) else math.nan
