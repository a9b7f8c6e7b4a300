"""Figures of a portfolio task: what it held, how much it was invested, and how much it traded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backfleet.report.figures.theme import BENCHMARK, PALETTE, SERIES, add_line, blank, plain

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

__all__ = ["exposure_figure", "holdings_figure", "turnover_figure"]

PERCENT = ".0%"


def holdings_figure(weights: pd.DataFrame, others: str) -> go.Figure:
    """Draw the weights of symbols as stacked areas.

    Parameters
    ----------
    weights
        Value held / account value, by symbol, indexed by local time.
    others
        The column of the symbols that share an area.
    """
    figure = blank(
        360, yaxis={"title": {"text": "value held / account value"}, "tickformat": PERCENT}
    )
    for number, name in enumerate(weights):
        color = BENCHMARK if name == others else PALETTE[number % len(PALETTE)]
        # Areas of one group must have one sign: short positions stack below 0.
        for sign, part in ((1, weights[name].clip(lower=0)), (-1, weights[name].clip(upper=0))):
            # Most symbols are never short.
            if sign < 0 and not part.any():
                continue
            add_line(
                figure, part, plain(name), color, 0.5, ".1%",
                stackgroup="long" if sign > 0 else "short",
                # One entry of the legend shows and hides both areas of a symbol.
                legendgroup=str(number),
                showlegend=sign > 0,
            )  # fmt: skip
    return figure


def exposure_figure(exposure: pd.Series) -> go.Figure:
    """Draw the gross value of all positions over the account value."""
    figure = blank(
        220,
        yaxis={"title": {"text": "exposure"}, "tickformat": PERCENT, "rangemode": "tozero"},
        showlegend=False,
    )
    add_line(figure, exposure, "exposure", SERIES, 1.2, ".1%")
    return figure


def turnover_figure(turnover: pd.Series) -> go.Figure:
    """Draw the turnover of each month."""
    figure = blank(
        220,
        yaxis={"title": {"text": "turnover of a month"}, "tickformat": PERCENT},
        showlegend=False,
    )
    figure.add_bar(
        x=turnover.index,
        y=turnover.to_numpy(),
        marker={"color": SERIES},
        hovertemplate="%{x|%b %Y}: %{y:.1%}<extra></extra>",
    )
    return figure
