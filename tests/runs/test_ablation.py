"""Ablation: ordinary runs without one rule each, whose tasks are those of the ablated run."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import backfleet as bf
from backfleet.errors import DataChanged, ExecutorError, PluginError, UserError
from backfleet.executor import (
    Cost,
    Executor,
    ExecutorSettings,
    Handle,
    Priced,
    ShardStatus,
    Submission,
    Workload,
)
from backfleet.plan.plan import plan_job
from backfleet.results.rule_costs import RuleCosts
from backfleet.runs.ablation import Ablation, PointChoice, plan_ablation
from backfleet.runs.executors import open_executor
from backfleet.runs.run_ablation import ablation_work, run_ablation
from backfleet.runs.task_code import find_task_code
from backfleet_executors.local import LocalExecutor
from finished_runs import run_here
from sample_job import SAMPLE_DATA, job_of

FEW = ["lots", "order-size", "t1", "shorts", "minimum", "transfer", "halts"]
"""Rules that are off from the start, so that few runs are left: limits, listing and duty."""

STRATEGY = """
import numpy as np
import backfleet as bf

class Sized(bf.VectorStrategy):
    target = "size"
    size: int = 250

    def targets(self, bars):
        return np.where(bars.close > bars.open, float(self.size), 0.0)
"""


HELD = """
import numpy as np
import backfleet as bf

class Held(bf.VectorStrategy):
    sizing = "fixed"
    amount = 300.0

    def targets(self, bars):
        return np.ones(len(bars))
"""


def job(
    store: Path,
    market: dict[str, Any] | None = None,
    period: Sequence[object] = (10, 15),
    **keys: Any,
) -> bf.Job:
    """Return a job on one symbol. Without lots, only its sizing leaves room for fees."""
    params = {"period": list(period), "sizing": "fee-aware"}
    rules = {"rules": "cn-a", "actions": "none", "off": FEW} | (market or {})
    broker = {"cash": 1_000_000, "commission": 0.00025}
    usual = {"market": rules, "broker": broker, "symbols": ["600559"], "params": params}
    return job_of(store, **(usual | keys))


def planned(run: bf.Run, points: PointChoice = "best", data: tuple[str, ...] = ()) -> Ablation:
    return plan_ablation(find_task_code(run), points, data)


def ablated(ablation: Ablation) -> RuleCosts:
    costs = run_ablation(ablation, open_executor("local"))
    assert costs is not None
    return costs


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> bf.Run:
    return bf.run(job(tmp_path_factory.mktemp("ablated")), progress=None)


def test_each_rule_is_an_ordinary_run_of_the_best_point(run: bf.Run, tmp_path: Path) -> None:
    ablation = planned(run)
    costs = ablated(ablation)
    point = ablation.point
    assert point is not None
    period = run.manifest.base_points[point]["period"]
    assert [cost.rule for cost in costs.rules] == ["limits", "duty"]
    assert ablation.untouched == ["listing"]
    for cost, off in zip((*costs.rules, costs.together), (["limits"], ["duty"], None), strict=True):
        every = ["limits", "listing", "duty"]
        alike = job(tmp_path, {"off": [*FEW, *(off or every)]}, period=[period])
        assert plan_job(alike).manifest.run_id == cost.run_id
    row = run.results().set_index("task").loc[point]
    without = bf.open_run(costs.rules[0].run_id, Path(run.url).parent).results().loc[0]
    assert without["period"] == row["period"] == period
    for metric in ("total_return", "sharpe"):
        assert costs.rules[0].cost(metric) == without[metric] - row[metric]
    assert costs.rules[0].cost("trades") == without["trades"] - row["trades"]


def test_a_further_ablation_computes_only_what_is_missing(run: bf.Run) -> None:
    first = ablated(planned(run))
    again = ablated(planned(run))
    assert again.rules == first.rules
    root = Path(run.url).parent
    assert bf.open_run(first.rules[0].run_id, root).submission_log.numbers() == [1]
    every = ablated(planned(run, "all"))
    stored = bf.open_run(every.rules[0].run_id, root)
    assert (stored.counts().tasks, stored.counts().reused) == (2, 1)
    assert stored.labels().tags == ("ablation",)
    assert stored.labels().notes == (f"run {run.id} without limits",)


def test_ablations_are_no_trials(run: bf.Run) -> None:
    before = run.trials().counted
    ablated(planned(run))
    assert run.trials().counted == before


def test_tasks_of_windows_stay_in_their_order(tmp_path: Path) -> None:
    flat = {"windows": "rolling", "train": "1 year", "test": "6 months", "start": "flat"}
    both = ["600519", "600559"]
    windowed = run_here(job(tmp_path, validation=flat, data=data(both)))
    ablation = planned(windowed)
    assert len(ablation.tasks) == 12
    for manifest in ablation.manifests:
        for number, task in enumerate(ablation.tasks):
            ours, theirs = manifest.task(number), windowed.manifest.task(task)
            assert (ours.name, ours.params, ours.window) == (
                theirs.name, theirs.params, theirs.window,
            )  # fmt: skip


def data(symbols: list[str], path: Path = SAMPLE_DATA) -> dict[str, Any]:
    return {
        "source": "cn-daily", "path": str(path), "symbols": symbols, "timezone": "Asia/Shanghai",
    }  # fmt: skip


def test_the_volume_share_is_a_rule_too(tmp_path: Path) -> None:
    capped = {"off": [*FEW, "limits", "listing"], "volume_share": 0.01}
    small = job(tmp_path, capped, period=[10])
    ablation = planned(run_here(small))
    assert [variant.without for variant in ablation.variants] == [
        "duty", "volume_share", "all rules",
    ]  # fmt: skip
    assert ablation.variants[-1].market.volume_share == 0.0


class Paid(Executor, Priced):
    """An executor whose every run is within its limit."""

    name = "paid"

    def cost(self, work: Workload, shards: int) -> Cost:
        return Cost(1.0, "USD", "per run", limit=1.5)

    def count_shards(self, work: Workload) -> int:
        return 1

    def preflight(self, submission: Submission) -> Sequence[str]:
        return ()

    def submit(self, submission: Submission) -> Handle:
        raise AssertionError("nothing may start")

    def poll(self, handle: Handle) -> Iterable[ShardStatus]:
        return ()

    def cancel(self, handle: Handle) -> None: ...

    def logs(self, handle: Handle, shard: int, *, follow: bool = False) -> Iterator[str]:
        return iter(())


def test_all_runs_together_must_stay_below_the_limit_of_the_executor(tmp_path: Path) -> None:
    stored = run_here(job(tmp_path, period=[10]))
    ablation, paid = planned(stored), Paid(ExecutorSettings())
    work = ablation_work(ablation, paid)
    assert (work.tasks, work.missing) == (3, 3)
    assert work.cost is not None
    assert (work.cost.amount, work.cost.highest) == (3.0, 3.0)
    with pytest.raises(ExecutorError, match=r"cost of up to 3.00 USD .* exceeds the limit of 1.50"):
        run_ablation(ablation, paid)
    assert [path.name for path in tmp_path.iterdir()] == [stored.id]


class PaidLocal(LocalExecutor, Priced):
    """Local workers with a price, so that all runs are started before any is waited for."""

    def cost(self, work: Workload, shards: int) -> Cost:
        return Cost(1.0, "USD", "per run", limit=5.0)


def test_runs_on_capacity_that_is_paid_for_start_together(tmp_path: Path) -> None:
    ablation = planned(run_here(job(tmp_path, period=[10])))
    costs = run_ablation(ablation, PaidLocal(LocalExecutor.Settings()))
    assert costs is not None
    runs = [bf.open_run(cost.run_id, tmp_path) for cost in (*costs.rules, costs.together)]
    assert [run.counts().missing for run in runs] == [0, 0, 0]
    assert [run.submission_log.numbers() for run in runs] == [[1], [1], [1]]


def test_the_rules_follow_the_facts_of_the_run(tmp_path: Path) -> None:
    facts = tmp_path / "facts"
    facts.mkdir()
    (facts / "instruments.csv").write_text("symbol,listed\n600559,2020-01-02\n")
    known = {**data(["600559"]), "facts": str(facts)}
    ablation = planned(run_here(job(tmp_path / "runs", data=known, period=[10])))
    assert [variant.without for variant in ablation.variants] == [
        "limits", "listing", "duty", "all rules",
    ]  # fmt: skip


def test_a_run_that_nothing_can_be_taken_from_is_refused(tmp_path: Path) -> None:
    plain = run_here(job_of(tmp_path, symbols=["600559"]))
    with pytest.raises(UserError, match=r"has no \[market\].*Add \[market\] to its job"):
        planned(plain)
    none = {"rules": "none", "off": []}
    free = run_here(job(tmp_path, none, period=[10]))
    with pytest.raises(UserError, match="has all rules of its market off"):
        planned(free)


def test_an_incomplete_run_is_refused(run: bf.Run, tmp_path: Path) -> None:
    copy = tmp_path / "runs" / run.id
    shutil.copytree(run.url, copy)
    for file in (copy / "chunks").iterdir():
        file.unlink()
    with pytest.raises(UserError, match=r"2 of 2 tasks.*have no result.*backfleet resume"):
        planned(bf.open_run(str(copy)))


def test_other_data_are_refused_and_moved_data_are_not(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(SAMPLE_DATA, folder)
    moving = job(tmp_path / "runs", data=data(["600559"], folder), period=[10])
    moved = run_here(moving)
    folder.rename(tmp_path / "elsewhere")
    assert planned(moved, data=(str(tmp_path / "elsewhere"),)).variants
    file = tmp_path / "elsewhere" / "600559.csv"
    lines = file.read_text().splitlines()
    file.write_text("\n".join(lines[:-1]))
    with pytest.raises(DataChanged, match="has changed since the run was planned"):
        planned(moved, data=(str(tmp_path / "elsewhere"),))


def test_the_code_of_the_run_is_used_even_if_the_file_was_edited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mine" / "sized.py"
    file.parent.mkdir()
    file.write_text(STRATEGY)
    own = job(
        tmp_path / "runs", {"off": [*FEW, "listing", "limits"]}, strategy=f"{file}:Sized", params={}
    )
    stored = bf.run(own, progress=None)
    file.write_text(STRATEGY.replace("250", "777"))
    costs = ablated(planned(stored))
    fills = bf.open_run(costs.together.run_id, tmp_path / "runs").fills(0)
    assert set(fills["size"].abs()) == {250.0}
    kept = bf.open_run(costs.together.run_id, tmp_path / "runs").kept_code
    assert kept is not None
    assert [package.sha256 for package in kept.packages] == [
        package.sha256 for package in stored.kept_code.packages
    ]  # fmt: skip


def test_another_backfleet_is_refused(run: bf.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    code = find_task_code(run)
    other = replace(code, differences=["numpy is 1.0 here, 2.0 in the plan"])
    with pytest.raises(PluginError, match="cannot be compared with runs from here: numpy is"):
        plan_ablation(other)


def test_the_tax_on_dividends_and_exact_actions_are_rules_too(tmp_path: Path) -> None:
    folder, facts = tmp_path / "bars", tmp_path / "facts"
    folder.mkdir()
    facts.mkdir()
    closes = [10.0, 10.5, 10.2, 10.4, 9.9, 10.1, 10.3, 10.0]
    lines = [
        f"2024-03-{day:02},{close},{close},{close},{close},100000"
        for day, close in zip((4, 5, 6, 7, 8, 11, 12, 13), closes, strict=True)
    ]
    (folder / "600000.csv").write_text("\n".join(["date,open,high,low,close,volume", *lines]))
    (facts / "instruments.csv").write_text("symbol\n600000\n")
    (facts / "actions.csv").write_text("symbol,ex,cash\n600000,2024-03-08,0.5\n")
    (tmp_path / "held.py").write_text(HELD)
    own = {"source": "csv", "path": str(folder), "symbols": ["600000"], "facts": str(facts)}
    rules = {"rules": "cn-a", "dividend_tax": True, "off": [*FEW, "limits", "listing"]}
    taxed = bf.Job(
        strategy=f"{tmp_path / 'held.py'}:Held",
        data=own,
        broker={"cash": 10_000},
        market=rules,
        results={"store": str(tmp_path / "runs")},
    )
    run = bf.run(taxed, progress=None)
    costs = ablated(planned(run))
    assert [cost.rule for cost in costs.rules] == ["duty", "dividend_tax", "actions"]
    # Reinvested dividends rise with the share.
    gain = 300 * 0.5 * (10.0 / 9.9 - 1.0) / 10_000
    assert costs.rules[2].cost("total_return") == pytest.approx(gain)
