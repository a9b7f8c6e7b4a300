"""Conformance tests of executors, to be subclassed in the tests of the package that brings one."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import psutil
import pytest

import backfleet as bf
import backfleet.demo
from backfleet.errors import ExecutorError
from backfleet.executor import (
    Diagnosable,
    Executor,
    Finding,
    Pace,
    Prewarmed,
    Priced,
    Recoverable,
    Remote,
    ShardStatus,
    Workload,
)
from backfleet.runs.executors import open_executor
from backfleet.runs.run_task import run_task
from backfleet.submissions.submission_log import LogEntry
from backfleet.submissions.trusted_settings import adopt_settings

__all__ = ["ExecutorConformance"]

DATA = Path(backfleet.demo.__file__).parent / "data" / "cn-daily"
SYMBOLS = ("600519", "600559", "600560")
WAITS, FAILS = "backfleet.testing.probes:Waits", "backfleet.testing.probes:Fails"


class ExecutorConformance:
    """An executor starts workers, finds them again, stops them, and never changes a number::

        class TestMyExecutor(ExecutorConformance):
            executor = "my-executor"

    The tests of an optional group hold for an executor outside the group if it defines none of the
    group's methods, because core would never call them.

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
        """Return the store of a test; a subclass may return another location."""
        return str(tmp_path / "runs")

    def job(self, tmp_path: Path, strategy: str, params: Mapping[str, Any]) -> bf.Job:
        """Return a job on the three symbols of the sample data."""
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
                # pandas has NaN where a row has None.
                there = rows[name][task]
                assert there == value or (value is None and there != there), (task, name)
        # The numbers of `backfleet demo`, which plain backtrader gives, too.
        golden = rows[rows["period"] == 15].set_index("symbol")["final_value"].round(2)
        assert dict(golden) == {"600519": 164109.44, "600559": 106285.36, "600560": 100000.0}

    def test_a_strategy_that_raises_costs_its_own_tasks(self, tmp_path: Path) -> None:
        job = self.job(tmp_path, FAILS, {"k": [0, 1, 2]})
        run = bf.run(job, self.executor, self.options, progress=None)
        rows = run.results()
        # Three points per symbol, of which the second one raises.
        assert rows["error"].notna().tolist() == [False, True, False] * 3
        assert rows["error"][1] == "ValueError: 1 is odd (probes.py, line 35, in targets)"

    def test_what_tasks_print_is_in_the_logs(self, tmp_path: Path) -> None:
        job = self.job(tmp_path, WAITS, {"k": [0, 1]})
        run = bf.run(job, self.executor, self.options, progress=None)
        assert "task 1 of 600519" in list(run.logs(1))

    def test_the_handle_is_plain_json_and_tells_of_every_worker(self, tmp_path: Path) -> None:
        entry = self._submitted(tmp_path, {"k": [0, 1]}).run.latest_submission()
        # Tuples or keys that are no texts would come back from the store as something else.
        assert json.loads(json.dumps(entry.handle)) == entry.handle
        executor = self._open()
        self._until(lambda: _have_ended(executor.poll(_handle(entry))))
        states = list(executor.poll(_handle(entry)))
        shards = sorted(status.shard for status in states)
        assert shards == list(range(entry.submission.shard_count))
        assert not any(status.exit_code for status in states)

    def test_a_canceled_run_keeps_what_is_done_and_goes_on_from_there(self, tmp_path: Path) -> None:
        # 15 tasks of 0.3 seconds, so that some are done and others are not when it is canceled.
        control = self._submitted(tmp_path, {"k": list(range(5)), "seconds": 0.3})
        run = control.run
        self._until(lambda: run.counts().done > 0)
        assert control.cancel() == 1
        # Elsewhere workers may take a while to end.
        self._until(lambda: control.cancel() == 0)
        done = run.counts().done
        assert 0 < done < 15
        assert run.state() == "canceled"
        # Three tasks long: a worker that goes on would finish at least one more. There is no event
        # to wait for, because nothing is to happen.
        time.sleep(1.0)
        assert run.counts().done == done, "a worker went on after it was stopped"
        # From the store alone, as another process on another machine would go on.
        again = bf.RunControl(bf.open_run(run.url))
        again.resume(self.executor, self.options)
        assert again.wait().succeeded
        assert again.done_before == done

    def test_to_stop_workers_that_have_ended_does_nothing(self, tmp_path: Path) -> None:
        control = self._submitted(tmp_path, {"k": 0})
        control.wait()
        executor = self._open()
        executor.cancel(_handle(control.run.latest_submission()))
        assert control.run.state() == "complete"

    def test_an_unknown_setting_is_refused(self) -> None:
        with pytest.raises(ExecutorError, match="no_such_setting"):
            open_executor(self.executor, ["no_such_setting=1"])

    # -- optional groups ----------------------------------------------------------------------

    def test_data_and_results_stay_where_workers_reach_them(self, tmp_path: Path) -> None:
        if self._implements(Remote):
            remote = Remote.of(self._open())
            store = remote.results_store(self.store(tmp_path))
            # What is in reach of the workers already stays where it is.
            assert remote.results_store(store) == store
            data = remote.stage_data(str(DATA), SYMBOLS)
            assert remote.stage_data(data, SYMBOLS) == data

    def test_what_is_installed_is_known_by_content_hashes(self) -> None:
        if self._implements(Remote):
            installed = Remote.of(self._open()).installed()
            assert installed is None or "backfleet" in installed

    def test_more_work_never_costs_less(self) -> None:
        if self._implements(Priced):
            priced = Priced.of(self._open())
            costs = [priced.cost(_workload(seconds), shards=10) for seconds in (1e3, 1e6)]
            amounts = [cost.amount for cost in costs if cost is not None]
            # Not strictly: a machine of one's own costs nothing.
            assert amounts == sorted(amounts)
            assert all(cost.currency and cost.basis for cost in costs if cost is not None)

    def test_workers_are_found_without_their_handle(self, tmp_path: Path) -> None:
        if self._implements(Recoverable):
            # Long enough that the workers are still there when they are looked for.
            control = self._submitted(tmp_path, {"k": list(range(4)), "seconds": 1.0})
            executor = self._open()

            def numbers() -> list[int]:
                orphans = Recoverable.of(executor).find_orphans(control.run.id)
                return [handle["number"] for handle in orphans]

            try:
                # The number of the submission: the first of a run is 1.
                self._until(lambda: numbers() == [1])
                (handle,) = Recoverable.of(executor).find_orphans(control.run.id)
                assert any(status.state.is_active for status in executor.poll(handle))
            finally:
                control.cancel()

    def test_settings_of_an_earlier_submission_are_enough_to_reach_its_workers(
        self, tmp_path: Path
    ) -> None:
        if self._implements(Recoverable):
            handle = self._handle_of_complete_run(tmp_path)
            # Without the options of the test: everything must follow from the handle.
            executor = open_executor(self.executor)
            adopt_settings(executor, handle)
            self._until(lambda: _have_ended(executor.poll(handle)))

    def test_a_clean_up_takes_neither_states_nor_logs(self, tmp_path: Path) -> None:
        if self._implements(Recoverable):
            handle, executor = self._handle_of_complete_run(tmp_path), self._open()
            self._until(lambda: _have_ended(executor.poll(handle)))
            before = list(executor.poll(handle)), list(executor.logs(handle, 0))
            Recoverable.of(executor).clean_up(handle)
            assert (list(executor.poll(handle)), list(executor.logs(handle, 0))) == before

    def test_doctor_has_a_subject_and_a_text_for_every_finding(self) -> None:
        if self._implements(Diagnosable):
            for finding in Diagnosable.of(self._open()).diagnose():
                assert isinstance(finding, Finding)
                assert finding.subject
                assert finding.text

    def test_a_prewarmed_worker_that_nothing_uses_ends(self) -> None:
        if self._implements(Prewarmed):
            # Processes of other tests do not count.
            before = set(psutil.Process().children())
            executor = Prewarmed.of(self._open())
            for _ in range(2):
                with executor.prewarm():
                    pass
            self._until(lambda: not _running(set(psutil.Process().children()) - before))

    def _implements(self, group: type) -> bool:
        """Whether the executor implements a group; otherwise it must define none of its methods."""
        executor = self._open()
        if isinstance(executor, group):
            return True
        # A method without the rest of its group would never be called, and its author would not
        # know.
        assert [name for name in vars(group) if hasattr(executor, name) and name[0] != "_"] == []
        return False

    # -- helpers ------------------------------------------------------------------------------

    def _handle_of_complete_run(self, tmp_path: Path) -> Mapping[str, Any]:
        control = self._submitted(tmp_path, {"k": 0})
        control.wait()
        return _handle(control.run.latest_submission())

    def _open(self) -> Executor:
        return open_executor(self.executor, self.options)

    def _submitted(self, tmp_path: Path, params: Mapping[str, Any]) -> bf.RunControl:
        return bf.submit(self.job(tmp_path, WAITS, params), self.executor, self.options)

    def _until(self, holds: Callable[[], bool]) -> None:
        # A bound for what never happens; a condition that holds ends the wait at once.
        end = time.monotonic() + self.patience
        while not holds():
            assert time.monotonic() < end, "it took too long"
            time.sleep(0.05)


def _handle(entry: LogEntry) -> Mapping[str, Any]:
    assert entry.handle is not None
    return entry.handle


def _have_ended(statuses: Iterable[ShardStatus]) -> bool:
    return all(status.state.ended for status in statuses)


def _running(processes: Iterable[psutil.Process]) -> bool:
    return any(
        # A zombie has ended and waits for its parent to read the exit code.
        process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        for process in processes
    )


def _workload(seconds: float) -> Workload:
    """Return a workload whose tasks take this long in total."""
    return Workload(
        chunks=100,
        tasks=10_000,
        bars=7_500_000,
        cpus=1,
        memory=2 * 2**30,
        measure=lambda: Pace(seconds, is_measured=True),
    )
