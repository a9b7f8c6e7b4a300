"""Portfolios on engine `vector` against plain backtrader, on random calendars and markets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from backfleet.bars import Bars
from backfleet.engine import BrokerSettings, OrderKind, OrderStatus, RejectReason
from backfleet.vector_strategy import VectorStrategy
from random_brokers import brokers, guards, rules
from vector_tasks import ScriptedPanel, make_bars, may_be_unsizable, run_alike, script_of

FEW, MANY = 40, 1000
CHOICES: dict[str, tuple[float, ...]] = {
    "position": (1.0, 1.0, -1.0, 0.0),
    "size": (0.0, 1.0, 37.3, 100.0, -0.1, -250.7),
    "value": (0.0, 300.1, 990.0, -500.0),
    "percent": (0.0, 0.2, 0.4, 0.7, -0.4),
}

universes = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 2**32 - 1),
        "symbols": st.integers(1, 6),
        "steps": st.integers(1, 50),
        "level": st.sampled_from((0.5, 3.0, 20.0, 800.0)),
        "move": st.sampled_from((0.0, 0.02, 0.2)),
        "tick": st.sampled_from((0.0, 0.01)),
        "missing": st.sampled_from((0.0, 0.2, 0.6)),
        "halted": st.sampled_from((0.0, 0.3)),
        "listed": st.sampled_from((0.0, 0.8)),
        "delisted": st.sampled_from((0.0, 0.8)),
        "intraday": st.booleans(),
        "warmup": st.sampled_from((0, 0, 5)),
        "each": st.booleans(),
    }
)


def calendar(facts: dict[str, Any]) -> tuple[Any, Any]:
    """Times and sessions of all steps: one a day, or three."""
    count = facts["steps"]
    if not facts["intraday"]:
        session = np.datetime64("2020-01-01", "D") + np.arange(count)
        return session.astype("M8[ns]").view("i8"), session
    hours = np.arange(count) // 3 * 24 + np.array((2, 3, 5))[np.arange(count) % 3]
    time = np.datetime64("2020-01-01T00:00", "ns") + hours * np.timedelta64(1, "h")
    return time.view("i8"), time.astype("M8[D]")


def universe(facts: dict[str, Any]) -> tuple[Bars, ...]:
    """Symbols that are listed late, delisted early, halted, and missing bars altogether."""
    draw = np.random.default_rng(facts["seed"])
    time, session = calendar(facts)
    return tuple(
        symbol(facts, draw, time, session, f"S{column}") for column in range(facts["symbols"])
    )


def symbol(
    facts: dict[str, Any],
    draw: np.random.Generator,
    time: NDArray[np.int64],
    session: NDArray[np.datetime64],
    name: str,
) -> Bars:
    count = facts["steps"]
    has = draw.random(count) >= facts["missing"]
    if draw.random() < facts["listed"]:
        has[: draw.integers(count + 1)] = False
    if draw.random() < facts["delisted"]:
        has[draw.integers(count + 1) :] = False
    if facts["intraday"] and name == "S0":
        # Bars of which no session has two are taken for daily ones.
        has[:2] = True
    if not has.any():
        has[draw.integers(count)] = True
    at = np.flatnonzero(has)
    moves = draw.normal(size=(2, len(at))) * facts["move"]
    close = facts["level"] * np.exp(np.cumsum(moves[0]))
    open_ = np.concatenate(([facts["level"]], close[:-1])) * np.exp(moves[1])
    if facts["tick"]:
        close = np.maximum(np.round(close / facts["tick"]), 1) * facts["tick"]
        open_ = np.maximum(np.round(open_ / facts["tick"]), 1) * facts["tick"]
    start = session[min(facts["warmup"], count - 1)]
    return make_bars(
        open_,
        close,
        np.maximum(open_, close) * 1.01,
        np.minimum(open_, close) * 0.99,
        symbol=name,
        time=time[at],
        session=session[at],
        tradable=draw.random(len(at)) >= facts["halted"],
        warmup=int(np.count_nonzero(session[at] < start)),
    )


class Wavering(VectorStrategy):
    """Wants something else on every bar of every symbol."""

    target: str = "position"
    sizing: str = "all-in"
    amount: float = 1.0
    stop_loss: float | None = None
    take_profit: float | None = None
    sells_first: bool = False

    def targets(self, bars: Bars) -> NDArray[np.float64]:
        draw = np.random.default_rng([ord(bars.symbol[-1]), len(bars)])
        return some_targets(self.target, (len(bars),), draw)


def some_targets(
    rule: str, shape: tuple[int, ...], draw: np.random.Generator
) -> NDArray[np.float64]:
    return np.where(draw.random(shape) < 0.4, np.nan, draw.choice(CHOICES[rule], shape))


def steps_of(symbols: tuple[Bars, ...]) -> int:
    return len(np.unique(np.concatenate([bars.time[bars.tradable] for bars in symbols])))


Facts = dict[str, Any]
Rule = dict[str, Any]


class TestRandomPortfolios:
    @staticmethod
    def check(facts: Facts, broker: BrokerSettings, rule: Rule) -> Any:
        symbols = universe(facts)
        if facts["each"]:
            with may_be_unsizable():
                return run_alike(Wavering, symbols, broker, **rule)
        draw = np.random.default_rng(facts["seed"] + 1)
        script = some_targets(rule["target"], (steps_of(symbols), len(symbols)), draw)
        # Some leave positions to what guards them.
        script[draw.random(script.shape) < facts["seed"] % 4 / 4] = np.nan
        with may_be_unsizable():
            return run_alike(ScriptedPanel, symbols, broker, script=script_of(script), **rule)

    @settings(max_examples=FEW)
    @given(universes, brokers, rules, guards, st.booleans())
    def test_a_few(
        self, facts: Facts, broker: BrokerSettings, rule: Rule, guard: Rule, sells_first: bool
    ) -> None:
        self.check(facts, broker, rule | guard | {"sells_first": sells_first})

    @pytest.mark.exhaustive
    @settings(max_examples=MANY)
    @given(universes, brokers, rules, guards, st.booleans())
    def test_many(
        self, facts: Facts, broker: BrokerSettings, rule: Rule, guard: Rule, sells_first: bool
    ) -> None:
        self.check(facts, broker, rule | guard | {"sells_first": sells_first})


def test_the_random_portfolios_see_every_way_an_order_ends() -> None:
    facts = {
        "symbols": 5,
        "steps": 60,
        "level": 20.0,
        "move": 0.05,
        "tick": 0.01,
        "missing": 0.3,
        "halted": 0.1,
        "listed": 0.5,
        "delisted": 0.5,
        "intraday": False,
        "warmup": 5,
        "each": False,
    }
    rule = {"target": "percent", "sells_first": True}
    broker = BrokerSettings(1000.0, 0.01, 5.0, 0.01)
    guards = {"stop_loss": 0.05, "take_profit": 0.05}
    ends, fills = set(), set()
    for seed in range(4):
        orders = TestRandomPortfolios.check({**facts, "seed": seed}, broker, rule).orders
        ends |= {(int(order["status"]), int(order["reason"])) for order in orders}
        guarded = TestRandomPortfolios.check(
            {**facts, "seed": seed}, broker, {**rule, **guards}
        ).orders
        fills |= {(int(order["kind"]), int(order["status"])) for order in guarded}
    assert ends == {
        (OrderStatus.SUBMITTED, RejectReason.NONE),
        (OrderStatus.ACCEPTED, RejectReason.NONE),
        (OrderStatus.COMPLETED, RejectReason.NONE),
        (OrderStatus.MARGIN, RejectReason.CASH_AT_SUBMISSION),
        (OrderStatus.MARGIN, RejectReason.CASH_AT_FILL),
    }
    assert fills >= {
        (kind, status)
        for kind in (OrderKind.STOP, OrderKind.LIMIT)
        for status in (OrderStatus.ACCEPTED, OrderStatus.COMPLETED, OrderStatus.CANCELED)
    }
