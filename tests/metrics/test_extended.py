"""Risk metrics and metrics against the benchmark: against scipy, empyrical, and by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
import scipy
from numpy.typing import NDArray

import backfleet as bf
from backfleet.bars import Bars, Prices
from backfleet.engine import EQUITY
from backfleet.errors import DataError
from backfleet.metrics.extended import EXTENDED, MetricsReference, extended_metrics
from backfleet.summary import Calendar
from sample_job import job_of

Walks = tuple[NDArray[np.float64], NDArray[np.float64]]

PERIODS = 252.0
CASH = 100.0
COUNT = 700


def days(count: int) -> NDArray[np.datetime64]:
    return np.datetime64("2020-01-01") + np.arange(count)


def bars_of(close: NDArray[np.float64]) -> Bars:
    prices = Prices(close, close, close, close)
    return Bars(
        symbol="AAA",
        time=np.arange(len(close), dtype=np.int64),
        session=days(len(close)),
        prices=prices,
        raw=prices,
        volume=np.ones(len(close)),
        factor=np.ones(len(close)),
        tradable=np.ones(len(close), np.bool_),
    )


def measure(
    values: NDArray[np.float64], close: NDArray[np.float64], rate: float = 0.0
) -> Mapping[str, float | None]:
    equity = np.zeros(len(values), EQUITY)
    equity["value"] = values
    calendar = Calendar(days(len(values)), PERIODS)
    return extended_metrics(equity, calendar, MetricsReference(CASH, rate, [bars_of(close)]))


@pytest.fixture(params=[1, 2, 3])
def walks(request: pytest.FixtureRequest) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The values of an account, and closes that it partly follows."""
    random = np.random.default_rng(request.param)
    others = random.standard_t(4, COUNT) * 0.01
    returns = 0.6 * others + random.normal(0.0003, 0.008, COUNT)
    account, closes = np.cumprod(1.0 + returns), np.cumprod(1.0 + others)
    return CASH * account.astype(np.float64), 50.0 * closes.astype(np.float64)


def returns_of(values: NDArray[np.float64]) -> pd.Series:
    return pd.Series(values).pct_change().iloc[1:].reset_index(drop=True)


@pytest.fixture(scope="module")
def empyrical() -> ModuleType:
    """The module; every process of a test run imports this file, and empyrical takes a second."""
    import empyrical

    return empyrical


def test_the_shape_of_the_returns_is_that_of_scipy(walks: Walks, empyrical: ModuleType) -> None:
    metrics, returns = measure(*walks), returns_of(walks[0])

    assert metrics["skewness"] == pytest.approx(scipy.stats.skew(returns), rel=1e-9)
    assert metrics["kurtosis"] == pytest.approx(scipy.stats.kurtosis(returns), rel=1e-9)
    assert metrics["value_at_risk"] == pytest.approx(empyrical.value_at_risk(returns), rel=1e-12)


@pytest.mark.parametrize("rate", [0.0, 0.03])
def test_the_market_line_is_that_of_scipy_and_empyrical(
    walks: Walks, empyrical: ModuleType, rate: float
) -> None:
    metrics = measure(*walks, rate)
    returns, others = returns_of(walks[0]), returns_of(walks[1])
    line = scipy.stats.linregress(others - rate / PERIODS, returns - rate / PERIODS)

    assert metrics["beta"] == pytest.approx(line.slope, rel=1e-9)
    assert metrics["beta"] == pytest.approx(empyrical.beta(returns, others), rel=1e-9)
    assert metrics["alpha"] == pytest.approx(line.intercept * PERIODS, rel=1e-9)
    assert metrics["correlation"] == pytest.approx(
        scipy.stats.pearsonr(returns, others)[0], rel=1e-9
    )


def test_the_active_return_is_that_of_empyrical(walks: Walks, empyrical: ModuleType) -> None:
    metrics = measure(*walks)
    returns, others = returns_of(walks[0]), returns_of(walks[1])
    per_session = empyrical.excess_sharpe(returns, others)
    deviation = (returns - others).std(ddof=1)

    assert metrics["information_ratio"] == pytest.approx(per_session * PERIODS**0.5, rel=1e-9)
    assert metrics["tracking_error"] == pytest.approx(deviation * PERIODS**0.5, rel=1e-9)


def test_drawdowns_by_hand() -> None:
    """The peak is 100, then 120: depths 0, -10 %, 0, -50 %, -25 %, over 1, 0, 1 and 1 days."""
    metrics = measure(np.array([100.0, 90.0, 120.0, 60.0, 90.0]), np.arange(1.0, 6.0))

    assert metrics["ulcer_index"] == pytest.approx(((0.01 + 0.25 + 0.0625) / 5) ** 0.5)
    assert metrics["underwater_days"] == 3


def test_the_initial_cash_is_a_peak() -> None:
    metrics = measure(np.array([50.0, 60.0]), np.ones(2))

    assert metrics["ulcer_index"] == pytest.approx(((0.25 + 0.16) / 2) ** 0.5)


def test_what_has_no_dispersion_is_undefined() -> None:
    growing = CASH * 1.01 ** np.arange(50)
    metrics = measure(growing, growing)

    assert {name for name, value in metrics.items() if value is None} == {
        "skewness",
        "kurtosis",
        "alpha",
        "beta",
        "correlation",
        "information_ratio",
    }
    assert metrics["tracking_error"] == 0.0


@pytest.mark.parametrize("values", [[], [100.0], [100.0, -1.0, 5.0]])
def test_an_account_without_returns_has_no_metrics(values: list[float]) -> None:
    metrics = measure(np.array(values), np.ones(max(len(values), 1)))

    assert metrics == dict.fromkeys(EXTENDED)


def test_a_benchmark_is_cash_before_its_first_bar_and_stays_after_its_last() -> None:
    values = CASH * np.cumprod(1.0 + np.random.default_rng(5).normal(0, 0.01, 6))
    equity = np.zeros(6, EQUITY)
    equity["value"] = values
    whole = bars_of(np.array([10.0, 10.0, 10.0, 11.0, 12.0, 12.0]))
    middle = bars_of(np.array([10.0, 11.0, 12.0]))
    late = replace(middle, session=days(6)[2:5])
    calendar = Calendar(days(6), PERIODS)
    measured = [
        extended_metrics(equity, calendar, MetricsReference(CASH, 0.0, [bars]))
        for bars in (whole, late)
    ]

    assert measured[0] == measured[1]


def test_rows_have_the_metrics_that_the_job_asks_for(tmp_path: Path) -> None:
    """On every engine the same; buying and holding a symbol is a market line of its own."""
    tables = []
    for engine in ("vector", "backtrader"):
        results = {"store": str(tmp_path / engine), "extended": True}
        job = job_of("", engine=engine, results=results, symbols=["600519"])
        tables.append(bf.run(job, progress=None).results())

    assert set(EXTENDED) <= set(tables[0])
    names = [name for name in tables[0] if name not in ("seconds", "engine")]
    assert tables[0][names].equals(tables[1][names])
    assert (tables[0]["correlation"] > 0.2).all()
    assert (tables[0]["underwater_days"] > 30).all()


def test_another_symbol_as_benchmark_is_part_of_the_identity(tmp_path: Path) -> None:
    results = {"store": str(tmp_path), "extended": True, "benchmark": "600559"}
    job = job_of("", results=results, symbols=["600519"], params={"period": 10})
    own = job.model_copy(
        update={"results": job.results.model_copy(update={"benchmark": "buy-and-hold"})}
    )
    run, other = bf.run(job, progress=None), bf.run(own, progress=None)

    assert run.manifest.identity.results.benchmark_digest
    assert run.results()["beta"][0] != other.results()["beta"][0]
    wrong = job.results.model_copy(update={"benchmark": "nosuch"})
    with pytest.raises(DataError, match=r"results\.benchmark: .*nosuch"):
        bf.run(job.model_copy(update={"results": wrong}), progress=None)


def test_the_sharpe_ratio_is_that_of_returns_beyond_the_risk_free_rate(
    tmp_path: Path, empyrical: ModuleType
) -> None:
    runs = [
        bf.run(
            job_of("", results={"store": str(tmp_path), "risk_free_rate": rate, "detail": detail}),
            progress=None,
        )
        for rate, detail in ((0.0, "full"), (0.03, "full"), (0.03, "summary"))
    ]
    plain, excess, summary = (run.results() for run in runs)
    periods = runs[0].manifest.symbols[0].sessions_per_year
    returns = runs[0].equity(0)["value"].pct_change().iloc[1:]
    expected = empyrical.sharpe_ratio(returns, 0.03 / periods, annualization=periods)

    assert excess["sharpe"][0] == pytest.approx(expected, rel=1e-9)
    assert summary["sharpe"].tolist() == excess["sharpe"].tolist()
    assert excess["sortino"].tolist() == plain["sortino"].tolist()
