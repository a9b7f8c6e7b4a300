"""Folds of a run: points chosen in training windows, and the account of the tests after them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import backfleet as bf
from backfleet.errors import CorruptObject, JobError, UserError
from backfleet.job import Validation
from backfleet.metrics.sums import sum_returns
from backfleet.runs.validation_rule import RULE
from backfleet.validation.moments import Moments, moments_of
from exhaustive_cases import cases
from sample_job import job_of

RISK_FREE_RATE = 0.03
PERIODS = [5, 10, 20, 40]
ROLLING: dict[str, Any] = {"windows": "rolling", "train": "1 year", "test": "6 months"}
YEARS = [("2019-01", "2019-12"), ("2019-07", "2020-06"), ("2020-01", "2020-12")]
HALVES = [("2020-01", "2020-06"), ("2020-07", "2020-12"), ("2021-01", "2021-06")]

FALLIBLE = """
import backtrader as bt


class Fallible(bt.Strategy):
    params = (("k", 1),)

    def next(self):
        if self.p.k % 2:
            raise ValueError("an odd point")
        if len(self) % self.p.k == 0:
            self.close() if self.position else self.buy(size=10)
"""


def run_job(store: Path, *, detail: str = "full", universe: str = "each", **keys: Any) -> bf.Run:
    usual: dict[str, Any] = {"params": {"period": PERIODS}, "validation": ROLLING}
    results = {"store": str(store), "detail": detail, "risk_free_rate": RISK_FREE_RATE}
    job = job_of(store, results=results, **(usual | keys))
    data = job.data.model_copy(update={"universe": universe})
    control = bf.submit(job.model_copy(update={"data": data}))
    control.wait()
    return control.run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> bf.Run:
    return run_job(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def series(run: bf.Run) -> pd.DataFrame:
    """The equal-weight series of every point by its definition, with a row per session."""
    points = len(run.manifest.points)
    by_task = {task: slow_returns(run, task) for task in range(run.manifest.tasks)}
    return pd.DataFrame(
        {
            point: pd.concat(
                [returns for task, returns in by_task.items() if task % points == point], axis=1
            ).mean(axis=1)
            for point in range(points)
        }
    )


def slow_returns(run: bf.Run, task: int) -> pd.Series:
    equity = run.equity(task)
    days = equity["time"].dt.tz_convert("Asia/Shanghai").dt.strftime("%Y-%m-%d")
    closes = equity["value"].groupby(days).last()
    return (closes / closes.shift() - 1.0).dropna()


def slow_sharpe(returns: pd.Series, periods: float) -> float:
    deviation = float(returns.std())
    excess = float(returns.mean()) - RISK_FREE_RATE / periods
    return excess / deviation * math.sqrt(periods) if deviation else math.nan


def months(frame: Any, window: tuple[str, str]) -> Any:
    first, last = window
    return frame[(frame.index >= f"{first}-01") & (frame.index <= f"{last}-31")]


def test_every_fold_takes_the_point_with_the_best_training_sharpe(
    run: bf.Run, series: pd.DataFrame
) -> None:
    folds = run.folds()
    assert len(folds.choices) == 3
    for choice, train, test in zip(folds.choices, YEARS, HALVES, strict=True):
        trained = months(series, train).apply(slow_sharpe, periods=folds.basis.periods)
        tested = months(series, test).apply(slow_sharpe, periods=folds.basis.periods)
        best = int(trained.idxmax())
        assert choice.point == best
        assert choice.train_score == pytest.approx(trained[best])
        assert choice.train_sharpe == choice.train_score
        assert choice.test_score == pytest.approx(tested[best])
        assert choice.rank == pytest.approx((tested.rank()[best] - 1) / (len(PERIODS) - 1))
        assert choice.test_median == pytest.approx(tested.median())
        assert choice.test_best == pytest.approx(tested.max())
    spans = [(str(choice.train[0].first), str(choice.test[0].last)) for choice in folds.choices]
    assert spans[0] == ("2019-01-03", "2020-06-30")


def test_the_stitched_account_earns_the_tests_of_the_chosen_points(
    run: bf.Run, series: pd.DataFrame
) -> None:
    folds = run.folds()
    account = folds.account
    assert account is not None
    parts = [
        months(series[choice.point], test)
        for choice, test in zip(folds.choices, HALVES, strict=True)
    ]
    expected = pd.concat(parts)
    assert [str(day) for day in account.days] == list(expected.index)
    np.testing.assert_allclose(account.returns, expected.to_numpy(), rtol=1e-12, atol=1e-15)
    values = (1 + expected).cumprod()
    np.testing.assert_allclose(account.values, values, rtol=1e-12)
    peaks = np.maximum(values.cummax(), 1.0)
    assert account.metrics["max_drawdown"] == pytest.approx((values / peaks - 1).min())
    assert account.metrics["total_return"] == pytest.approx(values.iloc[-1] - 1)
    assert account.metrics["sharpe"] == pytest.approx(slow_sharpe(expected, folds.basis.periods))


def test_hindsight_is_the_best_point_of_all_sessions_in_the_same_tests(
    run: bf.Run, series: pd.DataFrame
) -> None:
    folds = run.folds()
    best = int(series.apply(slow_sharpe, periods=folds.basis.periods).idxmax())
    expected = pd.concat([months(series[best], test) for test in HALVES])
    assert folds.hindsight is not None
    np.testing.assert_allclose(folds.hindsight.returns, expected, rtol=1e-12, atol=1e-15)
    assert folds.hindsight.metrics["sharpe"] == pytest.approx(
        slow_sharpe(expected, folds.basis.periods)
    )


def test_trades_and_fees_are_those_of_the_chosen_points_in_their_tests(run: bf.Run) -> None:
    folds, points = run.folds(), len(PERIODS)
    trades, fees = 0, 0.0
    for choice, test in zip(folds.choices, HALVES, strict=True):
        closed = 0
        for task in range(run.manifest.tasks):
            if task % points == choice.point:
                closed += len(months(by_day(run.trades(task), "closed"), test))
                fees += months(by_day(run.fills(task), "time"), test)["commission"].sum()
        assert choice.trades == closed
        trades += closed
    assert folds.account is not None
    assert folds.account.trades == trades > 0
    assert folds.account.fees == pytest.approx(fees)


def by_day(table: pd.DataFrame, time: str) -> pd.DataFrame:
    table = table[table[time].notna()]
    return table.set_index(table[time].dt.tz_convert("Asia/Shanghai").dt.strftime("%Y-%m-%d"))


def test_another_rule_chooses_otherwise_and_runs_nothing(run: bf.Run) -> None:
    stored = [entry.key for entry in run.store.list()]
    by_volatility = run.folds(select="volatility")
    tested = [choice.test_score for choice in by_volatility.choices]
    assert all(score is not None and score > 0 for score in tested)
    for choice in by_volatility.choices:
        assert choice.test_best is not None
        assert choice.test_score is not None
        assert choice.test_best <= choice.test_score
    few = run.folds(where="trades < 4 and max_drawdown > -0.5")
    assert [choice.point for choice in few.choices] != [c.point for c in run.folds().choices]
    assert [entry.key for entry in run.store.list()] == stored


def test_a_fold_without_any_allowed_point_holds_cash_and_is_named(run: bf.Run) -> None:
    folds = run.folds(where="trades > 1000")
    assert [choice.point for choice in folds.choices] == [None, None, None]
    assert list(folds.cash_folds) == [1, 2, 3]
    assert folds.account is not None
    assert not folds.account.returns.any()
    assert folds.account.metrics["sharpe"] is None
    assert (folds.decay, folds.rank, folds.evidence()) == (None, None, None)


def test_points_of_failed_tasks_are_never_chosen(tmp_path: Path) -> None:
    (tmp_path / "fallible.py").write_text(FALLIBLE)
    strategy = f"{tmp_path / 'fallible.py'}:Fallible"
    run = run_job(tmp_path / "runs", strategy=strategy, params={"k": [1, 2, 3, 4]})
    assert {choice.point for choice in run.folds().choices} <= {1, 3}
    for choice in run.folds(select="volatility").choices:
        assert choice.point in (1, 3)
        assert choice.rank in (0.0, 1.0)


def test_each_symbol_has_its_own_choice_and_the_account_weighs_them_equally(run: bf.Run) -> None:
    folds = run.folds(per="symbol")
    points = len(PERIODS)
    earned = []
    for place, symbol in enumerate(run.manifest.symbols):
        own = [choice for choice in folds.choices if choice.symbol == symbol.name]
        returns = {
            point: slow_returns(run, place * points + point) for point in range(len(PERIODS))
        }
        parts = []
        for choice, train, test in zip(own, YEARS, HALVES, strict=True):
            scores = [
                slow_sharpe(months(returns[point], train), folds.basis.periods)
                for point in range(points)
            ]
            expected = None if np.isnan(scores).all() else int(np.nanargmax(scores))
            assert choice.point == expected
            part = months(returns[choice.point or 0], test)
            parts.append(part if choice.point is not None else part * 0.0)
        earned.append(pd.concat(parts))
    account = folds.account
    assert account is not None
    expected_returns = pd.concat(earned, axis=1).mean(axis=1)
    np.testing.assert_allclose(account.returns, expected_returns, rtol=1e-12, atol=1e-15)
    evidence = folds.evidence()
    assert evidence is not None
    assert (evidence.changes, evidence.steps) == (folds.changes, len(folds.consecutive))


def test_a_symbol_that_is_left_out_of_every_fold_is_counted(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    days = [str(day) for day in np.arange("2019-01-01", "2021-07-01", dtype="datetime64[D]")]
    for name, own in (("LONG", days), ("LATE", days[-15:])):
        lines = [f"{day},10,13,9,{10 + number % 3},100" for number, day in enumerate(own)]
        text = "\n".join(["date,open,high,low,close,volume", *lines, ""])
        (data / f"{name}.csv").write_text(text)
    source = {"source": "csv", "path": str(data)}
    folds = run_job(tmp_path / "runs", data=source, params={"period": [2, 3]}).folds(per="symbol")
    assert {choice.symbol for choice in folds.choices} == {"LONG"}
    assert folds.left_out == len(folds.choices) == 3


def test_a_plateau_is_the_mean_over_neighbors(run: bf.Run, series: pd.DataFrame) -> None:
    folds = run.folds(plateau=True)
    for choice, train in zip(folds.choices, YEARS, strict=True):
        scores = months(series, train).apply(slow_sharpe, periods=folds.basis.periods).to_list()
        means = [np.nanmean(scores[max(point - 1, 0) : point + 2]) for point in range(4)]
        assert choice.point == int(np.argmax(means))
        assert choice.train_score == pytest.approx(scores[choice.point])


def test_paths_of_groups_are_accounts_over_all_sessions(run: bf.Run, series: pd.DataFrame) -> None:
    folds = run.folds(windows="groups", groups=4, test_groups=2)
    assert folds.account is None
    assert folds.paths is not None
    assert len(folds.choices) == 6
    assert len(folds.paths) == 3
    borders = [session * len(series) // 4 for session in range(5)]
    # The first path tests group 0 in fold (0, 1), group 1 in it, too, 2 in (0, 2), 3 in (0, 3).
    folds_of_groups = (1, 1, 2, 3)
    parts = [
        series[folds.choices[fold - 1].point].iloc[start:end]
        for fold, (start, end) in zip(folds_of_groups, pairwise(borders), strict=True)
    ]
    assert folds.paths[0] == pytest.approx(slow_sharpe(pd.concat(parts), folds.basis.periods))
    quantiles = folds.path_quantiles()
    assert quantiles is not None
    assert quantiles[0.5] == pytest.approx(np.median(folds.paths))


def test_a_purge_leaves_sessions_out_between_training_and_test(
    run: bf.Run, series: pd.DataFrame
) -> None:
    folds = run.folds(windows="split", test="1 year", purge=5)
    (choice,) = folds.choices
    days = list(series.index)
    assert days.index(str(choice.test[0].first)) - days.index(str(choice.train[0].last)) == 6
    assert str(choice.test[0].last) == days[-1]


def test_nothing_of_the_tests_changes_a_choice(run: bf.Run) -> None:
    before = run.folds()
    early = run.folds(holdout="2020-07-01")
    assert early.choices == before.choices[:1]
    assert str(early.windows.tested[1]) < "2020-07-01"


def test_a_portfolio_has_one_choice_per_fold(tmp_path: Path) -> None:
    run = run_job(tmp_path, universe="portfolio")
    folds = run.folds()
    by_point = {point: slow_returns(run, point) for point in range(len(PERIODS))}
    for choice, train in zip(folds.choices, YEARS, strict=True):
        scores = [slow_sharpe(months(by_point[p], train), folds.basis.periods) for p in by_point]
        assert choice.point == int(np.argmax(scores))
    assert folds.account is not None
    assert folds.account.trades == sum(choice.trades or 0 for choice in folds.choices)


def test_evidence_for_the_verdict_is_annual(run: bf.Run) -> None:
    folds = run.folds(select="sortino")
    evidence = folds.evidence()
    assert evidence is not None
    assert folds.account is not None
    returns = folds.basis.excess(folds.account.returns)
    moments = moments_of(sum_returns(returns, np.array([0, len(returns)])))
    assert isinstance(moments, Moments)
    assert evidence.test_sharpe == pytest.approx(moments.sharpe * math.sqrt(folds.basis.periods))
    assert evidence.train_sharpe != pytest.approx(folds.train_score)
    assert (evidence.folds, evidence.changes) == (3, folds.changes)


def test_windows_of_the_job_change_neither_id_nor_rows_and_the_last_ones_count(
    tmp_path: Path,
) -> None:
    plain = run_job(tmp_path, validation={}, params={"period": [10, 20]})
    with pytest.raises(UserError, match=r"has no validation windows\. Give them with --set"):
        plain.folds()
    rolling = run_job(tmp_path, params={"period": [10, 20]})
    assert rolling.id == plain.id
    assert len(plain.folds().choices) == 3
    run_job(tmp_path, params={"period": [10, 20]}, validation={"windows": "split", "test": 200})
    assert len(plain.folds().choices) == 1
    run_job(tmp_path, validation={}, params={"period": [10, 20]})
    assert len(plain.folds().choices) == 1


def test_a_damaged_rule_is_reported(tmp_path: Path) -> None:
    run = run_job(tmp_path, params={"period": 10}, symbols=("600519",))
    content = run.store.read(RULE)
    run.store.replace(RULE, content.replace(b"rolling", b"rollinG"))
    with pytest.raises(CorruptObject, match=RULE):
        run.folds()


def bad_requests() -> Iterator[tuple[dict[str, Any], str]]:
    yield {"train": "20 years"}, "no window fits into 607 sessions from 2019-01-03 to 2021-07-05"
    yield {"select": "win_rate"}, "does not follow from the returns of a window. Use sharpe"
    yield {"select": "sharp"}, "is not a metric of a window. Use sharpe, sortino"
    yield {"step": "1 month"}, "test windows overlap: step is 1 month, test is 6 months"
    yield {"where": "1 / trades > 0 and trades / 0 > 1"}, "zero"
    yield {"holdout": "2019-01-01"}, "holdout = 2019-01-01 leaves 0 of 607 sessions to the windows"
    yield {"windows": "groups", "groups": 4, "purge": 400}, "a window holds no session after purge"


@pytest.mark.parametrize(("keys", "reason"), list(bad_requests()))
def test_windows_and_rules_that_cannot_be_used_are_refused(
    run: bf.Run, keys: dict[str, Any], reason: str
) -> None:
    with pytest.raises(JobError) as caught:
        run.folds(**keys)
    assert reason in str(caught.value)


def test_windows_that_do_not_fit_are_refused_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="no window fits into 607 sessions"):
        run_job(tmp_path, validation=ROLLING | {"train": "3 years"})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("universe", cases("each", exhaustive=["portfolio"]))
def test_a_run_without_details_chooses_the_same_points(universe: str, tmp_path: Path) -> None:
    full = run_job(tmp_path / "full", universe=universe).folds()
    folds = run_job(tmp_path / "summary", universe=universe, detail="summary").folds()
    assert folds.account is not None
    assert full.account is not None
    assert [replace(choice, trades=None, fees=None) for choice in full.choices] == list(
        folds.choices
    )
    assert folds.account.values.tobytes() == full.account.values.tobytes()
    assert (folds.account.trades, folds.account.fees) == (None, None)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"per": "symbol"}, 'validation.per = "symbol": the returns of each task are not stored'),
        ({"where": "trades > 5"}, 'validation.where = "trades > 5": the trades of each window are'),
    ],
)
def test_a_job_that_will_not_store_what_its_rule_needs_is_refused(
    keys: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(JobError) as caught:
        run_job(tmp_path, detail="summary", validation=ROLLING | keys)
    assert message in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_job_with_windows_and_too_many_points_to_keep_their_returns_is_refused(
    tmp_path: Path,
) -> None:
    params = {"period": list(range(2, 1_003))}
    with pytest.raises(JobError) as caught:
        run_job(tmp_path, detail="summary", params=params)
    assert str(caught.value) == (
        'validation.windows = "rolling": the returns by date of 1,001 points and 2 symbols are not '
        'stored with results.detail = "summary", which keeps those of at most 1,000 points and 256 '
        'MB. Use fewer points or symbols, or detail = "full"'
    )
    assert not list(tmp_path.iterdir())


def test_a_run_without_details_says_what_it_lacks(tmp_path: Path) -> None:
    run = run_job(tmp_path, detail="summary", validation={"windows": "split", "test": 200})
    with pytest.raises(UserError, match=r'per = "symbol" needs the returns of each task'):
        run.folds(per="symbol")


def test_rule_of_python_is_used_as_it_is(run: bf.Run) -> None:
    folds = run.folds(Validation(windows="anchored", train="1 year", test="6 months"))
    assert [choice.train[0].first for choice in folds.choices] == [folds.windows.days[0]] * 3


def test_a_holdout_is_tested_once_and_the_runs_that_include_it_are_counted(tmp_path: Path) -> None:
    holdout = {"validation": ROLLING | {"holdout": "2021-01-01"}, "params": {"period": [10, 20]}}
    run = run_job(tmp_path, **holdout)
    folds = run.folds()
    assert [choice.fold for choice in folds.choices] == [1, 2]
    (choice,) = folds.holdout
    assert str(choice.test[0]) == "2021-01-04 to 2021-07-05"
    assert str(choice.train[0].last) == "2020-12-31"
    assert choice.point == run.folds(holdout=None).choices[2].point
    assert folds.looks == 1
    run_job(tmp_path, **holdout)
    assert run.folds().looks == 1
    # Runs of jobs that declare no holdout have shown these sessions, too.
    run_job(tmp_path, validation={}, params={"period": [30]})
    assert run.folds().looks == 2
    assert run.folds(holdout="2030-01-01").looks == 0
    assert run.folds(holdout=None).looks is None


def test_a_run_that_ends_before_the_holdout_has_not_looked(tmp_path: Path) -> None:
    keys = {"validation": ROLLING | {"holdout": "2021-01-01"}, "params": {"period": [10]}}
    job = job_of(tmp_path, **keys)
    data = job.data.model_copy(update={"end": date(2020, 12, 31)})
    run = bf.run(job.model_copy(update={"data": data}), progress=None)
    folds = run.folds()
    assert (folds.looks, folds.holdout) == (0, ())
