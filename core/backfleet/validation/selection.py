"""Choosing a point by its training window: a pure function of scores, conditions and neighbors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backfleet.job.points import Points

__all__ = [
    "Neighbors",
    "choose_point",
    "count_steps",
    "find_neighbors",
    "pair_neighbors",
    "rank_among",
]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Neighbors:
    """Pairs of points that are one step apart along one numeric parameter.

    Attributes
    ----------
    points, others
        int64 of shape (pairs,); every pair is there in both directions.
    """

    points: Ints
    others: Ints

    def mean_with(self, scores: Floats) -> Floats:
        """Return the mean over each point and its neighbors that have a score."""
        # Neighbors without a score are left out of the mean, not counted as 0. A point without a
        # score gets none from its neighbors.
        has_score = ~np.isnan(scores)
        filled = np.where(has_score, scores, 0.0)
        totals, counts = filled.copy(), has_score.astype(np.float64)
        # `totals[points] += ...` would add only one of the neighbors of a point.
        np.add.at(totals, self.points, filled[self.others])
        np.add.at(counts, self.points, has_score[self.others])
        return np.where(has_score, totals / np.maximum(counts, 1.0), np.nan)


def choose_point(scores: Floats, is_allowed: Bools, neighbors: Neighbors | None) -> int | None:
    """Return the point with the highest score, the lowest one of equals; None if none has one.

    Parameters
    ----------
    scores
        float64 of shape (points,), higher is better. NaN never wins.
    is_allowed
        bool of shape (points,): whether a point satisfies the condition.
    neighbors
        Choose by the mean over a point and its neighbors; None for the point's own score.
    """
    if neighbors is not None:
        scores = neighbors.mean_with(scores)
    # `argmax` takes the first of equals. The mean with neighbors comes before the condition, so
    # that points that are not allowed still say how their neighbors do.
    ranked = np.where(is_allowed & ~np.isnan(scores), scores, -np.inf)
    best = int(np.argmax(ranked))
    return best if np.isfinite(ranked[best]) else None


def rank_among(scores: Floats, point: int) -> float | None:
    """Return where a point stands among all points that have a score: 0 is worst, 1 is best.

    Equal scores share the mean of their places. None if fewer than two points have a score.
    """
    known = scores[~np.isnan(scores)]
    if np.isnan(scores[point]) or len(known) < 2:
        return None
    below = int((known < scores[point]).sum())
    # The point itself is among those with its score.
    equal = int((known == scores[point]).sum()) - 1
    return (below + equal / 2) / (len(known) - 1)


def find_neighbors(points: Points) -> Neighbors:
    """Return the neighbors of all points: one step of a numeric parameter's values away."""
    return pair_neighbors(*_codes(points))


def pair_neighbors(codes: Ints, is_numeric: Bools) -> Neighbors:
    """Return the neighbors of points whose values are given by their places.

    Parameters
    ----------
    codes
        int64 of shape (points, parameters): the place of every point's value among the sorted
        values of each parameter. No two points are equal.
    is_numeric
        bool of shape (parameters,): along which parameters points are neighbors.
    """
    # Points of a sample, or with a condition, leave holes in the grid, so neighbors are looked up.
    places = {tuple(code): point for point, code in enumerate(codes.tolist())}
    pairs = []
    for parameter in np.flatnonzero(is_numeric).tolist():
        step = np.zeros(codes.shape[1], np.int64)
        step[parameter] = 1
        for point, code in enumerate((codes + step).tolist()):
            other = places.get(tuple(code))
            if other is not None:
                # Only steps up are looked for, and each pair is added in both directions.
                pairs += [(point, other), (other, point)]
    table = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return Neighbors(table[:, 0], table[:, 1])


def count_steps(points: Points, first: int, second: int) -> Mapping[str, int]:
    """Return how many steps of each parameter's values lie between two points; a text that differs
    counts as one step."""
    codes, is_numeric = _codes(points)
    away = np.abs(codes[second] - codes[first])
    away = np.where(is_numeric, away, away > 0)
    return dict(zip(points.names, away.tolist(), strict=True))


def _codes(points: Points) -> tuple[Ints, Bools]:
    """Return the place of every point's values among the sorted values of each parameter, of shape
    (points, parameters), and which parameters are numeric."""
    columns, are_numeric = [], []
    for name in points.names:
        positions, values = points.coded(name)
        # Not `isinstance`, because True is an int, too. None among numbers makes a parameter a
        # text.
        is_numeric = all(type(value) in (int, float) for value in values)
        are_numeric.append(is_numeric)
        # Lists, booleans and None cannot be sorted with texts, but their JSON can.
        comparable = values if is_numeric else [json.dumps(value) for value in values]
        _, ranks = np.unique(np.array(comparable), return_inverse=True)
        columns.append(ranks.reshape(-1)[positions])
    table = np.stack(columns, axis=1) if columns else np.zeros((len(points), 0), np.int64)
    return table.astype(np.int64), np.array(are_numeric, dtype=np.bool_)
