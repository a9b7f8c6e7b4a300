"""The metrics in compiled code against those with numpy, to the last bit."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from backfleet.engine import EQUITY, FILL, NOT_YET, ORDER, TRADE, OrderStatus, Outcome
from backfleet.jit import Compiled, plan_work
from backfleet.metrics import Metrics, compute_metrics
from backfleet.metrics.growth import annual_growth
from backfleet.metrics.pairwise import pairwise_sum
from numpy_metrics import measure_with_numpy

Days = NDArray[np.datetime64]

CASH = 1_000.0
FROM_SUMS = {"volatility", "sharpe", "sortino"}
COUNTS = st.sampled_from([0, 1, 2, 3, 7, 8, 9, 100, 129, 700])


def random_outcome(seed: int, bars: int, others: int, spoilt: float | None) -> Outcome:
    """An account that wanders, with fills, trades and orders that need not fit it."""
    random = np.random.default_rng(seed)
    equity = np.zeros(bars, EQUITY)
    equity["value"] = CASH * np.exp(np.cumsum(random.normal(0.0, random.choice([0, 0.03]), bars)))
    equity["exposure"] = equity["value"] * random.integers(0, 2, bars) * random.random(bars)
    if spoilt is not None and bars:
        equity["value"][random.integers(bars)] = spoilt
    fills, trades = np.zeros(others, FILL), np.zeros(others, TRADE)
    for name in ("size", "price", "commission"):
        fills[name] = random.normal(0.0, 100.0, others)
    trades["pnl_net"] = random.normal(0.0, 50.0, others) * random.integers(-1, 2, others)
    trades["closed"] = np.where(random.random(others) < 0.1, NOT_YET, 1)
    orders = np.zeros(others, ORDER)
    orders["status"] = random.integers(0, len(OrderStatus), others)
    return Outcome(equity, orders, fills, trades)


def random_sessions(seed: int, bars: int) -> Any:
    """Days in order; some of several bars, some left out."""
    steps = np.random.default_rng(seed).integers(0, 4, bars)
    return np.datetime64("2015-01-01", "D") + np.cumsum(steps)


@pytest.fixture(autouse=True, scope="module")
def compile_everything() -> None:
    plan_work(math.inf)


def interpreted(outcome: Outcome, periods: float, sessions: Days) -> Metrics:
    """The metrics as a process interprets them for its first tasks."""
    with pytest.MonkeyPatch.context() as patch, np.errstate(all="ignore"):
        patch.setattr(Compiled, "run", lambda function, *args: function.function(*args))
        return compute_metrics(outcome, CASH, periods, sessions)


@settings(max_examples=80)
@given(
    seed=st.integers(0, 2**32 - 1),
    bars=COUNTS,
    others=COUNTS,
    spoilt=st.sampled_from([None, None, 0.0, -5.0, 1e-9, 1e12, np.nan, np.inf, -np.inf]),
    periods=st.sampled_from([252.0, 365.25, 52.0]),
)
def test_metrics_are_those_of_numpy_and_have_the_same_bits_compiled_and_interpreted(
    seed: int, bars: int, others: int, spoilt: float | None, periods: float
) -> None:
    outcome, sessions = random_outcome(seed, bars, others, spoilt), random_sessions(seed, bars)
    theirs = measure_with_numpy(outcome, CASH, periods, sessions)
    ours = compute_metrics(outcome, CASH, periods, sessions)
    assert ours == interpreted(outcome, periods, sessions)
    assert list(map(type, ours)) == list(map(type, theirs))
    for name, value in theirs._asdict().items():
        # Those from power sums of the returns lose the digits that cancel.
        close = pytest.approx(value, rel=1e-9, abs=0.0) if name in FROM_SUMS and value else value
        assert getattr(ours, name) == close


@settings(max_examples=300)
@given(
    growth=st.one_of(
        st.floats(1e-3, 1e4), st.floats(0.999_999, 1.000_001), st.floats(1e-300, 1e300)
    ),
    days=st.integers(1, 20_000),
)
def test_annual_growth_is_the_nearest_float(growth: float, days: int) -> None:
    sessions = np.array([0, days]).astype("datetime64[D]")
    outcome = random_outcome(0, 2, 0, None)
    outcome.equity["value"] = [1.0, growth]
    exact = measure_with_numpy(outcome, 1.0, 252.0, sessions).cagr
    assert annual_growth(growth, days) == (np.inf if exact is None else exact)


@settings(max_examples=100)
@given(
    seed=st.integers(0, 2**32 - 1), count=st.integers(0, 2_000), scale=st.sampled_from([1.0, -0.0])
)
def test_a_pairwise_sum_is_that_of_numpy(seed: int, count: int, scale: float) -> None:
    values = np.random.default_rng(seed).random(count) * scale
    if scale:
        values -= 0.5
    assert pairwise_sum.run(values).hex() == float(values.sum()).hex()


FIRST_TASKS = """
import sys
import numpy as np
from backfleet.engine import EQUITY, FILL, ORDER, TRADE, Outcome
from backfleet.metrics import compute_metrics
outcome = Outcome(*(np.zeros(2, kind) for kind in (EQUITY, ORDER, FILL, TRADE)))
sessions = np.array(["2020-01-01", "2020-01-02"], "datetime64[D]")
for _ in range(100):
    compute_metrics(outcome, 100.0, 252.0, sessions)
print("numba" in sys.modules)
"""


def test_a_processes_first_tasks_import_no_numba() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FIRST_TASKS], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
