"""The `Run` class: what a store holds of a run, and what its executor says of the workers.

`Run` only reads. `RunControl` (in `control`) starts, waits, resumes and cancels. All state that
another process needs is in the store, so several processes can open the same run at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from backfleet.code.kept_code import KeptCode, read_kept_code
from backfleet.errors import RunNotFound
from backfleet.plan.manifest import Manifest
from backfleet.plan.manifest_store import read_manifest
from backfleet.plan.task_context import TaskContext
from backfleet.results.chunk_index import ChunkIndex, Counts
from backfleet.results.sql_limits import SqlLimits
from backfleet.runs.facts import RunFacts, RunState, installed_strategies
from backfleet.runs.labels import Labels, read_labels
from backfleet.runs.summary import RunSummary
from backfleet.runs.workers import RunWorkers
from backfleet.store import Store
from backfleet.submissions.submission_log import LogEntry, SubmissionLog, WorkerFailure

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from backfleet.job import Validation
    from backfleet.results.point_sums import NoPointSums, PointReturns, PointSums
    from backfleet.results.sums import SymbolSums
    from backfleet.runs.stored_run import StoredRun
    from backfleet.validation.run_verdict import RunVerdict
    from backfleet.validation.trial_counts import RunTrials
    from backfleet.validation.walk_forward import Folds

__all__ = ["Run"]


class Run:
    """A run in a store.

    Use `backfleet.run` or `backfleet.submit` to create a run and `backfleet.open_run` to open one.

    Attributes
    ----------
    id
        Hash of every input that can change the results.
    store
        The run's own folder in the store.
    manifest
        The stored plan: identity, symbols, points and parameters.
    """

    def __init__(self, store: Store, manifest: Manifest | None = None) -> None:
        self.store = store
        # A run that is being planned has a manifest before its store holds one.
        self.manifest = manifest or read_manifest(store)
        self.id = self.manifest.run_id

    def __repr__(self) -> str:
        return f"Run({self.url!r}, tasks={self.manifest.tasks})"

    def _repr_html_(self) -> str:
        """Return the progress and the best tasks, for a notebook."""
        from backfleet.results.read import read_results
        from backfleet.runs.html import MAX_TASKS, run_html

        counts = self.counts()
        is_shown = 0 < counts.done <= MAX_TASKS
        rows = read_results(self.store, self.chunk_index) if is_shown else None
        return run_html(self.manifest, self.url, counts, rows)

    @property
    def url(self) -> str:
        """The run's path or URL."""
        return self.store.url

    @cached_property
    def chunk_index(self) -> ChunkIndex:
        return ChunkIndex(self.store, self.manifest)

    @property
    def kept_code(self) -> KeptCode | None:
        """The record of the code that the store keeps of this run; None if there is none.

        Raises CorruptObject.
        """
        return read_kept_code(self.store)

    @cached_property
    def submission_log(self) -> SubmissionLog:
        return SubmissionLog(self.store, self.id)

    @cached_property
    def workers(self) -> RunWorkers:
        """The run's workers, as their executors report them."""
        return RunWorkers(self.submission_log)

    @property
    def stored(self) -> StoredRun:
        """The stored content of the run, for computations outside of this class."""
        from backfleet.runs.stored_run import StoredRun

        self.counts()
        return StoredRun(self.store, self.manifest, self.chunk_index)

    # -- state --------------------------------------------------------------------------------

    def counts(self) -> Counts:
        """Return the numbers of tasks by status, read from the store now."""
        self.chunk_index.refresh()
        return self.chunk_index.counts()

    def summary(self) -> RunSummary:
        counts = self.counts()
        code = self.kept_code
        return RunSummary(
            run_id=self.id,
            store=self.url,
            tasks=counts.tasks,
            ok=counts.ok,
            suspicious=counts.suspicious,
            error=counts.error,
            missing=counts.missing,
            reused=counts.reused,
            code_not_kept=tuple(package.name for package in code.not_kept) if code else (),
        )

    def facts(self) -> Mapping[str, Any]:
        """Return the run's row in listings: texts and numbers by column."""
        counts, scores = self.counts(), None
        if not counts.missing:
            # It imports pyarrow, which a listing of runs with stored facts can do without.
            from backfleet.runs.run_scores import run_scores

            scores = run_scores(self.store, self.chunk_index.listing())
        facts = RunFacts.of(self.manifest, counts, scores)
        return facts.row(self.state(), self.labels(), installed_strategies())

    def labels(self) -> Labels:
        """Return the run's tags and notes, read from the store now."""
        return read_labels(self.store)

    def trials(self) -> RunTrials:
        """Return how many points were ever run in this run's store for its family of strategies."""
        return self.stored.trials()

    def state(self) -> RunState:
        """Return what the run has come to; it has failed if its workers have said why."""
        # The rows decide first: a run with all rows is complete, whatever its workers say.
        if not self.counts().missing:
            return "complete"
        entries = self.submission_log.entries()
        # Any submission, since an older one may still have workers on another executor.
        if any(self.workers.are_active(entry) for entry in entries):
            return "running"
        if not entries:
            return "incomplete"
        if entries[-1].canceled:
            return "canceled"
        return "failed" if self.failures() else "incomplete"

    def failures(self) -> Sequence[WorkerFailure]:
        """Return why workers of the newest submission gave up."""
        numbers = self.submission_log.numbers()
        return self.submission_log.failures(numbers[-1]) if numbers else []

    def latest_submission(self) -> LogEntry:
        """Return the newest submission. Raises RunNotFound if there is none."""
        newest = self.submission_log.newest()
        if newest is None:
            raise RunNotFound(
                f"{self.url} has no submission, so its data and its strategy are not known here: "
                "the run was imported, or planned and never submitted. Run its job with this store"
            )
        return newest

    def task_context(self) -> TaskContext:
        """Return the context that a process needs to run the run's tasks. Raises RunNotFound."""
        submission = self.latest_submission().submission
        return TaskContext(
            self.manifest,
            submission.strategy,
            submission.data_path,
            submission.auxiliary_paths,
            submission.facts_path,
        )

    # -- results ------------------------------------------------------------------------------

    def results(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Return one row per task, in the order of the tasks; missing tasks have none.

        `columns` selects columns, which takes less time and memory. Raises UserError for a run of
        more than 2,000,000 tasks without them, CorruptObject.
        """
        from backfleet.results.read import read_results

        frame: pd.DataFrame = read_results(self.store, self.chunk_index, columns).to_pandas()
        return frame

    def query(
        self, sql: str, *, memory: int | str | None = None, timeout: float | None = None
    ) -> pd.DataFrame:
        """Run an SQL query over the run and return its result.

        The tables are `results`, `equity`, `orders`, `fills` and `trades`, with a column `task`,
        and `runs`, of one row; DuckDB reaches nothing else. `memory` and `timeout` are those of
        `backfleet.query`. Raises UserError for a query that DuckDB rejects or that exceeds a limit,
        RunNotFound for details that the run does not keep, CorruptObject.
        """
        frame: pd.DataFrame = self.query_table(sql, SqlLimits.of(memory, timeout)).to_pandas()
        return frame

    def query_table(self, sql: str, limits: SqlLimits | None = None) -> pa.Table:
        """`query`, as an Arrow table."""
        from backfleet.results.query import query_tables
        from backfleet.results.tables import run_tables, runs_table

        tables = run_tables(self.store, self.manifest, self.chunk_index)
        tables = {**tables, "runs": lambda: runs_table([self.facts()])}
        return query_tables(sql, tables, limits)

    def sums(self) -> Iterator[SymbolSums]:
        """Return the sums of the tasks' returns over segments of months, as arrays.

        Each object holds consecutive tasks of one symbol: as many as a chunk, so that memory stays
        bounded. Tasks that failed or have no result yet are left out. Raises CorruptObject,
        ObjectMissing.
        """
        from backfleet.results.sums import read_sums

        self.counts()
        return read_sums(self.store, self.manifest, self.chunk_index)

    def point_sums(self) -> PointSums | NoPointSums:
        """Return the sums of each point's series: the mean over its symbols on each date.

        Raises CorruptObject, ObjectMissing.
        """
        from backfleet.results.point_sums import read_point_sums

        self.counts()
        return read_point_sums(self.store, self.manifest, self.chunk_index)

    def point_returns(self, points: Sequence[int]) -> PointReturns | NoPointSums:
        """Return the series of some points, date by date.

        Raises IndexError, CorruptObject, ObjectMissing.
        """
        from backfleet.results.point_sums import read_point_returns

        self.counts()
        return read_point_returns(self.store, self.manifest, self.chunk_index, points)

    def verdict(self, *, max_compared: int | None = None) -> RunVerdict:
        """Return the verdicts on the run, complete or not: is the best more than luck?

        Print it for the verdicts in words. Runs of more tasks than `max_compared`, 4,000,000 by
        default, have no PBO: a million tasks take minutes. Raises CorruptObject, StoreError.
        """
        from backfleet.runs.verdict import run_data
        from backfleet.validation.run_verdict import MAX_TASKS, reach_run_verdict

        limit = MAX_TASKS if max_compared is None else max_compared
        return reach_run_verdict(run_data(self.stored), limit)

    def folds(self, validation: Validation | None = None, /, **changes: Any) -> Folds:
        """Return what the training and test windows say: the point chosen in each fold, how it did
        afterwards, and the account that follows from the choices.

        Nothing runs again, so that another rule takes a moment:
        `run.folds(select="sortino", where="trades >= 30")`.

        Parameters
        ----------
        validation
            Windows and rule; by default `[validation]` of the job that was submitted last.
        changes
            Keys of `[validation]` that differ from it.

        Raises
        ------
        UserError
            If there are no windows, they do not fit, or the run does not store what they need.
        CorruptObject
            If what the run stores is damaged.
        """
        from backfleet.runs.folds import compute_folds

        return compute_folds(self.stored, validation, changes)

    def equity(self, task: int) -> pd.DataFrame:
        """Return the account after each bar, in money: its value, its cash and its exposure.

        The column `exposure` is the gross value of all positions. The metric `exposure` of the
        results is a fraction, the mean of `exposure` / `value`. Raises IndexError, RunNotFound.
        """
        return self._detail("equity", task)

    def orders(self, task: int) -> pd.DataFrame:
        """Return one row per order, with its status and, if it was rejected, the reason."""
        return self._detail("orders", task)

    def fills(self, task: int) -> pd.DataFrame:
        """Return one row per fill."""
        return self._detail("fills", task)

    def trades(self, task: int) -> pd.DataFrame:
        """Return one row per trade: a position from its opening to its close."""
        return self._detail("trades", task)

    def analyzers(self, task: int) -> pd.DataFrame:
        """Return the tables of the job's analyzers: one row per value.

        Raises IndexError, and RunNotFound if the job has no analyzers.
        """
        return self._detail("analyzers", task)

    def logs(self, task: int | None = None, *, follow: bool = False) -> Iterator[str]:
        """Return the lines that tasks printed, chunk by chunk, or those of one task.

        With `follow`, also the lines to come, until no worker is active. Raises IndexError.
        """
        from backfleet.results.logs import follow_logs, read_logs

        if task is not None:
            # Raises IndexError for a number that is no task, before anything is read.
            self.manifest.task(task)
        if not follow:
            return read_logs(self.store, self.manifest, task)
        return follow_logs(self.store, self.manifest, task, lambda: self.state() != "running")

    def _detail(self, name: str, task: int) -> pd.DataFrame:
        from backfleet.results.detail import read_detail

        self.counts()
        return read_detail(self.store, self.manifest, self.chunk_index, name, task)
