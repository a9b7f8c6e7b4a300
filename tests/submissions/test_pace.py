"""Core measures how long tasks take from earlier runs of the store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import backfleet as bf
from backfleet.executor import Executor, Pace, Workload
from backfleet.plan.plan import Plan, plan_job
from backfleet.store import Store, open_store
from backfleet.submissions.workload import workload
from backfleet_executors.local import LocalExecutor

Planned = Callable[..., tuple[Store, Plan]]


@pytest.fixture
def planned(sample_data: Path, tmp_path: Path) -> Planned:
    """Plan a job on one symbol of the sample data, with `values` changed."""

    def plan(strategy: str = "sma-crossover", **values: Any) -> tuple[Store, Plan]:
        data = {"source": "cn-daily", "path": str(sample_data), "symbols": "600519"}
        store = {"store": str(tmp_path / "runs")}
        job = bf.Job(strategy=strategy, data=data, results=store, **values)
        planned = plan_job(job)
        return open_store(store["store"]).at(planned.manifest.run_id), planned

    return plan


def pace_of(store: Store, plan: Plan) -> Pace:
    chunks = [(chunk, 0) for chunk in range(len(plan.manifest.chunks))]
    return workload(store, plan.manifest, chunks, cpus=1, memory=2**30).pace


def test_without_an_earlier_run_the_pace_is_a_guess(planned: Planned) -> None:
    assert pace_of(*planned(params={"period": [5, 10]})) == Pace(0.2, is_measured=False)


def test_the_pace_is_that_of_an_earlier_run_of_the_strategy(planned: Planned) -> None:
    _, first = planned(params={"period": [5, 10]})
    seconds = bf.run(first.job, options=["workers=1"], progress=None).counts().seconds

    pace = pace_of(*planned(params={"period": [5, 10, 15, 20]}))
    assert pace.is_measured
    assert pace.seconds == pytest.approx(2 * seconds)


@pytest.mark.parametrize("other", [{"strategy": "buy-and-hold"}, {"engine": "backtrader-stock"}])
def test_runs_of_another_strategy_or_engine_say_nothing(
    planned: Planned, other: dict[str, str]
) -> None:
    _, first = planned(params={"period": 5})
    bf.run(first.job, options=["workers=1"], progress=None)

    assert not pace_of(*planned(**other)).is_measured


def test_a_damaged_run_beside_it_does_no_harm(planned: Planned, tmp_path: Path) -> None:
    (tmp_path / "runs" / "0000000000000000").mkdir(parents=True)
    (tmp_path / "runs" / "0000000000000000" / "manifest.json").write_text("{")
    assert not pace_of(*planned(params={"period": 5})).is_measured


def test_an_executor_that_does_not_ask_measures_nothing() -> None:
    def measure() -> Pace:
        raise AssertionError("the local executor does not need the pace")

    work = Workload(chunks=4, tasks=4, bars=4, cpus=1, memory=2**30, measure=measure)
    executor: Executor = LocalExecutor(LocalExecutor.Settings(workers=2))
    assert executor.count_shards(work) == 2


def test_the_pace_is_measured_once() -> None:
    calls = []

    def measure() -> Pace:
        calls.append(1)
        return Pace(1.0, is_measured=True)

    work = Workload(chunks=4, tasks=4, bars=4, cpus=1, memory=2**30, measure=measure)
    assert work.pace == work.pace
    assert calls == [1]
    assert replace(work, cpus=2) != work
