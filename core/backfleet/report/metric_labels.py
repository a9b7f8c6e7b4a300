"""The label, number format and formula of each column of a report."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

from backfleet.summary import Metrics

__all__ = ["MetricLabel", "format_value", "metric_label", "notation"]

Form = Literal["money", "percent", "ratio", "count", "number", "text"]

_KNOWN: dict[str, tuple[str, Form, int]] = {
    "final_value": ("Final value", "money", 1),
    "total_return": ("Total return", "percent", 1),
    "cagr": ("CAGR", "percent", 1),
    "volatility": ("Volatility", "percent", -1),
    "sharpe": ("Sharpe", "ratio", 1),
    "sortino": ("Sortino", "ratio", 1),
    "max_drawdown": ("Max drawdown", "percent", 1),
    "max_drawdown_days": ("Max drawdown duration", "count", -1),
    "calmar": ("Calmar", "ratio", 1),
    "exposure": ("Exposure", "percent", 0),
    "time_in_market": ("Time in market", "percent", 0),
    "turnover": ("Turnover", "ratio", 0),
    "trades": ("Trades", "count", 0),
    "win_rate": ("Win rate", "percent", 1),
    "profit_factor": ("Profit factor", "ratio", 1),
    "expectancy": ("Expectancy", "money", 1),
    "fees": ("Fees", "money", -1),
    "orders_completed": ("Orders completed", "count", 0),
    "orders_rejected": ("Rejected", "count", -1),
    "orders_margin": ("Rejected: insufficient cash", "count", -1),
    "orders_canceled": ("Orders canceled", "count", 0),
    "orders_expired": ("Orders expired", "count", 0),
    "orders_open": ("Orders open", "count", 0),
}
"""Label, form, and whether more is better (1), less is (-1), or neither (0)."""

_NAMES = re.compile(r"[a-z_]+(, [a-z_]+)*")


@dataclass(frozen=True)
class MetricLabel:
    """A column in words.

    Attributes
    ----------
    form
        How its numbers are written; a percent is stored as a fraction.
    better
        1 where more is better, -1 where less is, 0 where neither is.
    formula
        As `backfleet.metrics.Metrics` documents it; empty for other columns.
    """

    name: str
    label: str
    form: Form
    better: int
    formula: str

    @property
    def direction(self) -> int:
        """Which values a ranking puts first: 1 for the largest, -1 for the least."""
        return self.better or 1


@cache
def metric_label(name: str) -> MetricLabel:
    """Return the label of a metric, or of any other column of numbers, which keeps its name."""
    # More of an unknown number, such as one that a strategy reports, counts as better.
    label, form, better = _KNOWN.get(name, (name, "number", 1))
    return MetricLabel(name, label, form, better, _formulas().get(name, ""))


def format_value(name: str, value: float | int | None) -> str:
    """Return a number as the page's tables write it, or a dash if it is undefined."""
    # NaN comes from pandas, None from a row.
    if value is None or value != value:
        return "–"
    form = metric_label(name).form
    # The `z` of a format writes a small loss that rounds to -0.00 as 0.00.
    if form == "percent":
        return f"{value:z,.2%}"
    if form == "count":
        return f"{value:z,.0f}"
    if form == "money":
        return f"{value:z,.2f}"
    return f"{value:z,.3f}" if form == "ratio" else f"{value:z,.6g}"


@cache
def notation() -> str:
    """Return the meanings of the letters in the formulas."""
    parts = (inspect.getdoc(Metrics) or "").split("\n\n")
    return " ".join(parts[1].split()) if len(parts) > 1 else ""


@cache
def _formulas() -> dict[str, str]:
    """Return the formulas in the section `Attributes` of the docstring of `Metrics`, by name."""
    # The docstring is the only place of the formulas. A line without indentation names metrics, and
    # the indented lines below it are their formula.
    _, _, section = (inspect.getdoc(Metrics) or "").partition("Attributes\n----------\n")
    formulas: dict[str, list[str]] = {}
    names: list[str] = []
    for line in section.split("\n"):
        if _NAMES.fullmatch(line):
            names = line.split(", ")
        for name in names if line.startswith(" ") else ():
            formulas.setdefault(name, []).append(line.strip())
    return {name: " ".join(lines) for name, lines in formulas.items()}
