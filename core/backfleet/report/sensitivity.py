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

QUARTILES = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class Sensitivity:
    """The best point compared with its neighbors.

    Attributes
    ----------
    best
        Parameter values of the best point; a point's value is the mean over the symbols.
    value
        The metric there.
    neighbors
        How many points differ from it in one numeric parameter, by one step of the values swept.
    around
        Their mean; None without any.
    shape
        "plateau" where the best point is less than 0.5 standard deviations of all points above its
        neighbors' mean, "spike" where it is more than 1.5, else "slope"; "unknown" without
        neighbors.
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


def sensitivity(rows: pd.DataFrame, parameters: Sequence[str], metric: str) -> Sensitivity | None:
    """The sensitivity of `metric` to the columns `parameters`; None where no point has a value."""
    grouped = rows.groupby(list(parameters), observed=True, dropna=False)[metric]
    points: pd.DataFrame = grouped.mean().dropna().reset_index()
    if points.empty:
        return None
    order = points[metric] * metric_label(metric).direction
    place = int(order.argmax())
    best = {name: points[name].iloc[place] for name in points}
    around = points[metric].iloc[_neighbors(points, parameters, place)]
    mean = float(around.mean()) if len(around) else None
    return Sensitivity(
        best={name: best[name] for name in parameters},
        value=float(best[metric]),
        points=len(points),
        neighbors=len(around),
        around=mean,
        shape=_shape(float(best[metric]), mean, float(points[metric].std(ddof=0))),
        marginals={name: _marginal(points, best, parameters, name, metric) for name in parameters},
    )


def _shape(
    best: float, around: float | None, spread: float
) -> Literal["plateau", "slope", "spike", "unknown"]:
    if around is None:
        return "unknown"
    above = abs(best - around)
    if above <= PLATEAU * spread:
        return "plateau"
    return "spike" if above > SPIKE * spread else "slope"


def _neighbors(
    points: pd.DataFrame, parameters: Sequence[str], place: int
) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return the places of the neighbors of the point at a place."""
    is_numeric = np.array([points[name].dtype.kind in "iuf" for name in parameters], np.bool_)
    codes = [points.groupby(name, observed=True, dropna=False).ngroup() for name in parameters]
    pairs = pair_neighbors(np.stack(codes, axis=1).astype(np.int64), is_numeric)
    return np.sort(pairs.others[pairs.points == place])


def _alike(
    points: pd.DataFrame, best: Mapping[Any, Any], parameters: Sequence[str]
) -> np.ndarray[Any, np.dtype[np.bool_]]:
    same = np.ones(len(points), np.bool_)
    for name in parameters:
        same &= (points[name] == best[name]).to_numpy()
    return same


def _marginal(
    points: pd.DataFrame, best: Mapping[Any, Any], parameters: Sequence[str], name: str, metric: str
) -> pd.DataFrame:
    grouped = points.groupby(name, observed=True)[metric]
    frame = grouped.quantile(np.array(QUARTILES)).unstack()
    frame.columns = ["low", "middle", "high"]
    slice_ = points[_alike(points, best, [each for each in parameters if each != name])]
    frame["best"] = slice_.set_index(name)[metric]
    return frame
