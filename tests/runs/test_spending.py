"""A run's cost: stopped at its limit by a client that waits, and remembered when it is final."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

import backfleet as bf
from backfleet.cli.runs import status
from backfleet.cost import Cost
from backfleet.executor import Handle, Priced
from backfleet.plan.plan import plan_job
from backfleet.runs.spending import cost_so_far
from backfleet.runs.start import submit_plan
from backfleet.runs.workers import RunWorkers
from backfleet_executors.local import LocalExecutor

WAITS = "backfleet.testing.probes:Waits"


class Metered(LocalExecutor, Priced):
    """Local workers that have cost another dollar each time somebody asks."""

    def __init__(self, limit: float | None = None, *, is_final: bool = False) -> None:
        super().__init__(LocalExecutor.Settings())
        self.limit, self.is_final, self.looks = limit, is_final, 0

    def spent(self, handle: Handle) -> Cost:
        self.looks += 1
        amount = float(self.looks)
        return Cost(amount, "USD", "per look", self.limit, 2 * amount, is_final=self.is_final)


def waiting(store: Path, sample_data: Path, seconds: float) -> bf.Job:
    return bf.Job(
        strategy=WAITS,
        params={"seconds": seconds},
        data={
            "source": "cn-daily",
            "path": str(sample_data),
            "symbols": ["600519"],
            "timezone": "Asia/Shanghai",
        },
        results={"store": str(store)},
    )


def test_a_client_that_waits_stops_the_workers_at_their_limit(
    tmp_path: Path, sample_data: Path
) -> None:
    executor = Metered(limit=5.0)
    control = submit_plan(plan_job(waiting(tmp_path, sample_data, 300)), executor)
    summary = control.wait()
    assert summary.missing == 1
    assert control.excess is not None
    assert (control.excess.highest, control.excess.amount, executor.looks) == (6.0, 3.0, 3)
    assert control.run.state() == "canceled"


def test_a_cost_below_the_limit_stops_nothing(tmp_path: Path, sample_data: Path) -> None:
    control = submit_plan(plan_job(waiting(tmp_path, sample_data, 0)), Metered())
    assert control.wait().succeeded
    assert control.excess is None


def test_the_final_cost_of_all_submissions_is_kept_and_shown(
    tmp_path: Path, sample_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    executor = Metered(is_final=True)
    plan = plan_job(waiting(tmp_path, sample_data, 0))
    control = submit_plan(plan, executor)
    control.wait()
    executor.looks = 40
    cost = cost_so_far(control.run, control.workers)
    again = cost_so_far(control.run, control.workers)

    assert cost is not None
    assert (cost.amount, cost.highest, cost.is_final) == (41.0, 82.0, True)
    assert again == cost
    assert executor.looks == 41, "the executor is not asked again"

    monkeypatch.setattr(RunWorkers, "executor_of", lambda *_: executor)
    shown = CliRunner().invoke(status, [control.run.url])
    assert "cost        about 41.00 USD (per look)" in shown.output


def test_a_damaged_record_of_the_cost_is_replaced(tmp_path: Path, sample_data: Path) -> None:
    executor = Metered(is_final=True)
    control = submit_plan(plan_job(waiting(tmp_path, sample_data, 0)), executor)
    control.wait()
    first = cost_so_far(control.run, control.workers)
    file = Path(control.run.url, "submissions", "1.cost.json")
    file.write_bytes(file.read_bytes().replace(b"USD", b"EUR"))
    with pytest.warns(UserWarning, match="The executor is asked about the cost again"):
        second = cost_so_far(control.run, control.workers)
    assert first is not None
    assert second is not None
    assert second.amount == first.amount + 1
    assert cost_so_far(control.run, control.workers) == second


def test_local_runs_have_no_cost(tmp_path: Path, sample_data: Path) -> None:
    run = bf.run(waiting(tmp_path, sample_data, 0), progress=None)
    assert cost_so_far(run, run.workers) is None
