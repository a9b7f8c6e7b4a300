"""The theme of all figures: colors that the color-blind tell apart, and a layout without ink to
spare.

Colors of text and grid are left to the page, which knows whether it is light or dark.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

__all__ = [
    "BENCHMARK",
    "DIVERGING",
    "GAIN",
    "LOSS",
    "MAX_SYMBOLS",
    "MIDDLE",
    "PALETTE",
    "SCALE",
    "SECOND",
    "SERIES",
    "add_band",
    "add_line",
    "add_signed_histogram",
    "band",
    "blank",
    "money_axis",
    "plain",
    "plotted_values",
    "use_whole_ticks",
]

# Okabe and Ito (2008), those of at least 3:1 on white and on near black.
SERIES = "#0072B2"
SECOND = "#D55E00"
GAIN = "#009E73"
LOSS = "#D55E00"
BENCHMARK = "#808080"

PALETTE = (
    *("#56B4E9", "#E69F00", "#009E73", "#F0E442", "#CC79A7"),
    *("#0072B2", "#D55E00", "#999933", "#882255", "#44AA99"),
)
"""Colors of neighboring areas: Okabe and Ito (2008), then Tol (2021)."""

SCALE = "Cividis"
"""From dark blue to yellow, alike to all eyes (Nuñez, Anderton and Renslow 2018)."""

MIDDLE = "#F2F0EC"
"""Neither good nor bad. The page's script changes it to a dark color on dark pages."""

DIVERGING = ((0.0, LOSS), (0.5, MIDDLE), (1.0, SERIES))

MAX_SYMBOLS = 60
"""Symbols of a map. Of more, the best and the worst half of this number."""

HEIGHT = 320
BINS = 40
MAX_WHOLE_TICKS = 8
MARGIN = {"l": 56, "r": 16, "t": 16, "b": 32}


def blank(height: int = HEIGHT, **layout: Any) -> go.Figure:
    """Return an empty figure in the style of the reports; `layout` overrides it."""
    import plotly.graph_objects as go

    base: dict[str, Any] = {
        # An empty one: plotly would write its default template into every figure.
        "template": go.layout.Template(),
        "height": height,
        "margin": MARGIN,
        # Transparent, so that the page's own color shows, light or dark.
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "hovermode": "x unified",
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1.02,
            "yanchor": "bottom",
            # Otherwise stacked areas would be listed from the last one to the first.
            "traceorder": "normal",
        },
        "font": {"size": 12},
        "dragmode": "zoom",
    }
    # Axes are merged here, because `layout` would replace them as a whole.
    axes = {name: {"automargin": True, **layout.get(name, {})} for name in ("xaxis", "yaxis")}
    if "title" in axes["yaxis"]:
        # Without a distance, plotly writes the title over wide labels.
        axes["yaxis"]["title"] = {"standoff": 8, **axes["yaxis"]["title"]}
    return go.Figure(layout=base | layout | axes)


def band(color: str, opacity: float) -> str:
    """Return a color of the palette, "#rrggbb", with an opacity from 0 to 1."""
    # "#rrggbb".
    red, green, blue = (int(color[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"


def add_line(
    figure: go.Figure,
    series: pd.Series,
    name: str,
    color: str,
    width: float,
    form: str,
    **more: Any,
) -> None:
    """Draw a series over its index; `form` is the format of its values."""
    figure.add_scatter(
        x=plotted_values(figure, series.index),
        y=series.to_numpy(),
        name=name,
        line={"color": color, "width": width},
        hovertemplate=f"%{{y:{form}}}",
        **more,
    )


def plotted_values(figure: go.Figure, values: Any) -> Any:
    """Return what is drawn along the horizontal axis: times as milliseconds, which take a third of
    the space of texts in a page."""
    dates = np.asarray(values)
    if dates.dtype.kind != "M":
        return values
    # plotly would take milliseconds for plain numbers.
    figure.update_xaxes(type="date")
    return dates.astype("datetime64[ms]").astype(np.float64)


def add_band(
    figure: go.Figure, x: object, low: pd.Series, high: pd.Series, name: str, opacity: float
) -> None:
    """Fill what is between two series."""
    # The lower edge is an invisible line, and the upper one fills down to the trace before it.
    style: dict[str, Any] = {"line": {"color": band(SERIES, 0.0), "width": 0}, "hoverinfo": "skip"}
    x = plotted_values(figure, x)
    figure.add_scatter(x=x, y=low, showlegend=False, **style)
    figure.add_scatter(
        x=x, y=high, fill="tonexty", fillcolor=band(SERIES, opacity), name=name, **style
    )


def add_signed_histogram(
    figure: go.Figure, values: pd.Series, names: tuple[str, str], colors: tuple[str, str]
) -> None:
    """Count the values up to 0 and those above it; `names` and `colors` are in this order."""
    if not len(values):
        return
    low, high = float(values.min()), float(values.max())
    # Bins meet at 0, so that none holds values of both signs.
    # The smallest positive float is for values that are all equal.
    size = max((high - low) / BINS, float(np.finfo(float).tiny))
    # A whole number of bins below 0. One more than needed, because a value on an edge belongs to
    # the bin above it.
    start = -size * (int(max(-low, 0.0) / size) + 1)
    bins = {"start": start, "end": high + size, "size": size}
    # The largest count that a bar can have, from the same bins as plotly's.
    use_whole_ticks(figure, int(np.unique((values - start) // size, return_counts=True)[1].max()))
    parts = (values[values <= 0], values[values > 0])
    for name, part, color in zip(names, parts, colors, strict=True):
        figure.add_histogram(
            x=part.to_numpy(), name=f"{name} ({len(part):,})", xbins=bins, marker={"color": color}
        )


def use_whole_ticks(figure: go.Figure, most: int) -> None:
    """Have whole numbers beside counts up to `most`, for which plotly would choose fractions."""
    if most <= MAX_WHOLE_TICKS:
        figure.update_yaxes(dtick=1)


def money_axis(title: str) -> Mapping[str, Any]:
    """Return a vertical axis of money, on which a billion is B, and not G as in physical units."""
    return {"title": {"text": title}, "exponentformat": "B", "zeroline": False}


def plain(text: object) -> str:
    """Return a foreign name such that plotly shows it letter by letter.

    plotly interprets some HTML, and `%{...}` in templates.
    """
    # `&` is the first, so that the other escapes are not escaped again.
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace("%", "&#37;")
