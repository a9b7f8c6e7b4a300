"""The summary of an outcome: its metrics and whether they can be trusted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backfleet.engine import Outcome
from backfleet.metrics.kernel import measure, metrics_of, sessions_of
from backfleet.metrics.trust import verdict
from backfleet.summary import COLUMNS, Calendar, Metrics, Summary

__all__ = ["compute_metrics", "summary_of"]

Days = NDArray[np.datetime64]


def summary_of(outcome: Outcome, cash: float, calendar: Calendar) -> Summary:
    """Return the summary of an outcome; `cash` is the initial cash."""
    metrics = compute_metrics(outcome, cash, calendar.periods_per_year, calendar.sessions)
    return Summary(metrics, verdict(outcome).status, outcome.metrics)


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
        Sessions a year, for annualizing.
    sessions
        datetime64[D] of shape (bars,), ascending: the session of each record of `outcome.equity`.

    Raises
    ------
    ValueError
        If `sessions` and `outcome.equity` differ in length.
    """
    equity = outcome.equity
    if len(sessions) != len(equity):
        raise ValueError(f"{len(sessions)} sessions for {len(equity)} bars of equity")
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
    metrics: Metrics = metrics_of(row)
    return metrics
