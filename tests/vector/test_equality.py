"""Engine `vector` against plain backtrader, on random markets, brokers, rules and targets."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backfleet.bars import Bars
from backfleet.engine import BrokerSettings, OrderStatus
from random_brokers import brokers, guards, rules
from vector_tasks import Scripted, make_bars, may_be_unsizable, run_alike, script_of

FEW, MANY = 40, 2000
CHOICES: dict[str, tuple[float, ...]] = {
    "position": (1.0, 1.0, -1.0, 0.0),
    "size": (0.0, 1.0, 37.3, 100.0, -0.1, -250.7, 1e6),
    "value": (0.0, 300.1, 990.0, -500.0, 3000.0),
    "percent": (0.0, 0.25, 0.5, 0.999, 1.0, -0.4, -1.5),
}

markets = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 2**32 - 1),
        "bars": st.integers(1, 60),
        "level": st.sampled_from((1e-4, 0.5, 3.0, 20.0, 800.0, 1e6)),
        "move": st.sampled_from((0.0, 0.01, 0.05, 0.3)),
        "gap": st.sampled_from((0.0, 0.01, 0.2)),
        "tick": st.sampled_from((0.0, 0.01)),
        "limit": st.sampled_from((None, 0.1)),
        "halted": st.sampled_from((0.0, 0.3)),
        "warmup": st.sampled_from((0, 0, 1, 7)),
    }
)


def market(facts: dict[str, Any]) -> Bars:
    """A random walk with gaps, days that end where they may not go further, and halted days."""
    draw = np.random.default_rng(facts["seed"])
    count, close = facts["bars"], facts["level"]
    rows = []
    for _ in range(count):
        before, moves = close, draw.normal(size=4)
        open_ = before * math.exp(facts["gap"] * moves[0])
        close = open_ * math.exp(facts["move"] * moves[1])
        high = max(open_, close) * (1.0 + facts["move"] * abs(moves[2]))
        low = min(open_, close) / (1.0 + facts["move"] * abs(moves[3]))
        row = [open_, close, high, low]
        if facts["limit"]:
            bounds = before * (1.0 - facts["limit"]), before * (1.0 + facts["limit"])
            row = [min(max(price, bounds[0]), bounds[1]) for price in row]
        if facts["tick"]:
            row = [max(round(price / facts["tick"]), 1) * facts["tick"] for price in row]
        close = row[1]
        rows.append(row)
    tradable = draw.random(count) >= facts["halted"]
    tradable[0] = True
    volume = np.where(draw.random(count) < 0.2, np.nan, 1000.0)
    warmup = min(facts["warmup"], count)
    return make_bars(*np.array(rows).T, tradable=tradable, volume=volume, warmup=warmup)


def targets(bars: Bars, rule: str, seed: int, silence: float) -> Any:
    draw = np.random.default_rng(seed)
    count = int(bars.tradable.sum())
    chosen = draw.choice(CHOICES[rule], count)
    return np.where(draw.random(count) < silence, np.nan, chosen)


Facts = dict[str, Any]
Rule = dict[str, Any]


class TestRandomTasks:
    @staticmethod
    def check(facts: Facts, broker: BrokerSettings, rule: Rule) -> None:
        bars = market(facts)
        script = targets(bars, rule["target"], facts["seed"], facts["seed"] % 4 / 4)
        with may_be_unsizable():
            run_alike(Scripted, bars, broker, script=script_of(script), **rule)

    @settings(max_examples=FEW)
    @given(markets, brokers, rules, guards)
    def test_a_few(self, facts: Facts, broker: BrokerSettings, rule: Rule, guard: Rule) -> None:
        self.check(facts, broker, rule | guard)

    @pytest.mark.exhaustive
    @settings(max_examples=MANY)
    @given(markets, brokers, rules, guards)
    def test_many(self, facts: Facts, broker: BrokerSettings, rule: Rule, guard: Rule) -> None:
        self.check(facts, broker, rule | guard)


def test_the_random_tasks_see_every_way_an_order_ends() -> None:
    seen = set()
    facts = {"bars": 60, "level": 20.0, "move": 0.05, "gap": 0.2, "tick": 0.01, "limit": None}
    broker = BrokerSettings(1000.0, 0.01, 5.0, 0.01)
    rule = {"target": "position", "stop_loss": 0.02, "take_profit": 0.02}
    for seed in range(3):
        bars = market({**facts, "seed": seed, "halted": 0.1, "warmup": 0})
        script = targets(bars, "position", seed, 0.5)
        orders = run_alike(Scripted, bars, broker, script=script_of(script), **rule).orders
        seen |= {(int(o["kind"]), int(o["status"]), int(o["reason"])) for o in orders}
    assert {status for _, status, _ in seen} >= {
        OrderStatus.COMPLETED,
        OrderStatus.CANCELED,
        OrderStatus.MARGIN,
    }
    assert {kind for kind, status, _ in seen if status == OrderStatus.COMPLETED} == {0, 2, 3}
    assert {reason for _, _, reason in seen} == {0, 1, 2}
