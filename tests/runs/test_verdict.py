"""`run.verdict()`: its numbers follow from the accounts of the tasks."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import date
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import backfleet as bf
from backfleet.results.point_sums import NoPointSums
from backfleet.runs.verdict import run_data
from backfleet.store import open_store
from backfleet.validation.cscv import Cscv, block_borders
from backfleet.validation.luck import expected_maximum
from backfleet.validation.mean_choice import SharedSegments, choice_by_mean
from backfleet.validation.missing import TooLittle, Undefined
from backfleet.validation.moments import Moments
from backfleet.validation.run_verdict import RunVerdict
from backfleet.validation.sharpe import Deflated
from backfleet.validation.track_record import TrackRecord
from backfleet.validation.verdict import Level, Overfitting, Verdict
from finished_runs import RunOf, run_once
from sample_job import job_of

RISK_FREE_RATE = 0.03
ENTRIES = list(range(2, 14))
SYMBOLS = ("600519", "600559", "600560")

FALLIBLE = """
import backtrader as bt


class Fallible(bt.Strategy):
    params = (("k", 1),)

    def next(self):
        if self.p.k == 1:
            raise ValueError("the first point")
        if self.p.k > 2 and len(self) % (2 * self.p.k) == self.p.k:
            self.buy(size=1)
        if self.p.k > 2 and len(self) % (2 * self.p.k) == 0:
            self.close()
"""


HOLDING = """
import backtrader as bt


class Holding(bt.Strategy):
    params = (("k", 1),)

    def next(self):
        if self.p.k == 1:
            if not self.position:
                self.buy(size=100)
        elif len(self) % self.p.k == 0:
            self.close() if self.position else self.buy(size=100)
"""


@pytest.fixture(scope="module")
def run_of(tmp_path_factory: pytest.TempPathFactory) -> RunOf:
    """Run a sweep of small orders in a store of its own; equal jobs run once."""
    return run_once(tmp_path_factory, fresh)


def fresh(
    store: Path | str,
    *,
    universe: str = "each",
    data_changes: Mapping[str, Any] | None = None,
    **changes: Any,
) -> bf.Run:
    usual: dict[str, Any] = {
        "strategy": "donchian-breakout",
        "params": {"entry": ENTRIES, "exit": 2},
        "symbols": SYMBOLS[:1],
        "broker": {"cash": 1_000_000, "commission": 0.0002},
        "results": {"store": str(store), "risk_free_rate": RISK_FREE_RATE},
    }
    job = job_of(store, **(usual | changes))
    data = job.data.model_copy(update={"universe": universe, **(data_changes or {})})
    control = bf.submit(job.model_copy(update={"data": data}))
    control.wait()
    return control.run


def returns_of(run: bf.Run, task: int, periods: float | None = None) -> pd.Series:
    """Return the returns of a task beyond the risk-free rate, by default in a year of its symbol's
    sessions."""
    equity = run.equity(task)
    days = equity["time"].dt.tz_convert("Asia/Shanghai").dt.date
    returns: pd.Series = equity["value"].groupby(days).last().pct_change().dropna()
    symbol = run.manifest.symbols[task // len(run.manifest.points)]
    return returns - RISK_FREE_RATE / (periods or symbol.sessions_per_year)


def deflated_of(returns: pd.Series, benchmark: float) -> float:
    """Return PSR by its formula (Bailey, López de Prado 2012)."""
    n, sharpe = len(returns), returns.mean() / returns.std()
    off = returns - returns.mean()
    spread = math.sqrt((off**2).mean())
    skew, kurtosis = (off**3).mean() / spread**3, (off**4).mean() / spread**4
    error = math.sqrt((1 - skew * sharpe + (kurtosis - 1) / 4 * sharpe**2) / (n - 1))
    return 0.5 * math.erfc(-(sharpe - benchmark) / error / math.sqrt(2))


def evidence_of(verdict: Verdict | NoPointSums) -> Any:
    assert isinstance(verdict, Verdict)
    return verdict.evidence


def deflated(verdict: Verdict) -> Deflated:
    assert isinstance(verdict.deflated, Deflated)
    return verdict.deflated


@pytest.mark.parametrize("universe", ["each", "portfolio"])
def test_numbers_of_the_best_point_follow_from_the_accounts(universe: str, run_of: RunOf) -> None:
    symbols = SYMBOLS if universe == "portfolio" else SYMBOLS[:1]
    run = run_of(universe=universe, symbols=symbols)
    verdict = run.verdict()
    rows = run.results()
    best = int(rows["sharpe"].argmax())
    evidence = verdict.best_task.evidence
    assert verdict.best_point is verdict.best_task
    assert (verdict.symbols, evidence.noun, evidence.trials) == (None, "point", len(ENTRIES))
    assert (evidence.best.task, evidence.best.params) == (best, {"entry": ENTRIES[best]})
    assert evidence.trades == rows["trades"][best]

    series = [returns_of(run, task, evidence.periods) for task in rows["task"]]
    ratios = np.array([returns.mean() / returns.std() for returns in series])
    assert isinstance(evidence.moments, Moments)
    assert evidence.moments.sharpe == pytest.approx(ratios[best], rel=1e-9)
    assert evidence.spread == pytest.approx(ratios.std(ddof=1), rel=1e-6)
    luck = deflated(verdict.best_task).luck
    assert luck.mean == pytest.approx(ratios.std(ddof=1) * expected_maximum(12), rel=1e-6)
    if not evidence.moments.is_autocorrelated:
        expected = deflated_of(series[best], luck.mean)
        assert deflated(verdict.best_task).probability == pytest.approx(expected, rel=1e-6)
    np.testing.assert_allclose(verdict.sharpe.ravel(), rows["sharpe"], rtol=1e-12)
    assert len(evidence.dates) == len(series[best])
    days = pd.to_datetime(pd.Index(series[best].index)).to_numpy().astype("datetime64[D]")
    assert np.abs((evidence.dates - days).astype(int)).max() <= 12
    interval = evidence.interval
    annual = evidence.moments.sharpe * math.sqrt(evidence.periods)
    assert annual == pytest.approx(rows["sharpe"][best], rel=1e-9)
    assert interval.low < annual < interval.high


def test_pbo_over_points_is_that_of_their_returns(run_of: RunOf) -> None:
    run = run_of()
    verdict = run.verdict()
    choice = verdict.choice
    assert isinstance(choice, Cscv)
    assert verdict.overfitting == Overfitting(choice.pbo, 12_870, len(ENTRIES))
    assert verdict.best_task.evidence.overfitting == verdict.overfitting
    segments = run.point_sums().sums.segments
    borders = block_borders(segments.counts, 16)
    block_of = np.repeat(np.arange(16), np.add.reduceat(segments.counts, borders[:-1]))
    returns = np.array([returns_of(run, task) for task in range(len(ENTRIES))])
    halves = list(combinations(range(16), 8))
    for split in (0, 1, 777, 6_434, 12_869):
        inside = np.isin(block_of, halves[split])
        scores, others = sharpe_by_row(returns[:, inside]), sharpe_by_row(returns[:, ~inside])
        winner = int(scores.argmax())
        assert choice.winners[split] == winner
        assert choice.inside[split] == pytest.approx(scores[winner])
        assert choice.outside[split] == pytest.approx(others[winner])
    assert f"in {choice.pbo:.0%} of 12,870 splits" in str(verdict)


def test_choice_by_mean_is_that_of_the_mean_sharpe_ratios_of_the_symbols(run_of: RunOf) -> None:
    run = run_of(symbols=SYMBOLS)
    symbols = run.verdict().symbols
    assert symbols is not None
    choice = choice_by_mean(run_data(run.stored), symbols.blocks)
    assert isinstance(choice, Cscv)
    assert (choice.points, len(choice.winners)) == (len(ENTRIES), 12_870)
    counts = SharedSegments.of(symbols.blocks).counts(symbols.blocks)
    borders = block_borders(counts.max(axis=1), 16)
    by_block = np.add.reduceat(counts, borders[:-1])
    for split, half in enumerate(combinations(range(16), 8)):
        if split % 1_000:
            continue
        scores, others = np.zeros(len(ENTRIES)), np.zeros(len(ENTRIES))
        for symbol in range(len(SYMBOLS)):
            tasks = range(symbol * len(ENTRIES), (symbol + 1) * len(ENTRIES))
            returns = np.array([returns_of(run, task) for task in tasks])
            inside = np.isin(np.repeat(np.arange(16), by_block[:, symbol]), half)
            scores += sharpe_by_row(returns[:, inside]) / len(SYMBOLS)
            others += sharpe_by_row(returns[:, ~inside]) / len(SYMBOLS)
        winner = int(scores.argmax())
        assert choice.winners[split] == winner
        assert choice.inside[split] == pytest.approx(scores[winner])
        assert choice.outside[split] == pytest.approx(others[winner])


def sharpe_by_row(returns: NDArray[np.float64]) -> NDArray[np.float64]:
    return returns.mean(axis=1) / returns.std(axis=1, ddof=1)


def test_several_symbols_have_three_verdicts_with_their_own_trials(run_of: RunOf) -> None:
    run = run_of(symbols=SYMBOLS)
    verdict = run.verdict()
    rows = run.results()
    task = verdict.best_task.evidence
    assert (task.noun, task.trials, task.symbols) == ("task", 36, 3)
    assert task.best.task == int(rows["sharpe"].argmax())
    symbols = verdict.symbols
    assert symbols is not None
    best = rows.loc[rows.groupby("symbol")["sharpe"].idxmax()].set_index("symbol")["task"]
    trials = [evidence_of(one) for one in symbols.verdicts]
    assert [trial.best.symbol for trial in trials] == list(SYMBOLS)
    assert [trial.best.task for trial in trials] == [best[symbol] for symbol in SYMBOLS]
    assert [trial.trials for trial in trials] == [len(ENTRIES)] * 3
    p_values = [1 - deflated(one).probability for one in symbols.verdicts]
    order = np.argsort(p_values)
    slow = [min(3 * p_values[j] / (i + 1) for i, j in list(enumerate(order))[k:]) for k in range(3)]
    np.testing.assert_allclose(symbols.adjusted[order], np.minimum(slow, 1.0))
    assert symbols.discoveries.tests == 3
    text = str(verdict)
    for title in (
        "Best task, of all points on 3 symbols",
        "Best point over 3 symbols",
        "Best point of each symbol",
    ):
        assert title in text


def test_best_point_over_symbols_is_that_of_the_equal_weight_returns(run_of: RunOf) -> None:
    run = run_of(symbols=SYMBOLS)
    verdict = run.verdict()
    evidence = evidence_of(verdict.best_point)
    series = []
    for point in range(len(ENTRIES)):
        tasks = [symbol * len(ENTRIES) + point for symbol in range(len(SYMBOLS))]
        returns = [returns_of(run, task, evidence.periods) for task in tasks]
        series.append(pd.concat(returns, axis=1).mean(axis=1))
    ratios = np.array([returns.mean() / returns.std() for returns in series])
    best = int(ratios.argmax())
    assert (evidence.noun, evidence.trials, evidence.symbols) == ("point", len(ENTRIES), 3)
    assert (evidence.best.point, evidence.best.task) == (best, None)
    assert evidence.moments.sharpe == pytest.approx(ratios[best], rel=1e-9)
    assert evidence.spread == pytest.approx(ratios.std(ddof=1), rel=1e-6)
    assert evidence.trades == run.results().query(f"entry == {ENTRIES[best]}")["trades"].sum()
    assert [str(day) for day in evidence.dates] == [str(day) for day in series[best].index]
    annual = np.sort(ratios * math.sqrt(evidence.periods))
    np.testing.assert_allclose(np.sort(verdict.sharpe), annual, rtol=1e-6)
    assert evidence.overfitting == verdict.overfitting
    assert "The best of 12 points over 3 symbols with equal weight (point " in str(verdict)


def test_failed_points_count_and_points_that_never_traded_do_not(tmp_path: Path) -> None:
    (tmp_path / "fallible.py").write_text(FALLIBLE)
    strategy = f"{tmp_path / 'fallible.py'}:Fallible"
    run = fresh(tmp_path / "runs", strategy=strategy, params={"k": list(range(1, 9))})
    evidence = run.verdict().best_task.evidence
    assert (evidence.trials, evidence.failed, evidence.missing) == (7, 1, 0)
    defined = run.results()["sharpe"].dropna()
    assert len(defined) == 6
    spread = evidence.spread * math.sqrt(evidence.periods)
    assert spread == pytest.approx(defined.std(ddof=1))
    text = str(run.verdict())
    assert "The best of 7 points" in text
    assert "The number of trials includes 1 failed task." in text
    assert "PBO is not given: 6 points, 10 are needed." in text


@pytest.mark.parametrize("symbols", [SYMBOLS[:1], SYMBOLS])
def test_the_best_has_enough_trades_as_on_the_leaderboards(
    symbols: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "holding.py").write_text(HOLDING)
    strategy = f"{tmp_path / 'holding.py'}:Holding"
    run = fresh(tmp_path / "runs", strategy=strategy, params={"k": [1, 5, 7, 9]}, symbols=symbols)
    rows, verdict = run.results(), run.verdict()
    assert rows["sharpe"].argmax() % 4 == 0
    assert rows["trades"].iloc[::4].tolist() == [0] * len(symbols)
    leader = rows[rows["trades"] >= 10]["sharpe"].idxmax()
    evidence = verdict.best_task.evidence
    assert (evidence.best.task, evidence.min_trades) == (rows["task"][leader], 10)
    assert f"Among those with at least 10 trades, the best of {len(rows)} " in str(verdict)
    if verdict.symbols is not None:
        point = evidence_of(verdict.best_point)
        assert (point.best.point != 0, point.min_trades) == (True, 10)
        assert "at least 10 trades per symbol, the best of 4 points over 3 symbols" in str(verdict)
        assert all(trial.evidence.best.point != 0 for trial in verdict.symbols.verdicts)


def test_single_point_is_compared_with_0_and_with_the_ledger(tmp_path: Path) -> None:
    one = fresh(tmp_path, params={"entry": 5, "exit": 2})
    verdict = one.verdict()
    assert str(verdict).startswith("Best point\nThe only point has a Sharpe ratio of ")
    assert deflated(verdict.best_task).luck.mean == 0.0
    assert deflated(verdict.best_task).probability == pytest.approx(
        deflated_of(returns_of(one, 0), 0.0), rel=0.05
    )
    fresh(tmp_path, params={"entry": ENTRIES, "exit": 2})
    later = one.verdict().best_task
    assert isinstance(later.counted, Deflated)
    assert later.counted.luck.trials == len(ENTRIES)
    assert later.counted.probability < deflated(later).probability
    assert later.deflated == verdict.best_task.deflated


def test_incomplete_run_has_a_verdict_that_names_the_missing_tasks(
    tmp_path: Path, run_of: RunOf
) -> None:
    whole = run_of(symbols=SYMBOLS)
    root = open_store(str(tmp_path))
    chunks = [entry.key for entry in whole.store.list("chunks/")]
    for entry in whole.store.list(""):
        if entry.key not in chunks[1:] and entry.key != "results.parquet":
            root.at(whole.id).put_if_absent(entry.key, whole.store.read(entry.key))
    part = bf.open_run(tmp_path / whole.id)
    missing = part.counts().missing
    assert 0 < missing < whole.manifest.tasks
    verdict = part.verdict()
    assert (verdict.best_task.evidence.missing, verdict.best_task.evidence.trials) == (missing, 36)
    assert f"This is not final: {missing} tasks without a result." in str(verdict)
    for entry in part.store.list("chunks/"):
        (tmp_path / whole.id / entry.key).unlink()
    empty = bf.open_run(tmp_path / whole.id).verdict()
    assert empty.best_task.reason == TooLittle("tasks with a result", 0, 1)
    assert isinstance(empty.choice, Undefined | TooLittle)


def test_verdict_on_s3_is_that_of_the_directory(run_of: RunOf, s3_store_url: str) -> None:
    run = run_of(symbols=SYMBOLS)
    there = open_store(s3_store_url).at(run.id)
    for entry in run.store.list(""):
        there.put_if_absent(entry.key, run.store.read(entry.key))
    copy = bf.open_run(f"{s3_store_url}/{run.id}")
    assert copy.verdict().to_json() == run.verdict().to_json()


def test_too_little_data_names_the_number_needed(tmp_path: Path) -> None:
    data = {"start": date(2019, 1, 2), "end": date(2019, 1, 8)}
    run = fresh(tmp_path, data_changes=data, params={"entry": [1, 2]})
    verdict = run.verdict()
    assert verdict.level is Level.TOO_LITTLE_DATA
    assert "Too little data: " in str(verdict)


def test_representations_say_the_level_and_escape_names(run_of: RunOf) -> None:
    verdict = run_of().verdict()
    assert isinstance(verdict, RunVerdict)
    assert verdict.level in Level
    assert repr(verdict).startswith(f"RunVerdict({verdict.run_id!r}, ")
    assert verdict._repr_html_().startswith("<div><b>Best point</b><p>The best of 12 points")
    numbers = json.loads(json.dumps(verdict.to_json(), allow_nan=False))
    assert numbers["best_task"]["level"] == str(verdict.level)
    assert numbers["pbo"]["noise_low"] < numbers["pbo"]["noise_high"]
    assert isinstance(verdict.best_task.record, TrackRecord)
