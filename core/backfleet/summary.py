"""A task's summary: its metrics with their formulas, its status, and its own scalars."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args, get_type_hints

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "COLUMNS",
    "COUNTS",
    "Calendar",
    "Metrics",
    "Scalar",
    "Segments",
    "Status",
    "Summary",
    "TaskReturns",
    "TaskSums",
]

Scalar = bool | int | float | str | None
Status = Literal["ok", "suspicious"]


@dataclass(frozen=True, eq=False)
class Calendar:
    """The sessions along which metrics are computed.

    Attributes
    ----------
    sessions
        datetime64[D] of shape (bars,), ascending: the session of each record of the equity curve.
    periods_per_year
        Sessions a year, for annualizing.
    """

    sessions: NDArray[np.datetime64]
    periods_per_year: float


class Metrics(NamedTuple):
    """A task's metrics, in the order of the result's columns.

    An undefined metric has no value: it is never 0, infinity or NaN. A return r is that of a
    session over the one before it, from the value after each session's last bar, so that the
    first session has none; n is their number, p the number of periods per year, v the account's
    value after a bar.
    f is the annual risk-free rate of the job, 0 by default. The minimal acceptable return is 0.

    Attributes
    ----------
    final_value
        Account value after the last bar.
    total_return
        Final value / initial cash - 1.
    cagr
        (final value / cash) ** (365.25 / calendar days from the first session to the last) - 1.
        The nearest float, on every processor. None for a single session, and if the final value
        is zero or negative.
    volatility
        s * sqrt(p), s the standard deviation of r with n - 1 in the denominator. 0 if the returns
        differ by rounding only: a variance of at most 1e-12 of the mean square.
    sharpe
        (mean(r) - f / p) / s * sqrt(p) (Sharpe 1994). None if s is 0.
    sortino
        mean(r) / d * sqrt(p), d = sqrt(sum(min(r, 0)**2) / n) over all n returns, not only the
        losses (Sortino and Price 1994).
    max_drawdown
        Minimum of v / running maximum of v - 1, where the running maximum starts at the initial
        cash; at most 0.
    max_drawdown_days
        Calendar days of that drawdown, the first of its depth: from its peak to the session that
        reached the peak again, otherwise to the last session. 0 if there was none.
    calmar
        cagr / |max_drawdown| (Young 1991).
    exposure
        Mean over the bars of gross position value / v.
    time_in_market
        Fraction of the bars with a position.
    turnover
        Traded value / (2 * mean v), times p / number of sessions: how often per year the account
        is turned over.
    trades
        Number of closed trades.
    win_rate
        Fraction of the closed trades with a profit, net of fees.
    profit_factor
        Sum of profits / sum of losses of the closed trades, net of fees.
    expectancy
        Mean result of a closed trade, net of fees.
    fees
        All commissions.
    orders_completed
        Orders that were filled.
    orders_rejected
        Orders that the broker rejected for any reason.
    orders_margin
        Rejected orders that the cash did not cover; backtrader calls their status margin.
    orders_canceled
        Orders that the strategy canceled.
    orders_expired
        Orders that expired at the end of their validity.
    orders_open
        Orders that were still open after the last bar.
    """

    final_value: float | None
    total_return: float | None
    cagr: float | None
    volatility: float | None
    sharpe: float | None
    sortino: float | None
    max_drawdown: float | None
    max_drawdown_days: int | None
    calmar: float | None
    exposure: float | None
    time_in_market: float | None
    turnover: float | None
    trades: int
    win_rate: float | None
    profit_factor: float | None
    expectancy: float | None
    fees: float | None
    orders_completed: int
    orders_rejected: int
    orders_margin: int
    orders_canceled: int
    orders_expired: int
    orders_open: int


COLUMNS = Metrics._fields

COUNTS = frozenset(
    # `int | None` has `int` among its arguments, and `int` has none.
    name
    for name, kind in get_type_hints(Metrics).items()
    if int in (kind, *get_args(kind))
)
"""The columns of whole numbers."""


@dataclass(frozen=True, eq=False)
class Segments:
    """Contiguous segments of equal length in months, into which the returns of a task are cut.

    Attributes
    ----------
    start
        datetime64[D]: the first day of the first segment.
    months
        Length of a segment.
    borders
        int64 of shape (segments + 1,): the first return of each segment, and the number of returns.
    """

    start: np.datetime64
    months: int
    borders: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.borders) - 1


class TaskSums(NamedTuple):
    """The additive sums of a task's returns.

    Attributes
    ----------
    segments
        Equal for all points of a symbol.
    values
        float64 of shape (2 * segments + 3,): Σr by segment, Σr² by segment, and over all returns
        Σr³, Σr⁴ and Σ r(t) · r(t-1). NaN if the metrics have no returns, because the account was
        at 0 or below.
    """

    segments: Segments
    values: NDArray[np.float64]

    @property
    def fourths(self) -> float:
        """Σr⁴ over all returns."""
        return float(self.values[-2])


class TaskReturns(NamedTuple):
    """The returns of a task, one per session but the first.

    Attributes
    ----------
    days
        int64, ascending: the session of each return, as days since the epoch. As a rule, it is the
        same array for all points of a symbol.
    values
        float64. NaN if the account was at 0 or below.
    """

    days: NDArray[np.int64]
    values: NDArray[np.float64]


class Summary(NamedTuple):
    """A task's metrics, its status, the scalars that its strategy left, its returns and sums."""

    metrics: Metrics
    status: Status
    custom: Mapping[str, Scalar]
    sums: TaskSums
    returns: TaskReturns
