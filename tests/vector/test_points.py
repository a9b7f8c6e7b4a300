"""Many parameter points of one symbol in the same buffers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from backfleet.engine import BrokerSettings, Simulation
from backfleet.engines.vector import growing_buffers
from backfleet.engines.vector.engine import VectorEngine
from backfleet.engines.vector.growing_buffers import GrowingBuffers
from backfleet.engines.vector.points import PointRunner
from backfleet_strategies.sma_crossover import SmaCrossover
from vector_tasks import make_bars

BROKER = BrokerSettings(100_000.0, 0.001)
TABLES = ("equity", "orders", "fills", "trades")


def random_walk(count: int) -> Any:
    """A random walk of so many bars."""
    return make_bars(20.0 * np.exp(np.cumsum(np.random.default_rng(5).normal(0, 0.02, count))))


def test_a_point_comes_out_as_it_does_alone() -> None:
    bars = random_walk(300)
    points: list[dict[str, Any]] = [
        {"period": period, "sizing": "fee-aware"} for period in (50, 3, 20)
    ]
    runner = PointRunner(bars, SmaCrossover, BROKER)
    for point in points:
        alone = VectorEngine().run(Simulation(SmaCrossover, point, (bars,), BROKER))
        together = runner.run(point)
        assert together.strategy == SmaCrossover(**point)
        for table in TABLES:
            assert getattr(together, table).tobytes() == getattr(alone, table).tobytes()


def test_an_outcome_outlasts_the_next_point() -> None:
    runner = PointRunner(random_walk(100), SmaCrossover, BROKER)
    kept = runner.run({"period": 3})
    before = kept.equity.tobytes()
    runner.run({"period": 30})
    assert kept.equity.tobytes() == before


@pytest.mark.parametrize("sizing", ["all-in", "fee-aware"])
def test_buffers_that_are_too_small_at_first_change_no_result(
    sizing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    point = {"period": 3, "sizing": sizing}
    roomy = PointRunner(random_walk(201), SmaCrossover, BROKER).run(point)
    assert len(roomy.orders) > 20
    monkeypatch.setattr(growing_buffers, "FIRST_ROOM", 3)
    # Another number of bars, since runners of as many bars share their buffers.
    PointRunner(random_walk(50), SmaCrossover, BROKER)
    grown = PointRunner(random_walk(201), SmaCrossover, BROKER).run(point)
    for table in TABLES:
        assert getattr(grown, table).tobytes() == getattr(roomy, table).tobytes()


def test_buffers_of_millions_of_bars_leave_most_of_a_tasks_memory_free() -> None:
    # Memory counts against the limit of a task even if nothing is written to it.
    arrays = GrowingBuffers(5_000_000, 5_000_000, 1).arrays
    assert sum(array.nbytes for array in arrays) < 256 * 2**20


def test_a_point_that_fails_costs_no_other() -> None:
    runner = PointRunner(random_walk(100), SmaCrossover, BROKER)
    good = runner.run({"period": 3})
    with pytest.raises(ValueError, match="period"):
        runner.run({"period": 0})
    assert runner.run({"period": 3}).equity.tobytes() == good.equity.tobytes()
