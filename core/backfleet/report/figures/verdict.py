"""Figures of a verdict: the points beside luck, the choice of a point, and intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backfleet.report.figures.theme import (
    BENCHMARK,
    SECOND,
    SERIES,
    band,
    blank,
    plain,
    use_whole_ticks,
)
from backfleet.validation.luck import maximum_quantile

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["Bar", "LuckCurve", "interval_figure", "luck_figure", "rank_figure", "winner_figure"]

Floats = NDArray[np.float64]

BINS = 40
RANK_BINS = 20
CURVE_POINTS = 240
BESTS = 200
MAX_MARKERS = 1_500


@dataclass(frozen=True)
class LuckCurve:
    """The best of trials without skill, with annual Sharpe ratios.

    Attributes
    ----------
    trials
        Number of trials.
    mean
        Expected best.
    spread, shared
        Standard deviation across the trials, and of the luck that they have in common.
    needed
        The Sharpe ratio that stands out from luck; it may be infinite.
    """

    trials: float
    mean: float
    spread: float
    shared: float
    needed: float

    def density(self, x: Floats) -> Floats:
        """Return the density of the best."""
        # Equally likely values of the best of trials that have nothing in common, each spread out
        # by what they do have in common.
        shares = ((np.arange(BESTS) + 0.5) / BESTS).tolist()
        bests = np.array([maximum_quantile(self.trials, share) for share in shares])
        # Without anything in common, the curve would consist of 200 peaks.
        width = max(self.shared, 0.1 * self.spread)
        density: Floats = _normal(x[:, None] - self.spread * bests, width).mean(axis=1)
        return density

    def density_of_one(self, x: Floats) -> Floats:
        """Return the density of one trial."""
        return _normal(x, math.hypot(self.spread, self.shared))


def _normal(x: Floats, deviation: float) -> Floats:
    z = x / deviation
    return np.exp(-0.5 * z * z) / (deviation * math.sqrt(2.0 * math.pi))


def luck_figure(sharpe: Floats, best: float, luck: LuckCurve, noun: str) -> go.Figure:
    """Draw a histogram of the trials' Sharpe ratios, with the curve of luck's best.

    Parameters
    ----------
    sharpe
        Annual Sharpe ratios of the trials that traded.
    best
        That of the best.
    luck
        The best without skill.
    noun
        Plural of what was tried.
    """
    # Twice the square root of the number of trials, within limits: with more bins, the bars of few
    # trials would be ragged.
    counts, edges = np.histogram(sharpe, min(BINS, max(8, round(2 * math.sqrt(len(sharpe))))))
    width = float(edges[1] - edges[0])
    # Both curves fit into the figure, and the ratio that would stand out.
    reach = max(
        4.0 * luck.spread,
        luck.mean + 3.0 * luck.shared,
        luck.needed if math.isfinite(luck.needed) else 0.0,
    )
    # Two bars more, so that the mark of the best does not lie on the frame.
    ends = (min(float(edges[0]), -reach), max(float(edges[-1]), reach) + 2.0 * width)
    x = np.linspace(*ends, CURVE_POINTS)
    top = float(counts.max())
    density = luck.density(x)
    figure = blank(
        360,
        hovermode="closest",
        bargap=0.04,
        xaxis={"title": {"text": "Sharpe ratio per year"}, "tickformat": ".3~g"},
        yaxis={"title": {"text": plain(noun)}, "rangemode": "tozero"},
    )
    use_whole_ticks(figure, int(top))
    figure.add_bar(
        x=(edges[:-1] + edges[1:]) / 2.0,
        y=counts,
        width=width,
        name=plain(noun),
        marker={"color": band(SERIES, 0.55)},
        hovertemplate="%{y:,} at %{x:.3~g}<extra></extra>",
    )
    # Density times trials times width of a bar is the number of trials that a bar would count.
    _add_curve(figure, x, luck.density_of_one(x) * len(sharpe) * width, "one without skill", "dot")
    # The area of a density says nothing beside counts, so the curve has the height of the bars.
    best_curve = density * (top / float(density.max()))
    _add_curve(figure, x, best_curve, f"best of {luck.trials:,.0f} without skill", "solid")
    _add_mark(figure, luck.mean, top, "luck's average", BENCHMARK, "dash")
    if math.isfinite(luck.needed):
        _add_mark(figure, luck.needed, top, "stands out from here on", BENCHMARK, "dot")
    _add_mark(figure, best, top, "the best", SECOND, "solid")
    return figure


def rank_figure(ranks: Floats) -> go.Figure:
    """Draw a histogram of the winners' places in the other half, with the level of chance."""
    counts, edges = np.histogram(ranks, RANK_BINS, (0.0, 1.0))
    figure = blank(
        300,
        hovermode="closest",
        bargap=0.06,
        xaxis={
            "title": {"text": "place (1 is best)"},
            "range": [0, 1],
        },
        yaxis={"title": {"text": "splits"}, "tickformat": ".0%", "rangemode": "tozero"},
    )
    figure.add_bar(
        x=(edges[:-1] + edges[1:]) / 2.0,
        # Shares of the splits.
        y=counts / max(len(ranks), 1),
        width=1.0 / RANK_BINS,
        name="winners",
        marker={"color": band(SERIES, 0.55)},
        hovertemplate="%{y:.1%} of the splits at %{x:.2f}<extra></extra>",
    )
    # Without skill, every place is equally likely.
    _add_curve(figure, np.array([0.0, 1.0]), np.full(2, 1.0 / RANK_BINS), "chance", "dash")
    return figure


def winner_figure(inside: Floats, outside: Floats) -> go.Figure:
    """Draw the winners' annual Sharpe ratios in the half that chose them and in the other half."""
    # Rounded up, so that at most `MAX_MARKERS` are drawn. The means below are those of all splits.
    step = -(-len(inside) // MAX_MARKERS)
    x, y = inside[::step], outside[::step]
    low, high = float(min(inside.min(), outside.min())), float(max(inside.max(), outside.max()))
    figure = blank(
        300,
        hovermode="closest",
        xaxis={"title": {"text": "Sharpe, first half"}, "tickformat": ".3~g"},
        yaxis={"title": {"text": "Sharpe, other half"}, "tickformat": ".3~g"},
    )
    _add_curve(figure, np.array([low, high]), np.array([low, high]), "equal", "dot")
    figure.add_scatter(
        x=x,
        y=y,
        mode="markers",
        name="winners",
        marker={"color": band(SERIES, 0.3), "size": 5},
        hovertemplate="%{x:.3~g}, then %{y:.3~g}<extra></extra>",
    )
    means = (float(inside.mean()), float(outside.mean()))
    figure.add_scatter(
        x=[means[0]],
        y=[means[1]],
        mode="markers",
        name=f"means: {means[0]:.2f}, then {means[1]:.2f}",
        marker={"color": SECOND, "size": 12, "symbol": "cross"},
        hovertemplate="%{x:.3~g}, then %{y:.3~g}<extra></extra>",
    )
    return figure


@dataclass(frozen=True)
class Bar:
    """An annual Sharpe ratio with its interval, and luck's average if there are several trials."""

    name: str
    sharpe: float
    low: float
    high: float
    luck: float | None


def interval_figure(bars: Sequence[Bar], level: float) -> go.Figure:
    """Draw intervals of Sharpe ratios, one below the other, with luck's averages."""
    names = [plain(bar.name) for bar in bars]
    figure = blank(
        300,
        hovermode="closest",
        xaxis={"title": {"text": "Sharpe ratio per year"}, "tickformat": ".3~g", "zeroline": True},
        # plotly draws the first category at the bottom.
        yaxis={"autorange": "reversed", "type": "category", "showgrid": False},
    )
    figure.add_scatter(
        x=[bar.sharpe for bar in bars],
        y=names,
        mode="markers",
        name=f"Sharpe ratio, {level:.0%} interval",
        marker={"color": SERIES, "size": 10},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [bar.high - bar.sharpe for bar in bars],
            "arrayminus": [bar.sharpe - bar.low for bar in bars],
            "color": SERIES,
            "thickness": 1.6,
        },
        hovertemplate="%{x:.2f}<extra></extra>",
    )
    lucky = [bar for bar in bars if bar.luck is not None]
    if lucky:
        figure.add_scatter(
            x=[bar.luck for bar in lucky],
            y=[plain(bar.name) for bar in lucky],
            mode="markers",
            name="luck's average",
            marker={"color": BENCHMARK, "size": 11, "symbol": "diamond"},
            hovertemplate="%{x:.2f}<extra></extra>",
        )
    return figure


def _add_curve(figure: go.Figure, x: Floats, y: Floats, name: str, dash: str) -> None:
    figure.add_scatter(
        x=x,
        y=y,
        mode="lines",
        name=name,
        line={"color": BENCHMARK, "width": 1.5, "dash": dash},
        hoverinfo="skip",
    )


def _add_mark(figure: go.Figure, x: float, top: float, name: str, color: str, dash: str) -> None:
    """Draw a vertical line at a Sharpe ratio, which the legend gives as a number."""
    style: dict[str, Any] = {"color": color, "width": 2, "dash": dash}
    figure.add_scatter(
        x=[x, x],
        # A little above the highest bar.
        y=[0.0, 1.08 * top],
        mode="lines",
        name=f"{name}: {x:.2f}",
        line=style,
        hoverinfo="skip",
    )
