"""Windows that begin flat: every point runs in every window with an account of its own."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import backfleet as bf
from backfleet.errors import CorruptObject, JobError, NoVerdict, UserError
from backfleet.plan.manifest import Manifest
from backfleet.plan.plan import plan_job
from backfleet.report.job_text import job_text
from backfleet.store import open_store
from backfleet.submissions.trial_ledger import entry_of
from backfleet.validation.trial_counts import read_families
from sample_job import job_of

PERIODS = [5, 20]
FLAT: dict[str, Any] = {
    "windows": "rolling",
    "train": "1 year",
    "test": "6 months",
    "start": "flat",
}
WINDOWS = [
    ("2019-01-03", "2019-12-31"),
    ("2019-07-01", "2020-06-30"),
    ("2020-01-02", "2020-06-30"),
    ("2020-01-02", "2020-12-31"),
    ("2020-07-01", "2020-12-31"),
    ("2021-01-04", "2021-06-30"),
]

FALLIBLE = """
import backtrader as bt


class Fallible(bt.Strategy):
    params = (("period", 5),)

    def next(self):
        if len(self) == 1 and f"{self.data.datetime.date():%Y-%m}" == "2019-07":
            raise ValueError("no account in the window that begins here")
        if len(self) % self.p.period == 0:
            self.close() if self.position else self.buy(size=10)
"""


def make_job(store: Path, *, universe: str = "each", warmup: int = 0, **keys: Any) -> bf.Job:
    usual: dict[str, Any] = {"params": {"period": PERIODS}, "validation": FLAT}
    job = job_of(store, **(usual | keys))
    data = job.data.model_copy(update={"universe": universe, "warmup": warmup})
    return job.model_copy(update={"data": data})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> bf.Run:
    return bf.run(make_job(tmp_path_factory.mktemp("flat")), progress=None)


def alone(store: Path, window: tuple[str, str], **keys: Any) -> bf.Run:
    """Run the sweep over one window only, as a job of its own."""
    job = make_job(store, validation={}, **keys)
    first, last = window
    dates = {"start": first, "end": last}
    values = job.model_dump(mode="json")
    return bf.run(bf.Job(**values | {"data": values["data"] | dates}), progress=None)


def test_a_window_gives_the_rows_of_a_run_over_its_sessions(run: bf.Run, tmp_path: Path) -> None:
    assert list(run.manifest.windows) == WINDOWS
    rows = run.results()
    assert len(rows) == 2 * len(WINDOWS) * len(PERIODS)
    for window in (WINDOWS[0], WINDOWS[4]):
        own = rows[rows["fold_window"] == " to ".join(window)]
        expected = alone(tmp_path, window).results()
        for column in ("symbol", "period", "final_value", "trades", "max_drawdown", "fees"):
            assert own[column].tolist() == pytest.approx(expected[column].tolist(), nan_ok=True)


@pytest.mark.parametrize("universe", ["each", "portfolio"])
def test_warm_up_bars_before_each_window_feed_indicators(universe: str, tmp_path: Path) -> None:
    flat = bf.run(make_job(tmp_path, universe=universe, warmup=20), progress=None)
    rows = flat.results()
    own = rows[rows["fold_window"] == " to ".join(WINDOWS[4])]
    expected = alone(tmp_path, WINDOWS[4], universe=universe, warmup=20).results()
    assert own["final_value"].tolist() == expected["final_value"].tolist()
    assert own["trades"].tolist() == expected["trades"].tolist()


def test_every_fold_chooses_by_the_account_of_its_training_window(run: bf.Run) -> None:
    folds = run.folds()
    accounts = slow_accounts(run)
    for choice in folds.choices:
        train = str(choice.train[0].first), str(choice.train[0].last)
        test = str(choice.test[0].first), str(choice.test[0].last)
        scores = [
            sharpe(accounts[train, point], folds.basis.periods) for point in range(len(PERIODS))
        ]
        assert choice.point == int(np.nanargmax(scores))
        assert choice.train_score == pytest.approx(scores[choice.point])
        tested = sharpe(accounts[test, choice.point], folds.basis.periods)
        assert choice.test_score == pytest.approx(tested)
    expected = np.concatenate(
        [
            accounts[(str(choice.test[0].first), str(choice.test[0].last)), choice.point or 0]
            for choice in folds.choices
        ]
    )
    assert folds.account is not None
    np.testing.assert_allclose(folds.account.returns, expected, rtol=1e-12, atol=1e-15)
    assert folds.account.days[0] == np.datetime64("2020-01-02")
    assert folds.account.returns[0] == 0.0
    assert folds.hindsight is None
    assert folds.account.trades == sum(choice.trades or 0 for choice in folds.choices) > 0


def slow_accounts(run: bf.Run) -> dict[tuple[tuple[str, str], int], Any]:
    """Return the equal-weight returns of every window and point, from the equity of the tasks.

    Both symbols are traded in all sessions that matter, or stand still.
    """
    collected: dict[tuple[tuple[str, str], int], list[dict[str, float]]] = {}
    for task in range(run.manifest.tasks):
        key = run.manifest.task(task)
        assert key.window is not None
        equity = run.equity(task)
        days = equity["time"].dt.tz_convert("Asia/Shanghai").dt.strftime("%Y-%m-%d")
        values = [run.manifest.broker.cash, *equity["value"]]
        returns = [after / before - 1 for before, after in pairwise(values)]
        point = PERIODS.index(key.params["period"])
        collected.setdefault((key.window, point), []).append(dict(zip(days, returns, strict=True)))
    means = {}
    for name, series in collected.items():
        union = sorted(set().union(*series))
        means[name] = np.array(
            [np.mean([one[day] for one in series if day in one]) for day in union]
        )
    return means


def sharpe(returns: NDArray[np.float64], periods: float) -> float:
    deviation = float(np.std(returns, ddof=1))
    return float(np.mean(returns)) / deviation * math.sqrt(periods) if deviation else math.nan


def test_each_symbol_chooses_by_its_own_accounts(run: bf.Run) -> None:
    folds = run.folds(per="symbol")
    assert {choice.symbol for choice in folds.choices} == {"600519", "600559"}
    assert folds.account is not None
    assert folds.hindsight is None


def test_a_fold_holds_cash_if_every_task_of_its_training_failed(tmp_path: Path) -> None:
    (tmp_path / "fallible.py").write_text(FALLIBLE)
    strategy = f"{tmp_path / 'fallible.py'}:Fallible"
    run = bf.run(make_job(tmp_path / "runs", strategy=strategy), progress=None)
    assert run.counts().error == 2 * len(PERIODS)
    for rule in ({}, {"per": "symbol"}, {"where": "trades >= 1"}):
        folds = run.folds(**rule)
        assert list(folds.cash_folds) == [2]
        assert {choice.fold for choice in folds.choices if choice.point is not None} == {1, 3}
        assert folds.account is not None
        assert folds.account.metrics["sharpe"] is not None


def test_another_rule_needs_no_new_run_and_other_windows_do(run: bf.Run) -> None:
    assert len(run.folds(select="sortino", where="trades >= 1").choices) == 3
    with pytest.raises(UserError, match=r"has no tasks from 2019-01-03 to 2020-06-30"):
        run.folds(windows="anchored")
    with pytest.raises(UserError, match=r'was planned with start = "flat"\. Run the job again'):
        run.folds(start="running")


def test_a_run_over_all_sessions_has_no_flat_windows(tmp_path: Path) -> None:
    plain = bf.run(make_job(tmp_path, validation={}, params={"period": 5}), progress=None)
    with pytest.raises(UserError, match='was planned with start = "running"'):
        plain.folds(**FLAT)


def test_windows_are_part_of_the_id_and_known_rows_are_reused(tmp_path: Path) -> None:
    shared = bf.run(make_job(tmp_path), progress=None)
    anchored = FLAT | {"windows": "anchored"}
    other = bf.submit(make_job(tmp_path, validation=anchored))
    other.wait()
    assert other.run.id != shared.id
    # Three test windows and the first training window are those of the earlier run.
    assert other.reused == 4 * 2 * len(PERIODS)


def test_the_ledger_counts_each_point_once(run: bf.Run) -> None:
    (family,) = read_families(open_store(str(Path(run.url).parent)))
    assert family.entries[0].count == len(PERIODS)
    assert entry_of(run.manifest).points == run.manifest.base_points.to_json()


def test_the_manifest_is_read_back_with_its_windows(run: bf.Run) -> None:
    content = run.manifest.to_bytes()
    again = Manifest.from_bytes(content, run.store.read)
    assert again.windows == run.manifest.windows
    assert again.run_id == run.id


def test_the_job_on_the_report_is_the_same_run(run: bf.Run, tmp_path: Path) -> None:
    file = tmp_path / "job.toml"
    file.write_text(job_text(run))
    assert plan_job(bf.Job.load(file)).manifest.run_id == run.id


def bad_jobs() -> list[tuple[dict[str, Any], str]]:
    groups = {"windows": "groups", "start": "flat"}
    return [
        ({"validation": groups}, 'start = "flat" cannot be combined with windows = "groups"'),
        (
            {"results": {"detail": "summary"}},
            'validation.start = "flat": the accounts of each window are not stored',
        ),
    ]


@pytest.mark.parametrize(("keys", "message"), bad_jobs())
def test_flat_windows_that_cannot_be_used_are_refused(
    keys: dict[str, Any], message: str, tmp_path: Path
) -> None:
    if "results" in keys:
        keys = keys | {"results": {"store": str(tmp_path), **keys["results"]}}
    with pytest.raises(JobError) as caught:
        bf.run(make_job(tmp_path, **keys), progress=None)
    assert message in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_symbol_without_sessions_in_a_window_is_refused(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    days = [str(day) for day in np.arange("2019-01-01", "2021-01-01", dtype="datetime64[D]")]
    for name, own in (("LONG", days), ("LATE", days[400:])):
        lines = [f"{day},10,13,9,{10 + number % 3},100" for number, day in enumerate(own)]
        text = "\n".join(["date,open,high,low,close,volume", *lines, ""])
        (data / f"{name}.csv").write_text(text)
    job = make_job(tmp_path / "runs", data={"source": "csv", "path": str(data)})
    with pytest.raises(JobError) as caught:
        bf.run(job, progress=None)
    assert str(caught.value) == (
        'validation.start = "flat": LATE has no return from 2019-01-02 to 2019-12-31. Leave the '
        'symbol out, use other windows, or start = "running"'
    )
    assert not (tmp_path / "runs").exists()


def test_a_strategy_with_a_parameter_of_that_name_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "import backtrader as bt\n\n\nclass Mine(bt.Strategy):\n"
        '    params = (("fold_window", 1),)\n'
    )
    job = make_job(tmp_path / "runs", strategy=f"{file}:Mine", params={})
    with pytest.raises(JobError, match="the strategy has a parameter 'fold_window'"):
        bf.run(job, progress=None)


def test_there_is_no_verdict_over_all_sessions(run: bf.Run) -> None:
    with pytest.raises(NoVerdict, match=r"'backfleet folds .*' shows what they say"):
        run.verdict()


@pytest.mark.parametrize("engine", ["vector", "backtrader", "backtrader-stock"])
def test_every_engine_gives_the_same_rows(engine: str, run: bf.Run, tmp_path: Path) -> None:
    other = bf.run(make_job(tmp_path, engine=engine), progress=None).results()
    columns = ["fold_window", "final_value", "sharpe", "trades", "fees"]
    assert other[columns].equals(run.results()[columns])


@pytest.mark.parametrize(
    "windows",
    [[], [["2019-01-03"]], [["x", "y"]], [["2020-01-01", "2019-01-01"]], [[1, 2]], "ab"],
)
def test_a_manifest_with_impossible_windows_is_refused(windows: object, run: bf.Run) -> None:
    points = {**run.manifest.points.to_json(), "windows": windows}
    identity = replace(run.manifest.identity, points=points)
    content = replace(run.manifest, identity=identity).to_bytes()
    with pytest.raises(CorruptObject):
        Manifest.from_bytes(content, run.store.read)


@pytest.mark.parametrize("gaps", [None, [1], ["x"], "2019-01-03", [["2019-01-03"]]])
def test_a_manifest_with_impossible_gaps_is_refused(gaps: object, run: bf.Run) -> None:
    points = {**run.manifest.points.to_json(), "gaps": gaps}
    identity = replace(run.manifest.identity, points=points)
    content = replace(run.manifest, identity=identity).to_bytes()
    with pytest.raises(CorruptObject):
        Manifest.from_bytes(content, run.store.read)


@pytest.mark.parametrize(
    "keys",
    [
        {"windows": "split", "train": "1 year", "purge": 20},
        {"windows": "rolling", "train": "20 sessions", "test": "20 sessions",
         "step": "200 sessions"},
        {"windows": "split", "train": "200 sessions", "test": "100 sessions", "purge": 20,
         "holdout": "2021-03-01"},
    ],
    ids=["purge", "step", "holdout"],
)  # fmt: skip
def test_sessions_between_flat_windows_move_no_window(keys: dict[str, Any], tmp_path: Path) -> None:
    flat = bf.run(make_job(tmp_path, validation=keys | {"start": "flat"}), progress=None).folds()
    running = bf.run(make_job(tmp_path, validation=keys), progress=None).folds()
    columns = ["train", "test"]
    assert flat.to_frame()[columns].equals(running.to_frame()[columns])
    assert flat.account is not None
    assert running.account is not None
    assert flat.account.days.tolist() == running.account.days.tolist()
