"""Figures of walk-forward: the stitched account, the chosen values, the paths of groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from backfleet.report.figures.theme import (
    BENCHMARK,
    SECOND,
    SERIES,
    add_line,
    band,
    blank,
    plain,
)

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

__all__ = ["chosen_figure", "paths_figure", "stitched_figure"]

Span = tuple[np.datetime64, np.datetime64]

STYLES = ((SERIES, 1.8), (SECOND, 1.4), (BENCHMARK, 1.3))
SHADE = 0.10
# Every rectangle is an element of the page, and the browser draws each of them.
MAX_SHADED = 100


def stitched_figure(accounts: Sequence[pd.Series], tests: Sequence[Span]) -> go.Figure:
    """Draw accounts over the test windows, from 1 at the start; every other window is shaded."""
    figure = blank(360, yaxis={"title": {"text": "value, 1 at the start"}, "tickformat": ".2~f"})
    # Every other window, so that the borders of all windows show.
    for first, last in list(tests)[: 2 * MAX_SHADED : 2]:
        figure.add_vrect(
            x0=str(first),
            x1=str(last),
            fillcolor=band(BENCHMARK, SHADE),
            line_width=0,
            layer="below",
        )
    # Not strict: the benchmark or the account in hindsight may be missing.
    for account, (color, width) in zip(accounts, STYLES, strict=False):
        add_line(figure, account, plain(account.name), color, width, ".3f")
    figure.add_hline(y=1.0, line={"color": BENCHMARK, "width": 1, "dash": "dot"})
    return figure


def chosen_figure(folds: pd.DataFrame, parameter: str) -> go.Figure:
    """Draw the value of a parameter that each fold chooses; folds that hold cash have none."""
    figure = blank(
        220,
        showlegend=False,
        xaxis={"title": {"text": "fold"}, "dtick": 1 if len(folds) <= 20 else None},
        yaxis={"title": {"text": plain(parameter.removeprefix("param_"))}},
    )
    figure.add_scatter(
        x=folds["fold"],
        # None interrupts the line, where NaN cannot be written as JSON.
        y=[None if value is None or value != value else value for value in folds[parameter]],
        mode="lines+markers",
        # Steps: a value holds for the whole fold.
        line={"color": SERIES, "width": 1.5, "shape": "hv"},
        hovertemplate="%{y}<extra></extra>",
    )
    return figure


def paths_figure(sharpe: NDArray[np.float64]) -> go.Figure:
    """Draw a histogram of the paths' annual Sharpe ratios."""
    figure = blank(
        240,
        showlegend=False,
        hovermode="closest",
        xaxis={"title": {"text": "Sharpe of a path"}},
        yaxis={"title": {"text": "paths"}},
        bargap=0.05,
    )
    figure.add_histogram(
        x=sharpe[~np.isnan(sharpe)],
        marker={"color": SERIES},
        hovertemplate="%{x}: %{y}<extra></extra>",
    )
    return figure
