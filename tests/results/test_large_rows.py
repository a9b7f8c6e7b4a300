"""Leaders and samples of runs with more rows than fit into memory."""

from __future__ import annotations

import numpy as np
import pytest

import backfleet as bf
import backfleet.results.large_rows as large_rows
from backfleet.job.grid import GridPoints
from backfleet.results.large_rows import LargeRows, sample_points
from backfleet.results.leaderboard import OUTCOME, Ranking, leaders_of
from backfleet.results.read import read_results


@pytest.mark.parametrize("min_trades", [0, 30, 10_000])
@pytest.mark.parametrize("ascending", [False, True])
@pytest.mark.parametrize("limit", [1, 3])
def test_leaders_are_those_of_all_rows(
    whole: bf.Run, min_trades: int, ascending: bool, limit: int
) -> None:
    rows = read_results(whole.store, whole.chunk_index)
    large = LargeRows(whole.store, whole.chunk_index)
    metric = large.metric(None)
    ranking = Ranking(metric, "task", min_trades, ascending)
    columns = ["task", "symbol", "period", "sizing", *OUTCOME]
    board = large.leading_tasks(ranking, limit, columns)
    expected = leaders_of(rows.select(columns), whole.manifest, ranking, limit)
    assert board == expected
    ranking = Ranking(metric, "point", min_trades, ascending)
    points = large.leading_points(large.point_means(metric), ranking, limit, columns)
    assert points == leaders_of(rows.select(columns), whole.manifest, ranking, limit)


def test_a_metric_without_a_column_is_named(whole: bf.Run) -> None:
    large = LargeRows(whole.store, whole.chunk_index)
    with pytest.raises(bf.errors.UserError, match="did you mean 'sharpe'"):
        large.metric("sharp")


def test_runs_with_the_same_values_have_the_same_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also in another order, with other points beside them, and as whole numbers."""
    monkeypatch.setattr(large_rows, "MAX_SAMPLE_TASKS", 1000)
    first = GridPoints({"a": list(range(100)), "b": [0.5, 1.5]})
    second = GridPoints({"b": [1.5, 0.5], "a": [float(n) for n in range(50, 150)]})
    samples = []
    for points in (first, second):
        is_chosen = sample_points(points, ["a", "b"], 4000)
        chosen = [points[int(point)] for point in np.flatnonzero(is_chosen)]
        samples.append({(point["a"], point["b"]) for point in chosen if 50 <= point["a"] < 100})
        assert 25 <= is_chosen.sum() <= 75
    assert samples[0] == samples[1]


def test_a_sample_of_a_grid_has_all_values_of_every_parameter() -> None:
    points = GridPoints({"a": list(range(1000)), "b": list(range(10))})
    is_chosen = sample_points(points, points.names, 2_500_000)
    chosen = np.flatnonzero(is_chosen)
    assert 800 <= len(chosen) <= 1200
    assert set(points.column("b", chosen).tolist()) == set(range(10))


@pytest.mark.parametrize(("tasks", "count"), [(10**12, 1), (2, 2)])
def test_a_sample_has_one_point_at_least_and_no_more_than_there_are(tasks: int, count: int) -> None:
    points = GridPoints({"a": [1, 2]})
    assert sample_points(points, points.names, tasks).sum() == count
