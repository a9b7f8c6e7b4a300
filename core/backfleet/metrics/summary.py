"""The summary of an outcome: its metrics and whether they can be trusted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backfleet.engine import Outcome
from backfleet.metrics.kernel import (
    measure,
    metrics_of,
    new_returns,
    new_row,
    sessions_of,
    sums_of,
)
from backfleet.metrics.segments import segments_of
from backfleet.metrics.task_status import assess_outcome
from backfleet.summary import Calendar, Metrics, Segments, Summary, TaskReturns

__all__ = ["compute_metrics", "excess_sharpe", "summary_of", "with_risk_free_rate"]

Days = NDArray[np.datetime64]
Floats = NDArray[np.float64]


def summary_of(outcome: Outcome, cash: float, calendar: Calendar) -> Summary:
    """Return the summary of an outcome; `cash` is the initial cash."""
    row, segments, returns = _measured(outcome, cash, calendar)
    sums = sums_of(row, segments)
    return Summary(metrics_of(row), assess_outcome(outcome).status, outcome.metrics, sums, returns)


def compute_metrics(
    outcome: Outcome, cash: float, periods_per_year: float, sessions: Days
) -> Metrics:
    """Return the metrics of an outcome; see `Metrics` for the formulas.

    Parameters
    ----------
    outcome
        Its equity must have one record per bar.
    cash
        Initial cash.
    periods_per_year
        Sessions per year, for annualizing.
    sessions
        datetime64[D] of shape (bars,), ascending: the session of each record of `outcome.equity`.

    Raises
    ------
    ValueError
        If `sessions` and `outcome.equity` differ in length.
    """
    row, _, _ = _measured(outcome, cash, Calendar(sessions, periods_per_year))
    return metrics_of(row)


def with_risk_free_rate(metrics: Metrics, rate: float) -> Metrics:
    """Return metrics whose Sharpe ratio is that of the returns beyond an annual risk-free rate."""
    return metrics._replace(sharpe=excess_sharpe(metrics.sharpe, metrics.volatility, rate))


def excess_sharpe(sharpe: float | None, volatility: float | None, rate: float) -> float | None:
    """Return the Sharpe ratio of the returns beyond a risk-free rate, from that of the returns.

    Parameters
    ----------
    sharpe, volatility
        Per year; None if undefined.
    rate
        Per year, as a fraction.
    """
    if sharpe is None or not volatility:
        return sharpe
    # (mean - rate / p) / s * sqrt(p), volatility being s * sqrt(p).
    return sharpe - rate / volatility


def _measured(
    outcome: Outcome, cash: float, calendar: Calendar
) -> tuple[Floats, Segments, TaskReturns]:
    """Return the row that `measure` writes, the segments of its sums, and the returns."""
    equity, days = outcome.equity, calendar.sessions
    if len(days) != len(equity):
        raise ValueError(f"{len(days)} sessions for {len(equity)} bars of equity")
    sessions = sessions_of(days)
    segments = segments_of(sessions[1, 1:])
    row, returns = new_row(segments), new_returns(sessions)
    measure(
        # A field of records is strided, and numba would compile the metrics again for such arrays.
        np.ascontiguousarray(equity["value"]),
        np.ascontiguousarray(equity["exposure"]),
        sessions,
        segments.borders,
        cash,
        calendar.periods_per_year,
        outcome.orders,
        outcome.fills,
        outcome.trades,
        returns,
        row,
    )
    return row, segments, TaskReturns(sessions[1, 1:], returns)
