"""Risk metrics and metrics against the benchmark, which a job asks for with `results.extended`.

They would make a task of the compiled engine some 15 % slower, so they are not in every row.
Sums are pairwise and in a fixed order, so they have the same bits on every processor.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backfleet.bars import Bars
from backfleet.engine import Records
from backfleet.metrics.equity import FLAT
from backfleet.metrics.kernel import sessions_of
from backfleet.metrics.pairwise import pairwise_sum
from backfleet.summary import Calendar

__all__ = [
    "EXTENDED",
    "MetricsReference",
    "benchmark_values",
    "extended_metrics",
    "relative_metrics",
]

Floats = NDArray[np.float64]
Days = NDArray[np.datetime64]

RISK = ("skewness", "kurtosis", "value_at_risk", "ulcer_index", "underwater_days")
AGAINST_BENCHMARK = ("alpha", "beta", "correlation", "tracking_error", "information_ratio")
EXTENDED = (*RISK, *AGAINST_BENCHMARK)
"""The names of the columns."""

TAIL = 5
"""Percent of the returns that are below the value at risk."""


@dataclass(frozen=True, eq=False)
class MetricsReference:
    """Initial cash, risk-free rate and benchmark, against which an account is measured.

    Attributes
    ----------
    cash
        Initial cash.
    risk_free_rate
        Per year, as a fraction.
    bars
        The bars of the benchmark, or those of the task's symbols, which are held in equal parts.
    """

    cash: float
    risk_free_rate: float
    bars: Sequence[Bars]


def extended_metrics(
    equity: Records, calendar: Calendar, reference: MetricsReference
) -> Mapping[str, float | None]:
    """Return the metrics by name; None for what is undefined.

    docs/results.md has the formulas.
    """
    last, days = sessions_of(calendar.sessions)
    values = np.ascontiguousarray(equity["value"])[last]
    metrics: dict[str, float | None] = dict.fromkeys(EXTENDED)
    # Returns of an account that has lost everything, or is in debt, mean nothing.
    if len(values) < 2 or not (values > 0.0).all() or not np.isfinite(values).all():
        return metrics
    returns = values[1:] / values[:-1] - 1.0
    metrics |= _shape(returns)
    metrics |= _drawdowns(values, days, reference.cash)
    held = benchmark_values(reference.bars, calendar.sessions[last])
    if held is not None:
        others = held[1:] / held[:-1] - 1.0
        rate = reference.risk_free_rate / calendar.periods_per_year
        metrics |= relative_metrics(returns, others, rate, calendar.periods_per_year)
    return {name: _defined(value) for name, value in metrics.items()}


def benchmark_values(bars: Sequence[Bars], sessions: Days) -> Floats | None:
    """Return the value of equal parts of symbols, each bought at its first close, by session.

    A part is cash until its symbol has a close, and stays as it was after the last one. None if no
    symbol has bars.
    """
    parts = [_growth(symbol, sessions) for symbol in bars if symbol.tradable[symbol.warmup :].any()]
    if not parts:
        return None
    total = parts[0]
    # Added one by one, without a table of all symbols.
    for part in parts[1:]:
        total = total + part
    return total / len(parts)


def _growth(bars: Bars, sessions: Days) -> Floats:
    is_open = bars.tradable[bars.warmup :]
    close = bars.close[bars.warmup :][is_open]
    last, days = sessions_of(bars.session[bars.warmup :][is_open])
    # The benchmark may trade on other days. On each session of the account it has its last close.
    place = np.searchsorted(days, sessions.astype("datetime64[D]").astype(np.int64), "right") - 1
    # A part that is still cash has the value that it will have at its first close.
    known: Floats = close[last][np.maximum(place, 0)]
    growth: Floats = known / known[0]
    return growth


def _shape(returns: Floats) -> dict[str, float]:
    off = returns - _mean(returns)
    squares = off * off
    variance = _mean(squares)
    metrics = {"value_at_risk": float(np.percentile(returns, TAIL))}
    if _is_dispersed(variance, returns):
        metrics["skewness"] = _mean(squares * off) / (variance * math.sqrt(variance))
        metrics["kurtosis"] = _mean(squares * squares) / (variance * variance) - 3.0
    return metrics


def _drawdowns(values: Floats, days: NDArray[np.int64], cash: float) -> dict[str, float]:
    peaks = np.maximum(np.maximum.accumulate(values), cash)
    depths = values / peaks - 1.0
    # The days from one session to the next count if the account is below its peak at the latter.
    below = values[1:] < peaks[1:]
    return {
        "ulcer_index": math.sqrt(_mean(depths * depths)),
        "underwater_days": int(np.diff(days)[below].sum()),
    }


def relative_metrics(
    returns: Floats, others: Floats, rate: float, periods: float
) -> dict[str, float]:
    """Return the defined metrics of returns against those of a benchmark.

    Parameters
    ----------
    rate
        The risk-free rate per session.
    periods
        Sessions per year.
    """
    count = len(returns)
    mean, other_mean = _mean(returns), _mean(others)
    off, other_off = returns - mean, others - other_mean
    variance, other_variance = _mean(off * off), _mean(other_off * other_off)
    covariance = _mean(off * other_off)
    metrics = {}
    # A benchmark that does not move explains nothing.
    if _is_dispersed(other_variance, others):
        beta = covariance / other_variance
        metrics["beta"] = beta
        metrics["alpha"] = (mean - rate - beta * (other_mean - rate)) * periods
        if _is_dispersed(variance, returns):
            metrics["correlation"] = covariance / math.sqrt(variance * other_variance)
    if count > 1:
        active = returns - others
        excess = _mean(active)
        off = active - excess
        active_variance = pairwise_sum(off * off) / (count - 1)
        # An account that follows the benchmark differs from it by rounding.
        is_active = _is_dispersed(active_variance, others) or _is_dispersed(
            active_variance, returns
        )
        metrics["tracking_error"] = math.sqrt(active_variance * periods) if is_active else 0.0
        if is_active and _is_dispersed(active_variance, active):
            metrics["information_ratio"] = excess / math.sqrt(active_variance) * math.sqrt(periods)
    return metrics


def _mean(values: Floats) -> float:
    return float(pairwise_sum(values)) / len(values)


def _is_dispersed(variance: float, returns: Floats) -> bool:
    """Return whether a variance is more than rounding."""
    return variance > FLAT * _mean(returns * returns)


def _defined(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
