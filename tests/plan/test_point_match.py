"""Matching equal points of two sweeps."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfleet.job.grid import GridPoints
from backfleet.job.point_filter import PointFilter
from backfleet.job.point_table import TablePoints
from backfleet.job.points import Points, column_of
from backfleet.plan import point_match
from backfleet.plan.point_match import match_points

VALUES = st.sampled_from([1, 2, 3, 1.0, 2.5, True, False, None, "a", "1", [1, 2], [1.0]])
AXES = st.lists(VALUES, min_size=1, max_size=4, unique_by=json.dumps)


@st.composite
def sweeps(draw: st.DrawFn, names: Sequence[str] = ("x", "y", "z")) -> Points:
    """A grid, a sample of a grid, or a table of points."""
    axes = {name: draw(AXES) for name in draw(st.permutations(names))}
    if draw(st.booleans()):
        return GridPoints(axes, PointFilter(sample=draw(st.none() | st.integers(1, 5)), seed=1))
    count = draw(st.integers(1, 6))
    rows = st.lists(VALUES, min_size=count, max_size=count)
    return TablePoints({name: column_of(draw(rows)) for name in axes})


def matched_by_hand(points: Points, earlier: Points) -> list[str | None]:
    """The canonical JSON of each point that is among the earlier ones, else None."""
    known = {canonical(point) for point in earlier}
    return [text if (text := canonical(point)) in known else None for point in points]


def canonical(point: Mapping[str, object]) -> str:
    return json.dumps(point, sort_keys=True)


@given(sweeps(), sweeps())
def test_points_match_if_their_canonical_json_is_equal(points: Points, earlier: Points) -> None:
    matches = match_points(points, earlier)
    matched = [None if at < 0 else canonical(earlier[at]) for at in matches.tolist()]
    assert matched == matched_by_hand(points, earlier)


@given(sweeps(), sweeps())
def test_many_large_axes_do_not_overflow(points: Points, earlier: Points) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(point_match, "MAX_RADIX", 3)
        matches = match_points(points, earlier)
    matched = [None if at < 0 else canonical(earlier[at]) for at in matches.tolist()]
    assert matched == matched_by_hand(points, earlier)


def test_points_with_other_parameters_do_not_match() -> None:
    assert match_points(GridPoints({"x": [1]}), GridPoints({"x": [1], "y": [1]})).tolist() == [-1]


def test_a_million_points_in_another_order_match() -> None:
    axis = list(range(1000))
    points = GridPoints({"x": axis, "y": axis})
    earlier = GridPoints({"x": axis[::-1], "y": axis[::2]})
    matches = match_points(points, earlier)
    assert (matches >= 0).sum() == 500_000
    assert (matches[np.arange(1, 1000, 2)] == -1).all()
    assert earlier[int(matches[123_456])] == points[123_456]
