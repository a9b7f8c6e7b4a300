"""The table of a task's account against its benchmark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backfleet.metrics.extended import relative_metrics
from backfleet.metrics.growth import annual_growth
from backfleet.report.metric_labels import format_value, metric_label
from backfleet.report.task_account import TaskAccount

__all__ = ["ComparedMetric", "compare_accounts", "measure_benchmark"]

COMPARED = ("total_return", "cagr", "volatility", "sharpe", "max_drawdown")
RELATIVE = {
    "alpha": ("Alpha per year", "{:z.2%}"),
    "beta": ("Beta", "{:z.3f}"),
    "correlation": ("Correlation", "{:z.3f}"),
    "tracking_error": ("Tracking error per year", "{:z.2%}"),
    "information_ratio": ("Information ratio", "{:z.3f}"),
}
"""Label and form of the metrics of an account against its benchmark."""


@dataclass(frozen=True)
class ComparedMetric:
    """A metric as texts; `benchmark` is empty for a metric of the account against it."""

    name: str
    label: str
    account: str
    benchmark: str = ""


def compare_accounts(
    row: Mapping[str, Any], account: TaskAccount, benchmark: TaskAccount, risk_free_rate: float
) -> Sequence[ComparedMetric]:
    """Return the metrics of an account and of its benchmark, then those of one against the other.

    Parameters
    ----------
    row
        The task's row, which has the metrics of the account.
    risk_free_rate
        Per year, as a fraction.
    """
    held = measure_benchmark(benchmark, risk_free_rate)
    rows = [
        ComparedMetric(
            name,
            metric_label(name).label,
            format_value(name, row[name]),
            format_value(name, held[name]),
        )
        for name in COMPARED
    ]
    own, others = (series.returns.to_numpy(np.float64) for series in (account, benchmark))
    # An account that fell to 0 has no finite returns from then on.
    if len(own) > 1 and np.isfinite(own).all() and np.isfinite(others).all():
        rate = risk_free_rate / account.periods_per_year
        values = relative_metrics(own, others, rate, account.periods_per_year)
        rows += [
            ComparedMetric(name, label, form.format(values[name]))
            for name, (label, form) in RELATIVE.items()
            if name in values
        ]
    return rows


def measure_benchmark(benchmark: TaskAccount, risk_free_rate: float) -> Mapping[str, float | None]:
    """Return the metrics in `COMPARED` of an account that has no row, None if undefined."""
    closes, returns = benchmark.by_session, benchmark.returns.to_numpy(np.float64)
    days = int((closes.index[-1] - closes.index[0]).days)
    growth = float(closes.iloc[-1]) / benchmark.cash
    year = benchmark.periods_per_year
    # The formulas of the results. The benchmark has no row, so they are computed here.
    spread = float(returns.std(ddof=1)) if len(returns) > 1 else None
    sharpe = None
    # A constant account has no Sharpe ratio.
    if spread:
        sharpe = (float(returns.mean()) - risk_free_rate / year) / spread * year**0.5
    return {
        "total_return": growth - 1.0,
        "cagr": annual_growth(growth, days) if days and growth > 0.0 else None,
        "volatility": None if spread is None else spread * year**0.5,
        "sharpe": sharpe,
        "max_drawdown": float(benchmark.drawdown.min()),
    }
