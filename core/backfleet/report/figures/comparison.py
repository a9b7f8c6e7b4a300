"""Figures of two runs side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from backfleet.report.figures.theme import (
    BENCHMARK,
    GAIN,
    LOSS,
    SECOND,
    SERIES,
    add_line,
    add_signed_histogram,
    band,
    blank,
    plain,
)
from backfleet.report.metric_labels import MetricLabel

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

__all__ = ["curves_figure", "difference_figure", "scatter_figure"]


def scatter_figure(pairs: pd.DataFrame, metric: str, names: tuple[str, str]) -> go.Figure:
    """Draw a metric of the tasks that both runs have: the first run across, the second upwards.

    Parameters
    ----------
    pairs
        Columns a and b, and label, which names the task.
    """
    figure = blank(
        380,
        hovermode="closest",
        showlegend=False,
        xaxis={"title": {"text": plain(f"{metric}, {names[0]}")}, "tickformat": ".3~g"},
        yaxis={"title": {"text": plain(f"{metric}, {names[1]}")}, "tickformat": ".3~g"},
    )
    low = float(min(pairs["a"].min(), pairs["b"].min()))
    high = float(max(pairs["a"].max(), pairs["b"].max()))
    figure.add_scatter(
        x=[low, high],
        y=[low, high],
        mode="lines",
        line={"color": BENCHMARK, "width": 1, "dash": "dot"},
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=pairs["a"],
        y=pairs["b"],
        mode="markers",
        marker={"color": band(SERIES, 0.6), "size": 7},
        customdata=pairs["label"].map(plain),
        hovertemplate="%{customdata}<br>%{x:.4~g} and %{y:.4~g}<extra></extra>",
    )
    return figure


def difference_figure(steps: pd.Series, words: MetricLabel) -> go.Figure:
    """Draw a histogram of the differences of a metric, the second run minus the first."""
    figure = blank(
        380,
        barmode="stack",
        bargap=0.05,
        hovermode="closest",
        xaxis={"title": {"text": plain(f"{words.name}, B − A")}, "tickformat": ".3~g"},
        yaxis={"title": {"text": "tasks"}, "tickformat": "d"},
    )
    # Differences are B minus A: if less of the metric is better, a negative one is a gain.
    below, above = ("worse", "better") if words.better > 0 else ("better", "worse")
    names = (below, above) if words.better else ("lower", "higher")
    colors = (LOSS, GAIN) if words.better >= 0 else (GAIN, LOSS)
    # Equal tasks would only make one high bar; the page counts them in words.
    add_signed_histogram(figure, steps[steps != 0], names, colors)
    return figure


def curves_figure(curves: Sequence[tuple[str, pd.Series]]) -> go.Figure:
    """Draw curves of account value / cash, each with its name."""
    figure = blank(yaxis={"title": {"text": "account value / cash"}, "tickformat": ".2~f"})
    for (name, curve), color in zip(curves, (SERIES, SECOND), strict=False):
        add_line(figure, curve, plain(name), color, 1.7, ".3f")
    return figure
