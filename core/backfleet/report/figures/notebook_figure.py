"""A figure that a notebook keeps when it is exported."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

__all__ = ["NotebookFigure"]


class NotebookFigure(go.Figure):  # type: ignore[misc]  # plotly is untyped.
    """A plotly figure whose output also holds HTML.

    plotly's own output in Jupyter is JSON for its extension. nbconvert and static viewers do not
    know it and show nothing.
    """

    # IPython would call plotly's own method of this name instead of `_repr_mimebundle_`.
    _ipython_display_ = None

    def _repr_mimebundle_(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        bundle: dict[str, Any] = super()._repr_mimebundle_(*args, **kwargs) or {}
        if "text/html" not in bundle:
            bundle["text/html"] = self.to_html(full_html=False, include_plotlyjs="cdn")
        return bundle
