"""Targets that cannot be followed: an error that says what is wrong and where, on every engine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from backfleet import Bars, VectorStrategy
from backfleet.engine import Engine, Simulation
from backfleet.engines.backtrader_stock import BacktraderStockEngine
from backfleet.engines.vector.engine import VectorEngine
from vector_tasks import Scripted, broker_of, make_bars, run_alike, script_of

ANSWERS: dict[str, Any] = {
    "list": lambda bars: [1.0] * len(bars),
    "whole": lambda bars: np.ones(len(bars), np.int64),
    "short": lambda bars: np.ones(len(bars) - 1),
    "square": lambda bars: np.ones((len(bars), 1)),
    "infinite": lambda bars: np.where(np.arange(len(bars)) == 2, np.inf, 0.0),
    "half": lambda bars: np.where(np.arange(len(bars)) == 1, 0.5, 0.0),
    "strided": lambda bars: np.repeat(np.array([1.0, 0.0]), len(bars))[::2],
    "writes": lambda bars: bars.close.__setitem__(0, 1.0),
}


class Answers(VectorStrategy):
    """Gives one of `ANSWERS`."""

    answer: str = ""
    target: str = "position"

    def targets(self, bars: Bars) -> Any:
        return ANSWERS[self.answer](bars)


@pytest.fixture(params=[VectorEngine(), BacktraderStockEngine()], ids=lambda engine: engine.name)
def engine(request: pytest.FixtureRequest) -> Engine:
    engine: Engine = request.param
    return engine


@pytest.mark.parametrize(
    ("answer", "target", "error", "message"),
    [
        ("list", "position", TypeError, "Answers.targets must return a numpy array, not list"),
        ("whole", "position", TypeError, "Answers.targets must return float64, not int64"),
        ("short", "position", ValueError, r"one number per bar, shape \(4,\), not \(3,\)"),
        ("square", "size", ValueError, r"shape \(4,\), not \(4, 1\)"),
        ("infinite", "size", ValueError, r"is inf at bar 2 \(2020-01-03\); it must be finite"),
        ("infinite", "position", ValueError, r"is inf at bar 2 .* must be 1, -1, 0 or NaN"),
        ("half", "position", ValueError, r"is 0.5 at bar 1 \(2020-01-02\); it must be 1, -1, 0"),
        ("writes", "position", ValueError, "read-only"),
    ],
)
def test_wrong_targets_are_named(
    engine: Engine,
    answer: str,
    target: str,
    error: type[Exception],
    message: str,
) -> None:
    params = {"answer": answer, "target": target}
    with pytest.raises(error, match=message):
        engine.run(Simulation(Answers, params, (make_bars([10.0] * 4),), broker_of()))


def test_targets_need_not_lie_side_by_side() -> None:
    outcome = run_alike(Answers, make_bars([10.0] * 6), answer="strided")
    assert outcome.fills["size"].tolist() == [100.0, -100.0]


def test_a_close_that_no_order_can_be_sized_by_is_named(engine: Engine) -> None:
    bars = make_bars([10.0] * 4, close=[10.0, 1e-300, 10.0, 10.0])
    params = {"script": script_of([np.nan, 1.0, 1.0, 1.0])}
    with pytest.raises(ValueError, match=r"X: an order cannot be sized at bar 1 .*: the close is"):
        engine.run(Simulation(Scripted, params, (bars,), broker_of()))


def test_a_strategy_sees_the_tradable_bars_only() -> None:
    tradable = np.array([True, False, True, True])
    bars = make_bars([10.0, 11.0, 12.0, 13.0], tradable=tradable, extra={"pe": np.arange(4.0)})
    assert run_alike(Watches, bars).metrics == {"bars": 3, "second": 12.0, "pe": 2.0}


class Watches(VectorStrategy):
    """Writes down what it is shown."""

    def targets(self, bars: Bars) -> Any:
        shown = {
            "bars": len(bars),
            "second": float(bars.close[1]),
            "pe": float(bars.extra["pe"][1]),
        }
        self.metrics.update(shown)
        return np.zeros(len(bars))
