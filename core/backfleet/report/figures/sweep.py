"""Figures of a sweep: maps over parameters, all tasks side by side, spreads, all equity curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backfleet.report.figures.theme import (
    BENCHMARK,
    DIVERGING,
    MAX_SYMBOLS,
    SCALE,
    SECOND,
    SERIES,
    add_band,
    add_line,
    band,
    blank,
    plain,
)

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

__all__ = [
    "equity_fan_figure",
    "parameter_map",
    "sensitivity_figure",
    "spread_figure",
    "symbol_spread",
]

Floats = NDArray[np.float64]

FAN = ((0.05, 0.95, 0.12), (0.25, 0.75, 0.25))
"""Lower and upper quantile of a band, and its opacity."""

MAX_WRITTEN_CELLS = 150
"""A map of no more cells than these has its numbers written in."""

ROW_PIXELS = 16
MIN_MAP_PIXELS = 400


def parameter_map(rows: pd.DataFrame, x: str, y: str, metric: str) -> go.Figure:
    """Draw the mean of `metric` over all rows of each pair of values of two columns.

    The script of the page draws the same for other columns and statistics.
    """
    # One cell per pair of values; NaN if no task with a value has the pair.
    table = rows.pivot_table(metric, index=y, columns=x, aggfunc="mean", sort=True)
    if y == "symbol":
        table = _both_ends(table, rows, metric)
    elif x == "symbol":
        table = _both_ends(table.T, rows, metric).T
    figure = blank(
        max(MIN_MAP_PIXELS, ROW_PIXELS * len(table) + 100),
        hovermode="closest",
        # Categories give all cells one size, also if the values of a sweep are logarithmic.
        xaxis={"title": {"text": plain(x)}, "type": "category"},
        yaxis={"title": {"text": plain(y)}, "type": "category"},
    )
    values = table.to_numpy()
    figure.add_heatmap(
        x=[plain(value) for value in table.columns],
        y=[plain(value) for value in table.index],
        z=values,
        **_colors(values),
        texttemplate="%{z:.3~g}" if table.size <= MAX_WRITTEN_CELLS else "",
        xgap=1,
        ygap=1,
        colorbar={"title": {"text": plain(metric)}, "thickness": 12, "outlinewidth": 0},
        hovertemplate=f"{plain(x)} %{{x}}<br>{plain(y)} %{{y}}<br>{plain(metric)} %{{z:.4~g}}"
        "<extra></extra>",
    )
    return figure


def _both_ends(table: pd.DataFrame, rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return the symbols of a table with the largest and the smallest mean, if it has many."""
    if len(table) <= MAX_SYMBOLS:
        return table
    means = rows.groupby("symbol", observed=True)[metric].mean().sort_values(kind="stable")
    half = MAX_SYMBOLS // 2
    # The lowest ones are at the bottom, as the axis goes upwards.
    return table.loc[[*means.index[:half], *means.index[-half:]]]


def _colors(values: Floats) -> Mapping[str, Any]:
    """Return a scale that diverges from 0 if there are values on both sides of it."""
    low, high = np.nanmin(values), np.nanmax(values)
    if low < 0.0 < high:
        # The same reach on both sides, so that 0 has the middle color.
        reach = float(max(-low, high))
        return {"colorscale": DIVERGING, "zmid": 0.0, "zmin": -reach, "zmax": reach}
    return {"colorscale": SCALE, "zmin": float(low), "zmax": float(high)}


def sensitivity_figure(marginal: pd.DataFrame, parameter: str, metric: str) -> go.Figure:
    """Draw a metric over the values of one parameter.

    Parameters
    ----------
    marginal
        Indexed by the parameter's values: the quartiles low, middle and high over all points with
        that value, and `best`, the point that differs from the best one in this parameter only;
        NaN where there is no such point.
    """
    figure = blank(
        260,
        xaxis={"title": {"text": plain(parameter)}},
        yaxis={"title": {"text": plain(metric)}, "tickformat": ".3~g"},
    )
    values = _axis_values(marginal.index)
    add_band(figure, values, marginal["low"], marginal["high"], "middle 50% of the points", 0.18)
    figure.add_scatter(
        x=values,
        y=marginal["middle"],
        name="median",
        line={"color": SERIES, "width": 1.6},
        hovertemplate="%{y:.4~g}",
    )
    figure.add_scatter(
        x=values,
        y=marginal["best"],
        name="other parameters fixed at the best point",
        mode="lines+markers",
        # The slice has no point at values that only other points have.
        connectgaps=True,
        line={"color": SECOND, "width": 1.4, "dash": "dot"},
        marker={"size": 6},
        hovertemplate="%{y:.4~g}",
    )
    return figure


def _axis_values(index: pd.Index) -> Sequence[Any]:
    return list(index) if index.dtype.kind in "iuf" else [plain(value) for value in index]


def symbol_spread(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return the quartiles and extremes of a metric by symbol, as `spread_figure` takes them."""
    quartiles = rows.groupby("symbol", observed=True)[metric].quantile(np.linspace(0.0, 1.0, 5))
    frame: pd.DataFrame = quartiles.unstack()
    return frame.set_axis(["least", "low", "middle", "high", "most"], axis="columns")


def spread_figure(spread: pd.DataFrame, metric: str) -> go.Figure:
    """Draw a box plot per symbol, or points if no symbol has more than one value.

    Parameters
    ----------
    spread
        Indexed by symbol: the columns least, low, middle, high, most are quartiles and extremes.
    """
    figure = blank(
        max(220, 26 * len(spread) + 90),
        hovermode="closest",
        showlegend=False,
        xaxis={"title": {"text": plain(metric)}, "tickformat": ".3~g"},
        yaxis={"type": "category", "automargin": True},
    )
    # With one task per symbol, boxes would be lines without width.
    if (spread["least"] == spread["most"]).all():
        figure.add_scatter(
            x=spread["middle"],
            y=[plain(symbol) for symbol in spread.index],
            mode="markers",
            marker={"color": SERIES, "size": 9},
            hovertemplate="%{y}: %{x:.4~g}<extra></extra>",
        )
        return figure
    figure.add_box(
        y=[plain(symbol) for symbol in spread.index],
        # Quartiles instead of values: the page would otherwise hold the values of all tasks once
        # more.
        q1=spread["low"],
        median=spread["middle"],
        q3=spread["high"],
        lowerfence=spread["least"],
        upperfence=spread["most"],
        orientation="h",
        line={"color": SERIES, "width": 1.4},
        fillcolor=band(SERIES, 0.2),
    )
    return figure


def equity_fan_figure(fan: pd.DataFrame) -> go.Figure:
    """Draw all equity curves as bands.

    Parameters
    ----------
    fan
        Indexed by time: account value over initial cash, in columns named by quantile (0.05, 0.25,
        0.5, 0.75, 0.95) and `best`, the curve of the leading task.
    """
    figure = blank(360, yaxis={"title": {"text": "account value / cash"}, "tickformat": ".2~f"})
    for low, high, opacity in FAN:
        name = f"{high - low:.0%} of the tasks"
        add_band(figure, fan.index, fan[low], fan[high], name, opacity)
    for name, column, color, width in (
        ("median", 0.5, SERIES, 1.8),
        ("best task", "best", SECOND, 1.4),
    ):
        # The best task can have no equity curve.
        if column in fan:
            add_line(figure, fan[column], name, color, width, ".3f")
    figure.add_hline(y=1.0, line={"color": BENCHMARK, "width": 1, "dash": "dot"})
    return figure
