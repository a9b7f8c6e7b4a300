"""Figures of what a task traded: entries and exits in the price, and the results of its trades."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backfleet.report.figures.theme import (
    GAIN,
    LOSS,
    SECOND,
    SERIES,
    add_band,
    add_line,
    add_signed_histogram,
    blank,
    plain,
)

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

__all__ = ["price_figure", "trade_results_figure"]


def price_figure(bars: pd.DataFrame, fills: pd.DataFrame, symbol: str) -> go.Figure:
    """The closes of a symbol, the range of each bar, and where fills bought and sold.

    Parameters
    ----------
    bars
        Columns high, low, close, indexed by local time: adjusted prices, as the strategy saw them.
    fills
        Columns time (local), size (signed), price.
    """
    figure = blank(
        380, yaxis={"title": {"text": f"{plain(symbol)}, adjusted price"}, "tickformat": ",.4~g"}
    )
    add_band(figure, bars.index, bars["low"], bars["high"], "low to high", 0.15)
    add_line(figure, bars["close"], "close", SERIES, 1.2, ",.4~g")
    _add_fills(figure, fills[fills["size"] > 0], "bought", "triangle-up", GAIN)
    _add_fills(figure, fills[fills["size"] < 0], "sold", "triangle-down", SECOND)
    return figure


def _add_fills(figure: go.Figure, fills: pd.DataFrame, name: str, mark: str, color: str) -> None:
    figure.add_scatter(
        x=fills["time"],
        y=fills["price"],
        name=f"{name} ({len(fills):,})",
        mode="markers",
        marker={"symbol": mark, "size": 9, "color": color, "line": {"width": 1, "color": "#fff"}},
        customdata=fills["size"].abs(),
        hovertemplate="%{customdata:,.6~g} at %{y:,.4~f}",
    )


def trade_results_figure(results: pd.Series) -> go.Figure:
    """How many closed trades ended with which net result, as a fraction of what they cost."""
    figure = blank(
        260,
        barmode="stack",
        bargap=0.05,
        hovermode="closest",
        xaxis={"title": {"text": "net result of a trade (% of its entry)"}, "tickformat": ".1%"},
        yaxis={"title": {"text": "trades"}, "tickformat": "d"},
    )
    add_signed_histogram(figure, results, ("loss", "profit"), (LOSS, GAIN))
    return figure
