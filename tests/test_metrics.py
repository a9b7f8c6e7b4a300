"""The metrics, on cases by hand and against empyrical."""

from __future__ import annotations

import importlib
import math
import warnings
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from backfleet.engine import (
    EQUITY,
    FILL,
    NOT_YET,
    ORDER,
    TRADE,
    OrderStatus,
    Outcome,
    RejectReason,
)
from backfleet.metrics import COLUMNS, Metrics, assess_outcome, compute_metrics

ISSUE_COLUMNS = (
    "final_value,total_return,cagr,volatility,sharpe,sortino,max_drawdown,max_drawdown_days,calmar,"
    "exposure,time_in_market,turnover,trades,win_rate,profit_factor,expectancy,fees,"
    "orders_completed,orders_rejected,orders_margin,orders_canceled,orders_expired,orders_open"
)
Values = st.lists(st.floats(50.0, 200.0), min_size=3, max_size=80)


@pytest.fixture(scope="session")
def empyrical() -> ModuleType:
    """empyrical-reloaded, whose import may warn."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("empyrical")


def outcome_of(
    values: Sequence[float],
    exposure: float | Sequence[float] = 0.0,
    fills: Sequence[tuple[float, float, float]] = (),
    results: Sequence[float] = (),
    statuses: Sequence[int] = (),
    reasons: int | Sequence[int] = 0,
) -> Outcome:
    """An outcome with these values a bar, fills (size, price, commission), closed trades' results
    and orders."""
    equity = np.zeros(len(values), EQUITY)
    equity["value"], equity["exposure"] = values, exposure
    fill_records = np.zeros(len(fills), FILL)
    for record, (size, price, commission) in zip(fill_records, fills, strict=True):
        record["size"], record["price"], record["commission"] = size, price, commission
    trades = np.zeros(len(results), TRADE)
    trades["pnl_net"] = results
    orders = np.zeros(len(statuses), ORDER)
    orders["status"], orders["reason"] = statuses, reasons
    return Outcome(equity, orders, fill_records, trades)


def days(*texts: str) -> NDArray[np.datetime64]:
    return np.array(texts, "datetime64[D]")


def daily(count: int) -> NDArray[np.datetime64]:
    return np.datetime64("2020-01-01", "D") + np.arange(count)


def measure(values: Sequence[float], cash: float = 100.0, **parts: Any) -> Metrics:
    return compute_metrics(outcome_of(values, **parts), cash, 252.0, daily(len(values)))


def test_the_columns_are_those_of_the_results_in_their_order() -> None:
    assert ",".join(COLUMNS) == ISSUE_COLUMNS
    assert measure([100.0, 101.0])._fields == COLUMNS


@settings(max_examples=150)
@given(Values)
def test_return_metrics_are_those_of_empyrical(empyrical: ModuleType, values: list[float]) -> None:
    metrics = measure(values)
    path = pd.Series(values)
    returns = path.pct_change().iloc[1:]
    from_cash = pd.Series([100.0, *values]).pct_change().iloc[1:]

    # The variance is a mean square less a squared mean, so it loses the digits that both share.
    lost = 1e-15 * float((returns**2).mean() / returns.var()) if returns.var() > 0.0 else 0.0

    def same(ours: float | None, theirs: float) -> bool:
        if ours is None:
            return not math.isfinite(theirs)
        return ours == pytest.approx(theirs, rel=1e-9 + lost, abs=1e-12)

    assert same(metrics.total_return, empyrical.cum_returns_final(from_cash))
    assert same(metrics.max_drawdown, empyrical.max_drawdown(from_cash))
    assert same(metrics.volatility, empyrical.annual_volatility(returns, annualization=252))
    if returns.abs().max() > 1e-9:
        assert same(metrics.sharpe, empyrical.sharpe_ratio(returns, annualization=252))
        assert same(metrics.sortino, empyrical.sortino_ratio(returns, annualization=252))


@settings(max_examples=100)
@given(st.floats(1.0, 1e6), st.integers(1, 20_000))
def test_growth_is_that_of_the_power_function(final: float, span: int) -> None:
    sessions = np.array([0, span]).astype("datetime64[D]")
    metrics = compute_metrics(outcome_of([100.0, final]), 100.0, 252.0, sessions)
    try:
        expected = (final / 100.0) ** (365.25 / span) - 1.0
    except OverflowError:
        assert metrics.cagr is None
    else:
        assert metrics.cagr == pytest.approx(expected, rel=1e-12, abs=1e-14)


def test_growth_counts_calendar_days() -> None:
    two_years = days("2018-01-01", "2020-01-01", "2022-01-01")
    metrics = compute_metrics(outcome_of([100.0, 300.0, 400.0]), 100.0, 252.0, two_years)
    assert metrics.cagr == pytest.approx(4.0 ** (1 / 4) - 1.0, rel=1e-12)


def test_growth_of_nothing_left_is_undefined() -> None:
    assert measure([50.0, 0.0]).cagr is None
    assert measure([50.0, -10.0]).cagr is None


def test_the_first_session_has_no_return() -> None:
    assert measure([50.0, 50.0, 50.0]).volatility == 0.0
    assert measure([50.0, 55.0, 44.0]).volatility == pytest.approx(
        np.std([0.1, -0.2], ddof=1) * math.sqrt(252.0)
    )


def test_intraday_bars_count_by_the_last_of_each_session() -> None:
    sessions = days("2020-01-01", "2020-01-01", "2020-01-02", "2020-01-02", "2020-01-03")
    bars = compute_metrics(
        outcome_of([90.0, 100.0, 10.0, 110.0, 99.0], exposure=[0.0, 50.0, 5.0, 0.0, 0.0]),
        100.0,
        252.0,
        sessions,
    )
    closes = measure([100.0, 110.0, 99.0])
    for name in ("volatility", "sharpe", "sortino", "max_drawdown", "final_value", "cagr"):
        assert getattr(bars, name) == getattr(closes, name), name
    assert bars.time_in_market == 0.4
    assert bars.exposure == pytest.approx((0.5 + 0.5) / 5)


@pytest.mark.parametrize(
    ("values", "depth", "length"),
    [
        ([110.0, 99.0, 104.0, 110.0, 120.0], 99 / 110 - 1, 3),
        ([110.0, 99.0, 104.0], 99 / 110 - 1, 2),
        ([90.0, 95.0, 100.0], -0.1, 2),
        ([110.0, 105.0, 110.0, 88.0, 90.0], 88 / 110 - 1, 2),
        ([100.0, 101.0, 102.0], 0.0, 0),
        ([120.0, 60.0, 120.0, 130.0, 65.0, 70.0], -0.5, 2),
    ],
    ids=["recovers", "does not", "from the cash", "a peak reached twice", "none", "first of two"],
)
def test_the_drawdown_is_as_deep_and_long_as_by_hand(
    values: list[float], depth: float, length: int
) -> None:
    metrics = measure(values)
    assert metrics.max_drawdown == pytest.approx(depth)
    assert metrics.max_drawdown_days == length


def test_drawdown_days_are_calendar_days() -> None:
    sessions = days("2020-01-03", "2020-01-06", "2020-01-10")
    metrics = compute_metrics(outcome_of([100.0, 90.0, 100.0]), 100.0, 252.0, sessions)
    assert metrics.max_drawdown_days == 7


def test_calmar_is_growth_over_the_drawdown() -> None:
    metrics = measure([100.0, 90.0, 120.0])
    assert metrics.cagr is not None
    assert metrics.calmar == pytest.approx(metrics.cagr / 0.1)


def test_exposure_and_turnover_by_hand() -> None:
    fills = [(5.0, 10.0, 0.1), (-5.0, 12.0, 0.2)]
    metrics = measure([100.0, 100.0, 110.0, 90.0], exposure=[0.0, 50.0, -0.0, 45.0], fills=fills)
    assert metrics.exposure == pytest.approx((0.0 + 0.5 + 0.0 + 0.5) / 4)
    assert metrics.time_in_market == 0.5
    assert metrics.turnover == pytest.approx(110.0 / 200.0 * 252.0 / 4)
    assert metrics.fees == pytest.approx(0.3)


def test_trade_statistics_are_over_closed_trades_net_of_fees() -> None:
    outcome = outcome_of([100.0, 100.0], results=[10.0, -4.0, 0.0, -1.0, 99.0])
    outcome.trades["closed"][-1] = NOT_YET
    metrics = compute_metrics(outcome, 100.0, 252.0, daily(2))
    assert metrics.trades == 4
    assert metrics.win_rate == 0.25
    assert metrics.profit_factor == 2.0
    assert metrics.expectancy == 1.25


def test_orders_are_counted_by_where_they_ended() -> None:
    counted = [status for status in OrderStatus for _ in range(int(status) + 1)]
    metrics = measure([100.0, 100.0], statuses=counted)
    assert metrics.orders_completed == 4
    assert metrics.orders_margin == 7
    assert metrics.orders_rejected == 7 + 8
    assert metrics.orders_canceled == 5
    assert metrics.orders_expired == 6
    assert metrics.orders_open == 1 + 2 + 3


def undefined(metrics: Metrics) -> set[str]:
    return {name for name, value in metrics._asdict().items() if value is None}


def test_what_is_undefined_is_none() -> None:
    no_trades = {"win_rate", "profit_factor", "expectancy"}
    flat = {"sharpe", "sortino", "calmar"}
    assert undefined(measure([100.0, 100.0, 100.0])) == no_trades | flat
    assert undefined(measure([100.0])) == no_trades | flat | {"cagr", "volatility", "turnover"}
    assert undefined(measure([100.0, 110.0])) == no_trades | flat | {"volatility"}
    assert undefined(measure([100.0, 110.0, 130.0])) == no_trades | {"sortino", "calmar"}
    assert undefined(measure([100.0, 90.0, 95.0], results=[1.0])) == {"profit_factor"}


def test_a_run_without_bars_keeps_its_cash() -> None:
    metrics = measure([])
    assert (metrics.final_value, metrics.total_return, metrics.trades) == (100.0, 0.0, 0)
    assert {"max_drawdown", "exposure", "time_in_market", "turnover"} <= undefined(metrics)


def test_a_ruined_account_has_no_returns_to_speak_of() -> None:
    metrics = measure([100.0, -20.0, 30.0], exposure=10.0)
    assert {"volatility", "sharpe", "sortino", "exposure"} <= undefined(metrics)
    assert metrics.max_drawdown == pytest.approx(-1.2)


def test_a_poisoned_account_gives_none_not_nan() -> None:
    metrics = measure([100.0, math.nan, 100.0])
    assert {"volatility", "sharpe", "sortino", "max_drawdown", "turnover"} <= undefined(metrics)
    assert measure([100.0, math.inf]).final_value is None


def test_every_value_is_a_plain_python_scalar() -> None:
    metrics = measure([100.0, 90.0, 95.0], fills=[(1.0, 2.0, 3.0)], results=[1.0, -2.0])
    assert {type(value) for value in metrics} == {int, float}


def test_sessions_must_match_the_bars() -> None:
    with pytest.raises(ValueError, match="2 sessions for 1 bars of equity"):
        compute_metrics(outcome_of([100.0]), 100.0, 252.0, daily(2))


FILLS = [(1.0, 10.0, 0.0)]
COMPLETED, MARGIN, ACCEPTED = OrderStatus.COMPLETED, OrderStatus.MARGIN, OrderStatus.ACCEPTED
SUBMISSION, AT_FILL = RejectReason.CASH_AT_SUBMISSION, RejectReason.CASH_AT_FILL


def test_a_task_that_traded_is_ok_up_to_half_of_its_orders_rejected() -> None:
    traded = outcome_of([1.0], fills=FILLS, statuses=[COMPLETED, MARGIN], reasons=[0, SUBMISSION])
    assert assess_outcome(traded).status == "ok"
    assert assess_outcome(traded).reason == ""


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ({}, "The strategy placed no orders."),
        ({"statuses": [ACCEPTED]}, "No order was filled; none of 1 was rejected."),
        (
            {"statuses": [MARGIN], "reasons": [SUBMISSION]},
            "No order was filled; 1 of 1 order was rejected: "
            "1 due to insufficient cash at submission.",
        ),
        (
            {
                "fills": FILLS,
                "statuses": [COMPLETED, MARGIN, MARGIN],
                "reasons": [0, SUBMISSION, AT_FILL],
            },
            "2 of 3 orders were rejected: 1 due to insufficient cash at submission, "
            "1 due to insufficient cash at the fill.",
        ),
    ],
)
def test_a_suspicious_task_is_told_why(parts: dict[str, Any], sentence: str) -> None:
    assessment = assess_outcome(outcome_of([1.0], **parts))
    assert (assessment.status, assessment.reason) == ("suspicious", sentence)
