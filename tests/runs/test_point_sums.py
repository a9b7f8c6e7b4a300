"""Every point has one series over its symbols: their mean return on each date."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backfleet as bf
from backfleet.results.point_sums import PointSums
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
