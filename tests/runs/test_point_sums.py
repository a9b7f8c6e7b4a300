"""Every point has one series over its symbols: their mean return on each date."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backfleet as bf
from backfleet.results.point_sums import PointReturns, PointSums
from sample_job import job_of

PERIODS = [10, 15, 20]


def finished(store: Path, *, universe: str = "each", **changes: Any) -> bf.Run:
    usual: dict[str, Any] = {"params": {"period": PERIODS}, "engine": "vector"}
    detail = changes.pop("detail", "summary")
    job = job_of(store, results={"store": str(store), "detail": detail}, **(usual | changes))
    data = job.data.model_copy(update={"universe": universe})
    control = bf.submit(job.model_copy(update={"data": data}))
    control.wait()
    return control.run


@pytest.mark.parametrize("universe", ["each", "portfolio"])
def test_one_symbol_and_a_portfolio_have_the_sums_of_their_tasks(
    universe: str, tmp_path: Path
) -> None:
    symbols = ["600519"] if universe == "each" else ["600519", "600559"]
    run = finished(tmp_path, universe=universe, symbols=symbols)
    series = run.point_sums()
    assert isinstance(series, PointSums)
    assert series.points.tolist() == [0, 1, 2]
    assert not len(series.left_out)
    place = 0
    for block in run.sums():
        assert block.starts.tolist() == series.starts.tolist()
        for at in range(len(block.tasks)):
            np.testing.assert_array_equal(
                block.sums.segments.totals[:, at], series.sums.segments.totals[:, place]
            )
            assert block.sums.lagged[at] == series.sums.lagged[place]
            place += 1


def slow_series(run: bf.Run, point: int) -> dict[np.datetime64, float]:
    """Return the mean return over the symbols on each date by its definition, from the equity."""
    by_date = defaultdict(list)
    points = len(run.manifest.points)
    for task in range(point, run.manifest.tasks, points):
        equity = run.equity(task)
        times = equity["time"].dt.tz_convert("Asia/Shanghai").dt.tz_localize(None)
        closes = equity["value"].groupby(times.dt.floor("D")).last()
        for day, (before, after) in zip(closes.index[1:], pairwise(closes), strict=True):
            by_date[np.datetime64(day, "D")].append(after / before - 1.0)
    return {day: sum(by_date[day]) / len(by_date[day]) for day in sorted(by_date)}


def returns_of(run: bf.Run) -> PointReturns:
    returns = run.point_returns(range(len(run.manifest.points)))
    assert isinstance(returns, PointReturns)
    return returns


@pytest.mark.parametrize("universe", ["each", "portfolio"])
@pytest.mark.parametrize("engine", ["vector", "backtrader", "backtrader-stock"])
def test_series_are_the_mean_over_the_symbols_on_each_date(
    engine: str, universe: str, tmp_path: Path
) -> None:
    symbols = ["600519", "600559", "600560"]
    run = finished(tmp_path, universe=universe, symbols=symbols, detail="full", engine=engine)
    returns, sums = returns_of(run), run.point_sums()
    assert isinstance(sums, PointSums)
    assert sums.points.tolist() == [0, 1, 2]
    for point in range(3):
        expected = slow_series(run, point)
        assert returns.dates.tolist() == [day.item() for day in expected]
        np.testing.assert_allclose(returns.returns[:, point], list(expected.values()), atol=1e-14)
    assert sums.dates is not None
    assert sums.dates.tolist() == returns.dates.tolist()
    np.testing.assert_allclose(
        sums.sums.segments.totals.sum(axis=0), returns.returns.sum(axis=0), atol=1e-12
    )
