"""Parameter sensitivity: whether the best point of a sweep stands on a plateau or on a spike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from backfleet.report.metric_labels import metric_label
from backfleet.validation.selection import pair_neighbors

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Sensitivity", "sensitivity"]

PLATEAU, SPIKE = 0.5, 1.5
"""Standard deviations of all points that the best one is above its neighbors."""

MIN_POINTS = 3
"""Of two points, the best is always two standard deviations above the other."""

QUARTILES = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class Sensitivity:
    """The best point compared with its neighbors.

    Attributes
    ----------
    best
        Parameter values of the point that leads; a point's value is the mean over the symbols.
    value
        The metric there.
    neighbors
        How many points differ from it in one numeric parameter, by one step of the values swept.
    around
        Their mean; None without any.
    shape
        "plateau" where the best point is less than 0.5 standard deviations of all points above its
        neighbors' mean, "spike" where it is more than 1.5, else "slope"; "unknown" without
        neighbors, or with fewer than three points.
    marginals
        By parameter, what `figures.sweep.sensitivity_figure` draws.
    """

    best: Mapping[str, Any]
    value: float
    points: int
    neighbors: int
    around: float | None
    shape: Literal["plateau", "slope", "spike", "unknown"]
    marginals: Mapping[str, pd.DataFrame]


def sensitivity(
    rows: pd.DataFrame,
    parameters: Sequence[str],
    metric: str,
    leader: Mapping[str, Any] | None = None,
) -> Sensitivity | None:
    """Return the sensitivity of `metric` to the columns `parameters`; None if no point has a value.

    Parameters
    ----------
    leader
        Parameter values of the best point; default: that with the best value of the metric.
    """
    # dropna=False: points that lack a parameter are points, too.
    grouped = rows.groupby(list(parameters), observed=True, dropna=False)[metric]
    points: pd.DataFrame = grouped.mean().dropna().reset_index()
    if points.empty:
        return None
    direction = metric_label(metric).direction
    # The leader of the board has enough trades. Without one, or if it is not among these rows, the
    # best value leads.
    is_leader = _alike(points, leader, parameters) if leader else np.zeros(len(points), np.bool_)
    place = int(is_leader.argmax() if is_leader.any() else (points[metric] * direction).argmax())
    best = {name: points[name].iloc[place] for name in points}
    around = points[metric].iloc[_neighbors(points, parameters, place)]
    mean = float(around.mean()) if len(around) else None
    lead = None if mean is None else (float(best[metric]) - mean) * direction
    return Sensitivity(
        best={name: best[name] for name in parameters},
        value=float(best[metric]),
        points=len(points),
        neighbors=len(around),
        around=mean,
        shape=_shape(lead, points[metric]),
        marginals={name: _marginal(points, best, parameters, name, metric) for name in parameters},
    )


def _shape(
    lead: float | None, values: pd.Series
) -> Literal["plateau", "slope", "spike", "unknown"]:
    if lead is None or len(values) < MIN_POINTS:
        return "unknown"
    # Of all points, not a sample of them.
    spread = float(values.std(ddof=0))
    # Not less than: if all points are equal, both sides are 0, and that is a plateau.
    if lead <= PLATEAU * spread:
        return "plateau"
    return "spike" if lead > SPIKE * spread else "slope"


def _neighbors(
    points: pd.DataFrame, parameters: Sequence[str], place: int
) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return the places of the neighbors of the point at a place."""
    is_numeric = np.array([points[name].dtype.kind in "iuf" for name in parameters], np.bool_)
    # The position of each value among those that were swept, in their order, so that neighbors
    # differ by 1.
    codes = [points.groupby(name, observed=True, dropna=False).ngroup() for name in parameters]
    pairs = pair_neighbors(np.stack(codes, axis=1).astype(np.int64), is_numeric)
    return np.sort(pairs.others[pairs.points == place])


def _alike(
    points: pd.DataFrame, best: Mapping[Any, Any], parameters: Sequence[str]
) -> np.ndarray[Any, np.dtype[np.bool_]]:
    same = np.ones(len(points), np.bool_)
    for name in parameters:
        # A point can lack a parameter, and None and NaN equal nothing.
        is_missing = points[name].isna()
        same &= (is_missing if _is_missing(best[name]) else points[name] == best[name]).to_numpy()
    return same


def _is_missing(value: object) -> bool:
    return value is None or value != value


def _marginal(
    points: pd.DataFrame, best: Mapping[Any, Any], parameters: Sequence[str], name: str, metric: str
) -> pd.DataFrame:
    grouped = points.groupby(name, observed=True)[metric]
    frame = grouped.quantile(np.array(QUARTILES)).unstack()
    frame.columns = ["low", "middle", "high"]
    slice_ = points[
        _alike(points, best, [parameter for parameter in parameters if parameter != name])
    ]
    # pandas aligns by the values of the parameter; the others get NaN.
    frame["best"] = slice_.set_index(name)[metric]
    return frame
