"""Figures of one account: its value beside the benchmark, its drawdown, its rolling Sharpe."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from backfleet.report.figures.theme import (
    BENCHMARK,
    LOSS,
    SERIES,
    add_line,
    band,
    blank,
    money_axis,
    plain,
)

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

__all__ = [
    "account_figure",
    "drawdown_figure",
    "rolling_sharpe",
    "rolling_sharpe_figure",
    "yearly_figure",
]

PERCENT = ".0%"


def account_figure(value: pd.Series, benchmark: pd.Series | None = None) -> go.Figure:
    """Draw account value over time, in the currency of the prices.

    Parameters
    ----------
    value
        The account's value after each bar, indexed by local time.
    benchmark
        That of the benchmark, starting with the same cash; the legend shows the series' name.
    """
    figure = blank(yaxis=money_axis("account value"))
    add_line(figure, value, "strategy", SERIES, 1.8, ",.2f")
    if benchmark is not None:
        add_line(figure, benchmark, plain(benchmark.name), BENCHMARK, 1.3, ",.2f")
    return figure


def drawdown_figure(drawdown: pd.Series) -> go.Figure:
    """Draw the drawdown from the running maximum of the account: a fraction, 0 or less."""
    figure = blank(
        220,
        yaxis={"title": {"text": "drawdown (%)"}, "tickformat": PERCENT, "zeroline": False},
        showlegend=False,
    )
    area = {"fill": "tozeroy", "fillcolor": band(LOSS, 0.18)}
    add_line(figure, drawdown, "drawdown", LOSS, 1.2, ".2%", **area)
    return figure


def rolling_sharpe(returns: pd.Series, periods_per_year: float, window: int) -> pd.Series:
    """Return mean(r) / standard deviation(r) * sqrt(p) over the last `window` sessions.

    The returns are those beyond the risk-free rate.
    """
    rolling = returns.rolling(window)
    # Where the account does not move, the ratio is undefined and not infinite.
    spread = rolling.std().replace(0.0, np.nan)
    sharpe: pd.Series = rolling.mean() / spread * np.sqrt(periods_per_year)
    return sharpe


def rolling_sharpe_figure(sharpe: pd.Series, window: int) -> go.Figure:
    """Draw the annual Sharpe ratio of the last sessions up to each one."""
    figure = blank(
        220,
        yaxis={"title": {"text": f"Sharpe, {window} sessions"}, "tickformat": ".2~f"},
        showlegend=False,
    )
    add_line(figure, sharpe, "rolling Sharpe", SERIES, 1.5, ".2f")
    return figure


def yearly_figure(years: pd.Series, benchmark: pd.Series | None = None) -> go.Figure:
    """Draw the returns by calendar year as bars.

    Parameters
    ----------
    years
        Indexed by year, as fractions.
    benchmark
        Those of the benchmark; the legend shows the series' name.
    """
    figure = blank(
        260,
        barmode="group",
        # plotly would take years for numbers, and write ticks between them.
        xaxis={"type": "category"},
        yaxis={"title": {"text": "return of a year"}, "tickformat": PERCENT},
    )
    bars = [("strategy", years, SERIES)]
    if benchmark is not None:
        bars.append((plain(benchmark.name), benchmark, BENCHMARK))
    for name, returns, color in bars:
        figure.add_bar(
            x=[str(year) for year in returns.index],
            y=returns.to_numpy(),
            name=name,
            marker={"color": color},
            hovertemplate="%{y:.2%}",
        )
    return figure
