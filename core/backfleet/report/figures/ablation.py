"""Figure of an ablation: the cost of each rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from backfleet.report.figures.theme import GAIN, LOSS, blank, plain

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["cost_figure"]

ROW_HEIGHT = 34
FRAME_HEIGHT = 80


def cost_figure(rules: Sequence[str], costs: Sequence[float], title: str, form: str) -> go.Figure:
    """Draw costs as horizontal bars, the first rule on top.

    Parameters
    ----------
    form
        The format of a cost.
    """
    figure = blank(
        FRAME_HEIGHT + ROW_HEIGHT * len(rules),
        hovermode="closest",
        showlegend=False,
        bargap=0.3,
        xaxis={"title": {"text": plain(title)}, "tickformat": form, "zeroline": True},
        # plotly draws the first category at the bottom.
        yaxis={"autorange": "reversed", "type": "category", "showgrid": False},
    )
    figure.add_bar(
        x=list(costs),
        y=[plain(rule) for rule in rules],
        orientation="h",
        # What the result gains without the rule is what the rule takes from it.
        marker={"color": [GAIN if cost > 0 else LOSS for cost in costs]},
        hovertemplate=f"%{{y}}: %{{x:{form}}}<extra></extra>",
    )
    return figure
