"""What every executor must pass, to be subclassed in the tests of the package that brings it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

import backfleet as bf
import backfleet.demo
from backfleet.errors import ExecutorError
from backfleet.runs.executors import open_executor
from backfleet.runs.run_task import run_task
from backfleet.submissions.submission_log import LogEntry

__all__ = ["ExecutorConformance"]

DATA = Path(backfleet.demo.__file__).parent / "data" / "cn-daily"
SYMBOLS = ("600519", "600559", "600560")
WAITS, FAILS = "backfleet.testing.probes:Waits", "backfleet.testing.probes:Fails"


class ExecutorConformance:
    """An executor starts workers, finds them again, stops them, and never changes a number::

        class TestMyExecutor(ExecutorConformance):
            executor = "my-executor"

    Attributes
    ----------
    executor
        The plugin's name.
    options
        Its settings, each `key=value`.
    patience
        Seconds within which a worker must start.
    """

    executor: ClassVar[str]
    options: ClassVar[Sequence[str]] = ()
    patience: ClassVar[float] = 60.0

    def store(self, tmp_path: Path) -> str:
        """Where the runs of a test lie; a subclass may name another place."""
        return str(tmp_path / "runs")

    def job(self, tmp_path: Path, strategy: str, params: Mapping[str, Any]) -> bf.Job:
        """A job on the three symbols of the sample data."""
        settings: dict[str, Any] = {
            "strategy": strategy,
            "params": dict(params),
            "data": {
                "source": "cn-daily",
                "path": str(DATA),
                "symbols": SYMBOLS,
                "timezone": "Asia/Shanghai",
            },
            "broker": {"cash": 100_000, "commission": 0.0002},
            "results": {"store": self.store(tmp_path)},
        }
        return bf.Job(**settings)

    def test_rows_are_those_of_one_process(self, tmp_path: Path) -> None:
        job = self.job(tmp_path, "sma-crossover", {"period": [10, 15]})
        run = bf.run(job, self.executor, self.options, progress=None)
        assert run.summary().succeeded
        rows = run.results()
        for task in range(6):
            here = run_task(job, task)
            for name, value in here.row.items():
                there = rows[name][task]
                assert there == value or (value is None and there != there), (task, name)
        golden = rows[rows["period"] == 15].set_index("symbol")["final_value"].round(2)
        assert dict(golden) == {"600519": 164109.44, "600559": 106285.36, "600560": 100000.0}

    def test_a_strategy_that_raises_costs_its_own_tasks(self, tmp_path: Path) -> None:
        job = self.job(tmp_path, FAILS, {"k": [0, 1, 2]})
        run = bf.run(job, self.executor, self.options, progress=None)
        rows = run.results()
        assert rows["error"].notna().tolist() == [False, True, False] * 3
        assert rows["error"][1] == "ValueError: 1 is odd (probes.py, line 35, in targets)"

    def test_what_tasks_print_is_in_the_logs(self, tmp_path: Path) -> None:
        job = self.job(tmp_path, WAITS, {"k": [0, 1]})
        run = bf.run(job, self.executor, self.options, progress=None)
        assert "task 1 of 600519" in list(run.logs(1))

    def test_the_handle_is_plain_json_and_tells_of_every_worker(self, tmp_path: Path) -> None:
        entry = self._submitted(tmp_path, {"k": [0, 1]}).run.latest_submission()
        assert json.loads(json.dumps(entry.handle)) == entry.handle
        executor = open_executor(self.executor, self.options)
        self._until(lambda: all(each.state.ended for each in executor.poll(_handle(entry))))
        states = list(executor.poll(_handle(entry)))
        assert sorted(each.shard for each in states) == list(range(len(entry.submission.shards)))
        assert not any(each.exit_code for each in states)

    def test_workers_can_be_found_without_their_handle(self, tmp_path: Path) -> None:
        control = self._submitted(tmp_path, {"k": list(range(4)), "seconds": 1.0})
        executor = open_executor(self.executor, self.options)

        def numbers() -> list[int]:
            return [handle["number"] for handle in executor.find(control.run.id)]

        try:
            self._until(lambda: numbers() == [1])
            (handle,) = executor.find(control.run.id)
            assert any(each.state.works for each in executor.poll(handle))
        finally:
            control.cancel()

    def test_a_cancelled_run_keeps_what_is_done_and_goes_on_from_there(
        self, tmp_path: Path
    ) -> None:
        control = self._submitted(tmp_path, {"k": list(range(5)), "seconds": 0.3})
        run = control.run
        self._until(lambda: run.counts().done > 0)
        assert control.cancel() == 1
        # Elsewhere workers may take a while to end.
        self._until(lambda: control.cancel() == 0)
        done = run.counts().done
        assert 0 < done < 15
        assert run.state() == "canceled"
        time.sleep(1.0)
        assert run.counts().done == done, "a worker went on after it was stopped"
        again = bf.RunControl(bf.open_run(run.url))
        again.resume(self.executor, self.options)
        assert again.wait().succeeded
        assert again.done_before == done

    def test_to_stop_workers_that_have_ended_does_nothing(self, tmp_path: Path) -> None:
        control = self._submitted(tmp_path, {"k": 0})
        control.wait()
        executor = open_executor(self.executor, self.options)
        executor.cancel(_handle(control.run.latest_submission()))
        assert control.run.state() == "complete"

    def test_an_unknown_setting_is_refused(self) -> None:
        with pytest.raises(ExecutorError, match="no_such_setting"):
            open_executor(self.executor, ["no_such_setting=1"])

    def _submitted(self, tmp_path: Path, params: Mapping[str, Any]) -> bf.RunControl:
        return bf.submit(self.job(tmp_path, WAITS, params), self.executor, self.options)

    def _until(self, holds: Callable[[], bool]) -> None:
        end = time.monotonic() + self.patience
        while not holds():
            assert time.monotonic() < end, "it took too long"
            time.sleep(0.05)


def _handle(entry: LogEntry) -> Mapping[str, Any]:
    assert entry.handle is not None
    return entry.handle
