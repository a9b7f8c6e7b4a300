"""Attributes that say how targets become orders, and what is refused of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from backfleet.bars import Bars
from backfleet.engine import Engine, Simulation
from backfleet.engines.backtrader import BacktraderEngine
from backfleet.engines.vector.engine import VectorEngine
from backfleet.engines.vector.points import PointRunner
from backfleet.metrics import Calendar
from backfleet.vector_strategy import VectorStrategy
from vector_tasks import Scripted, broker_of, make_bars, script_of


class Listed(VectorStrategy):
    target = ["value"]  # type: ignore[assignment]  # noqa: RUF012  # the mistake

    def targets(self, bars: Bars) -> NDArray[np.float64]:
        return np.zeros(len(bars))


@pytest.mark.parametrize("engine", [VectorEngine(), BacktraderEngine()], ids=lambda e: e.name)
@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"target": "percents"}, "target must be one of .*, not 'percents'; .* 'percent'"),
        ({"sizing": "allin"}, "sizing must be one of .*, not 'allin'; did you mean 'all-in'"),
        ({"amount": 0.0}, "amount must be a number above 0, not 0.0"),
        ({"stop_loss": 1.5}, "stop_loss must be a fraction between 0 and 1, not 1.5"),
        ({"take_profit": -0.1}, "take_profit must be a fraction above 0, not -0.1"),
    ],
)
def test_impossible_rules_are_refused_on_every_engine(
    engine: Engine, params: dict[str, Any], message: str
) -> None:
    bars = make_bars([10.0] * 3)
    task = Simulation(Scripted, {"script": script_of([1.0] * 3), **params}, (bars,), broker_of())
    with pytest.raises(ValueError, match=message):
        engine.run(task)


def test_a_rule_without_a_hash_is_refused_in_a_sweep_too() -> None:
    bars = make_bars([10.0] * 3)
    runner = PointRunner(bars, Listed, broker_of())
    with pytest.raises(ValueError, match=r"target must be one of .*, not \['value'\]"):
        runner.summarize({}, Calendar(bars.session, 252.0))
