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
    plotted_values,
)

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

__all__ = ["excursion_figure", "price_figure", "trade_results_figure"]


def price_figure(bars: pd.DataFrame, fills: pd.DataFrame, symbol: str) -> go.Figure:
    """Draw the closes of a symbol, the range of each bar, and the fills.

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
    # Behind all others in the list of traces, so that markers are drawn over the lines.
    _add_fills(figure, fills[fills["size"] > 0], "bought", "triangle-up", GAIN)
    _add_fills(figure, fills[fills["size"] < 0], "sold", "triangle-down", SECOND)
    return figure


def _add_fills(figure: go.Figure, fills: pd.DataFrame, name: str, mark: str, color: str) -> None:
    figure.add_scatter(
        x=plotted_values(figure, fills["time"]),
        y=fills["price"],
        name=f"{name} ({len(fills):,})",
        mode="markers",
        marker={"symbol": mark, "size": 9, "color": color, "line": {"width": 1, "color": "#fff"}},
        customdata=fills["size"].abs(),
        hovertemplate="%{customdata:,.6~g} at %{y:,.4~f}",
    )


def trade_results_figure(results: pd.Series) -> go.Figure:
    """Draw the distribution of the net results of closed trades, as fractions of their cost."""
    figure = blank(
        260,
        barmode="stack",
        bargap=0.05,
        hovermode="closest",
        xaxis={"title": {"text": "net result of a trade (% of its entry)"}, "tickformat": ".1%"},
        yaxis={"title": {"text": "trades"}, "tickformat": "d"},
    )
    # A trade without profit counts as a loss.
    add_signed_histogram(figure, results, ("loss", "profit"), (LOSS, GAIN))
    return figure


def excursion_figure(trades: pd.DataFrame, column: str, title: str) -> go.Figure:
    """Draw an excursion of each closed trade across and its return upwards.

    Parameters
    ----------
    trades
        Columns number, return and `column`, which is mae or mfe.
    """
    figure = blank(
        300,
        hovermode="closest",
        xaxis={"title": {"text": title}, "tickformat": ".1%"},
        yaxis={"title": {"text": "return"}, "tickformat": ".1%"},
    )
    for name, part, color in (
        # As in the histogram of results, 0 is a loss.
        ("loss", trades[trades["return"] <= 0], LOSS),
        ("profit", trades[trades["return"] > 0], GAIN),
    ):
        figure.add_scatter(
            x=part[column],
            y=part["return"],
            name=f"{name} ({len(part):,})",
            mode="markers",
            marker={"color": color, "size": 7, "opacity": 0.7},
            customdata=part["number"],
            hovertemplate="trade %{customdata}: %{x:.2%}, return %{y:.2%}<extra></extra>",
        )
    return figure
