"""`Run`: a planned run and all that is stored of it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, TextIO

from backfleet.errors import BackfleetError, ExecutorError, PluginError, RunNotFound
from backfleet.executor import Executor, ShardStatus
from backfleet.plan.manifest import Manifest
from backfleet.plan.manifest_store import read_manifest
from backfleet.plan.task_context import TaskContext
from backfleet.results.chunk_index import ChunkIndex, Counts
from backfleet.runs.executors import open_executor
from backfleet.runs.progress import progress_on
from backfleet.runs.watch import Watch, watch_run
from backfleet.store import Store
from backfleet.submissions.events import emit
from backfleet.submissions.launch import Request, active_submission, launch
from backfleet.submissions.submission_log import LogEntry, SubmissionLog, WorkerFailure

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

__all__ = ["Run", "RunSummary"]


@dataclass(frozen=True)
class RunSummary:
    """How a run stands.

    Attributes
    ----------
    store
        Where the run lies: a path or URL that every command takes.
    missing
        Tasks without a row.
    seconds
        From opening or starting the run here to the end of the wait for it, or until now.
    """

    run: str
    store: str
    tasks: int
    ok: int
    suspicious: int
    error: int
    missing: int
    seconds: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def succeeded(self) -> bool:
        """Every task has a row without error."""
        return not self.error and not self.missing


class Run:
    """A run in a store. Open one with `backfleet.open_run`; make one with `backfleet.run`.

    Attributes
    ----------
    id
        Hash of all that decides the run's numbers.
    store
        The run's own part of the store.
    manifest
        What was planned.
    found
        How many tasks had a row already when this object last started workers.
    launched
        Whether this object started workers, rather than find some under way.
    statuses
        What the executor said of the workers when the wait for them ended.
    """

    def __init__(self, store: Store, manifest: Manifest | None = None) -> None:
        self.store = store
        self.manifest = manifest or read_manifest(store)
        self.id = self.manifest.run
        self.found = 0
        self.launched = False
        self.statuses: Sequence[ShardStatus] = ()
        self._began = time.monotonic()
        self._took: float | None = None
        self._entry: LogEntry | None = None
        self._executor: Executor | None = None

    def __repr__(self) -> str:
        return f"Run({self.url!r}, tasks={self.manifest.tasks})"

    def _repr_html_(self) -> str:
        """As a notebook shows it: how far it is, and its best tasks."""
        from backfleet.runs.html import run_html

        return run_html(self)

    @property
    def url(self) -> str:
        """The run's path or URL."""
        return self.store.url

    @cached_property
    def chunk_index(self) -> ChunkIndex:
        return ChunkIndex(self.store, self.manifest)

    @cached_property
    def submission_log(self) -> SubmissionLog:
        return SubmissionLog(self.store)

    # -- how it stands ------------------------------------------------------------------------

    def counts(self) -> Counts:
        """Tasks by what became of them, read from the store now."""
        self.chunk_index.refresh()
        return self.chunk_index.counts()

    def summary(self) -> RunSummary:
        counts = self.counts()
        return RunSummary(
            run=self.id,
            store=self.url,
            tasks=counts.tasks,
            ok=counts.ok,
            suspicious=counts.suspicious,
            error=counts.error,
            missing=counts.missing,
            seconds=round(self._seconds(), 3),
        )

    def state(self) -> str:
        """`complete`, `running`, `cancelled`, `failed` (workers said why) or `incomplete`."""
        if not self.counts().missing:
            return "complete"
        entries = self.submission_log.entries()
        if any(self._is_running(entry) for entry in entries):
            return "running"
        if not entries:
            return "incomplete"
        if entries[-1].cancelled:
            return "cancelled"
        return "failed" if self.failures() else "incomplete"

    def failures(self) -> Sequence[WorkerFailure]:
        """Why workers of the newest submission gave up."""
        numbers = self.submission_log.numbers()
        return self.submission_log.failures(numbers[-1]) if numbers else []

    def shards(self) -> Sequence[ShardStatus]:
        """What the executor says of the newest submission's workers."""
        entry = self._newest()
        if entry is None or entry.handle is None:
            return []
        return list(self._executor_of(entry).poll(entry.handle))

    def executor(self) -> Executor:
        """The executor of the newest submission. Raises RunNotFound, PluginError, ExecutorError."""
        return self._executor_of(self.submitted())

    # -- moving it on -------------------------------------------------------------------------

    def start(self, executor: Executor, request: Request) -> None:
        """Start workers for `request`, unless workers of this run are under way on the executor."""
        self._began, self._took = time.monotonic(), None
        self._executor = executor
        self._entry = active_submission(self.store, executor)
        # Workers that nobody knew of may have ended since it was asked what is missing.
        self.found = self.counts().done
        chunks = self._not_there(request.chunks)
        self.launched = self._entry is None and bool(chunks)
        if self.launched:
            self._entry = launch(self.store, executor, replace(request, chunks=chunks))

    def wait(self, progress: TextIO | None = None) -> RunSummary:
        """Block until every task has a row or no worker is left.

        Parameters
        ----------
        progress
            Where to show it; None shows nothing.
        """
        # What comes after the wait is imported before it, while the workers start.
        from backfleet.results.compact import compact  # noqa: F401

        entry = self._entry or self._newest()
        if entry is not None and not (self.chunk_index.complete and self._entry is None):
            watch = Watch(self.chunk_index, self._executor_of(entry), entry, self._awaited(entry))
            before = self.chunk_index.counts()
            with progress_on(progress, self.id, before) as display:
                display.show(before)
                self.statuses = watch_run(watch, display.show)
        self._clear_away(entry)
        return self.finish()

    def finish(self) -> RunSummary:
        """Compact the results of a complete run, and tell the plugins."""
        from backfleet.results.compact import compact, is_current

        if not self.counts().missing and not is_current(self.store, self.chunk_index.listing()):
            compact(self.store, self.chunk_index)
        self._took = time.monotonic() - self._began
        summary = self.summary()
        emit("run_finished", run=self.id, summary=summary.to_json())
        return summary

    def resume(
        self,
        executor: str | None = None,
        options: Sequence[str] = (),
        *,
        retry_failed: bool = False,
        detach: bool = False,
        accept_cost: bool = False,
    ) -> None:
        """Start workers for what is missing, and with `retry_failed` for what failed by time-out,
        lack of memory or from outside; `wait` then waits for them. Where nothing is missing, all
        details are read, and what is damaged is made anew. Where workers are under way already,
        they are adopted. `accept_cost` spends more than the executor's limit.

        Raises ExecutorError, RunNotFound (nothing was ever submitted), PluginError.
        """
        newest = self.submitted()
        self.counts()
        chunks = self.chunk_index.missing() + (self.chunk_index.retryable() if retry_failed else [])
        chunks = chunks or self.chunk_index.damaged()
        template = replace(newest.record, retry=retry_failed)
        chosen = open_executor(executor or newest.record.executor, options)
        self._recall(chosen)
        request = Request(template, sorted(chunks), self.manifest, detach, accept_cost)
        self.start(chosen, request)

    def cancel(self) -> int:
        """Stop the workers of all submissions, and return how many submissions had any.

        What is committed stays; `resume` goes on from there.
        """
        stopped = 0
        for entry in self.submission_log.entries():
            if entry.handle is not None and self._is_running(entry):
                self._executor_of(entry).cancel(entry.handle)
                self.submission_log.mark_cancelled(entry.record.number)
                stopped += 1
        return stopped

    # -- what came of it ----------------------------------------------------------------------

    def results(self) -> pd.DataFrame:
        """A row a task, in the order of the tasks; tasks that are still missing have none."""
        from backfleet.results.read import read_results

        frame: pd.DataFrame = read_results(self.store, self.chunk_index).to_pandas()
        return frame

    def query(self, sql: str) -> pd.DataFrame:
        """What an SQL query over the run comes to, read by DuckDB.

        The tables are `results`, `equity`, `orders`, `fills` and `trades`, with a column `task`,
        and `runs`, of one row; nothing else can be reached. Raises UserError for a query that
        DuckDB refuses, RunNotFound for details that the run does not keep, CorruptObject.
        """
        from backfleet.runs.query import query_run

        frame: pd.DataFrame = query_run(self, sql).to_pandas()
        return frame

    def plot(self, task: int | None = None, **options: Any) -> go.Figure:
        """A figure of the run, or of one task; see `backfleet.plot.plot`, also for the options.

        Raises UserError where the extra `report` is not installed, IndexError, RunNotFound.
        """
        # Figures stand on runs, so they are found by name, as plugins are.
        figure: go.Figure = import_module("backfleet.plot").plot(self, task, **options)
        return figure

    def equity(self, task: int) -> pd.DataFrame:
        """Account value, cash and exposure after each bar. Raises IndexError, RunNotFound."""
        return self._detail("equity", task)

    def orders(self, task: int) -> pd.DataFrame:
        """A row an order, with its status and, where it was refused, the reason."""
        return self._detail("orders", task)

    def fills(self, task: int) -> pd.DataFrame:
        """A row a fill."""
        return self._detail("fills", task)

    def trades(self, task: int) -> pd.DataFrame:
        """A row a trade: a position from its opening to its close."""
        return self._detail("trades", task)

    def logs(self, task: int | None = None, *, follow: bool = False) -> Iterator[str]:
        """What tasks printed, chunk by chunk; of one task only where `task` says so. With `follow`
        also what they will, until no worker is under way.

        Raises IndexError.
        """
        from backfleet.results.logs import follow_logs, read_logs

        if task is not None:
            self.manifest.task(task)
        if not follow:
            return read_logs(self.store, self.manifest, task)
        return follow_logs(self.store, self.manifest, task, lambda: self.state() != "running")

    def _detail(self, name: str, task: int) -> pd.DataFrame:
        from backfleet.results.detail import read_detail

        self.counts()
        return read_detail(self.store, self.manifest, self.chunk_index, name, task)

    def worker_log(self, shard: int, *, follow: bool = False) -> Iterator[str]:
        """What a worker of the newest submission wrote, and with `follow` what it will.

        Raises IndexError, RunNotFound (nothing was ever submitted).
        """
        entry = self.submitted()
        if not 0 <= shard < len(entry.record.shards):
            last = len(entry.record.shards) - 1
            raise IndexError(f"the submission has workers 0 to {last}, no worker {shard}")
        if entry.handle is None:
            return iter(())
        return self._executor_of(entry).logs(entry.handle, shard, follow=follow)

    def task_context(self) -> TaskContext:
        """What a process needs to run the run's tasks. Raises RunNotFound."""
        return self.submitted().record.task_context(self.manifest)

    # -- inside -------------------------------------------------------------------------------

    def _seconds(self) -> float:
        return time.monotonic() - self._began if self._took is None else self._took

    def _newest(self) -> LogEntry | None:
        numbers = self.submission_log.numbers()
        return self.submission_log.entry(numbers[-1]) if numbers else None

    def submitted(self) -> LogEntry:
        """The newest submission. Raises RunNotFound where there is none."""
        newest = self._newest()
        if newest is None:
            raise RunNotFound(f"{self.url} was planned but never submitted; run its job again")
        return newest

    def _executor_of(self, entry: LogEntry) -> Executor:
        if self._executor is None or self._executor.name != entry.record.executor:
            self._executor = open_executor(entry.record.executor)
            if entry.handle is not None:
                self._executor.recall(entry.handle)
        return self._executor

    def _recall(self, executor: Executor) -> None:
        """Tell an executor how it was set up when it last worked for this run."""
        for number in reversed(self.submission_log.numbers()):
            entry = self.submission_log.entry(number)
            if entry.record.executor == executor.name and entry.handle is not None:
                executor.recall(entry.handle)
                return

    def _clear_away(self, entry: LogEntry | None) -> None:
        """Have nothing left of the workers; where that fails, the run is none the worse."""
        if entry is not None and entry.handle is not None:
            with contextlib.suppress(BackfleetError):
                self._executor_of(entry).clear_away(entry.handle)

    def _is_running(self, entry: LogEntry) -> bool:
        if entry.handle is None:
            return False
        try:
            statuses = list(self._executor_of(entry).poll(entry.handle))
        except (ExecutorError, PluginError):
            # Of an executor that is not installed here nothing is known.
            return False
        return any(status.state.works for status in statuses)

    def _awaited(self, entry: LogEntry) -> int:
        """Chunks of a submission that had not come when the watch began."""
        return len(self._not_there(sorted(entry.record.generations.items())))

    def _not_there(self, chunks: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """Those of which the chunk_index knows neither this generation nor a later one."""
        newest = {header.chunk: header.generation for header in self.chunk_index.headers()}
        return [(chunk, wanted) for chunk, wanted in chunks if newest.get(chunk, -1) < wanted]
