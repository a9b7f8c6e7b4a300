"""`RunControl`: starts a run's workers, waits for them, resumes and cancels the run."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TextIO

from backfleet.errors import BackfleetError, StoreError
from backfleet.executor import (
    ChunkGeneration,
    Cost,
    Executor,
    Recoverable,
    Remote,
    ShardStatus,
    Submission,
    executor_errors,
)
from backfleet.results.chunk_index import ChunkIndex
from backfleet.results.part_index import PartIndex
from backfleet.runs.compiling import is_compiling
from backfleet.runs.executors import open_executor
from backfleet.runs.facts import RunFacts, read_run_facts, write_facts
from backfleet.runs.progress import progress_on
from backfleet.runs.run import Run
from backfleet.runs.submit import Submit
from backfleet.runs.summary import RunSummary
from backfleet.runs.undeclared import check_undeclared_files
from backfleet.runs.watch import WorkerWatch, wait_for_workers
from backfleet.runs.workers import RunWorkers
from backfleet.submissions.events import emit
from backfleet.submissions.large_runs import MAX_FILE_TASKS
from backfleet.submissions.recover import active_submission, has_active_workers, with_handle
from backfleet.submissions.submission_log import LogEntry
from backfleet.submissions.trusted_settings import adopt_settings, check_settings

__all__ = ["RunControl"]

COMPACTION_PAUSE_SECONDS = 10.0
"""Seconds between two looks at the job that compacts the results."""


class RunControl:
    """Controls the workers of a run.

    Attributes
    ----------
    run
        The run, for reading.
    done_before
        Number of tasks that already had a result when this object last started workers.
    reused
        Number of tasks whose rows were copied from earlier runs when this object last started
        workers.
    started_workers
        True if `start` launched workers, False if it attached to workers that were running.
    workers
        The run's workers, as the executor that was opened to start them reports them.
    worker_statuses
        Last status that the executor reported for each shard, set when `wait` returns.
    excess
        The cost at which `wait` stopped the workers, because it exceeded their limit.
    cancel_failures
        Why `cancel` could not ask the executors of some submissions.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.done_before = 0
        self.reused = 0
        self.started_workers = False
        self.worker_statuses: Sequence[ShardStatus] = ()
        self.excess: Cost | None = None
        self.cancel_failures: list[BackfleetError] = []
        self.workers = run.workers
        self._entry: LogEntry | None = None
        self._started_at = time.monotonic()
        self._seconds: float | None = None

    def start(self, submit: Submit) -> None:
        """Start workers for the run, unless workers of it are active on the submit's executor.

        Raises
        ------
        ExecutorError, PluginError, UndeclaredFileChanged
            If something speaks against it; nothing was written and nothing started.
        """
        self._started_at, self._seconds, self.excess = time.monotonic(), None, None
        self.workers = RunWorkers(self.run.submission_log, submit.executor)
        # Before anything is written: workers that are running already compute the missing tasks.
        self._entry = active_submission(self.run.submission_log, submit.executor)
        self.run = submit.run
        self.done_before = self.run.counts().done
        # Before the first write: new rows beside rows of another file would make the run
        # inconsistent.
        check_undeclared_files(self.run.chunk_index, submit.draft.strategy)
        # Active workers have their submission, and a second one would compute the same chunks.
        is_active = self._entry is not None
        if not is_active:
            submit.prepare()
        # From here on, the store is written to. Everything that can refuse the submit has been
        # asked.
        submit.save_manifest()
        submit.record_trials()
        self.run = submit.run
        emit("run_planned", run_id=self.run.id, tasks=self.run.manifest.tasks)
        # `submit.launch` returns None if every row was there already or was copied.
        self._entry = self._entry or self._launch(submit)
        self.reused = submit.reused
        has_shards = self._entry is not None and bool(self._entry.submission.shards)
        self.started_workers = has_shards and not is_active

    def _launch(self, submit: Submit) -> LogEntry | None:
        try:
            return submit.launch()
        except KeyboardInterrupt:
            # Workers may have been started, and nobody waits for them.
            self.cancel()
            raise

    def wait(self, progress: TextIO | None = None) -> RunSummary:
        """Block until every task has a row or no worker is left.

        Parameters
        ----------
        progress
            Stream to show progress on; None shows nothing.
        """
        # What the end of the wait needs is imported while the workers start.
        from backfleet.results.compact import compact  # noqa: F401

        run = self.run
        # `wait` may be called without `start`, for a run that another process has started.
        entry = self._entry or run.submission_log.newest()
        # A complete run that somebody else has computed has no workers to watch.
        if entry is not None and not (run.chunk_index.complete and self._entry is None):
            executor = self.workers.executor_of(entry)
            # A retried chunk is complete before its workers start, so completeness alone does not
            # show that they are through.
            expected = len(self._unfinished(list(entry.submission.generations.items())))
            parts = PartIndex(run.store, run.chunk_index)
            stop = partial(self._stop_at_limit, entry)
            done = run.chunk_index.counts().done
            watch = WorkerWatch(run.chunk_index, parts, executor, entry, expected, done, stop)
            # Only around the wait: an error before or after it says nothing about workers.
            with self._naming_workers(executor, entry):
                before = parts.counts()
                # Workers elsewhere compile elsewhere.
                compiles = is_compiling if not isinstance(executor, Remote) else lambda: False
                with progress_on(progress, run.id, before, compiles) as show:
                    show(before)
                    self.worker_statuses = wait_for_workers(watch, show)
        if entry is not None:
            self._clean_up(entry)
        return self.finish()

    def _stop_at_limit(self, entry: LogEntry, cost: Cost) -> None:
        """Stop workers that have cost more than their limit; what they have committed stays."""
        # Noted before the cancel, which may fail: the caller reports the cost in any case.
        self.excess = cost
        self.workers.cancel(entry)
        self.run.submission_log.mark_canceled(entry.submission.number)

    @contextlib.contextmanager
    def _naming_workers(self, executor: Executor, entry: LogEntry) -> Iterator[None]:
        """Say in an error of the store, such as expired credentials, that workers continue."""
        try:
            yield
        except StoreError as error:
            # Other workers end with this process.
            if entry.submission.detach or isinstance(executor, Recoverable):
                raise type(error)(
                    f"{error}. The workers continue: 'backfleet wait {self.run.url}' waits for them"
                ) from error
            raise

    def finish(self) -> RunSummary:
        """Compact the results of a complete run, and notify the plugins."""
        from backfleet.results.compact import compact, is_current

        run = self.run
        counts = run.counts()
        if not counts.missing:
            self._wait_for_compaction()
            # Another client that waits for the same run may have compacted it.
            if not is_current(run.store, run.chunk_index.listing()):
                compact(run.store, run.chunk_index)
            # After the compaction, because the scores are read from the compacted rows.
            if read_run_facts(run.store) is None:
                from backfleet.runs.run_scores import run_scores

                scores = run_scores(run.store, run.chunk_index.listing())
                write_facts(run.store, RunFacts.of(run.manifest, counts, scores))
        self._seconds = time.monotonic() - self._started_at
        summary = self.summary()
        emit("run_finished", run_id=run.id, summary=summary.to_json())
        return summary

    def _wait_for_compaction(self) -> None:
        """Wait for the job that compacts the results of a large run, if the executor has one."""
        if self.run.manifest.tasks <= MAX_FILE_TASKS:
            return
        entry = self._entry or self.run.submission_log.newest()
        if entry is None or entry.handle is None:
            return
        with contextlib.suppress(BackfleetError):
            # Without an answer, this process compacts the results.
            executor = self.workers.executor_of(entry)
            with executor_errors(executor):
                while Remote.of(executor).is_compacting(entry.handle):
                    time.sleep(COMPACTION_PAUSE_SECONDS)

    def summary(self) -> RunSummary:
        """Return the run's summary, with the seconds since it was started here."""
        elapsed = time.monotonic() - self._started_at
        seconds = elapsed if self._seconds is None else self._seconds
        return replace(self.run.summary(), seconds=round(seconds, 3))

    def resume(
        self,
        executor: str | None = None,
        options: Sequence[str] = (),
        *,
        retry_failed: bool = False,
        detach: bool = False,
        accept_cost: bool = False,
        trust_code: Sequence[str] = (),
        trust_settings: Sequence[str] = (),
    ) -> None:
        """Start workers for the missing tasks; `wait` then waits for them.

        If nothing is missing, all details are read, and damaged ones are recomputed. Active workers
        are adopted. If the code found here is no longer the run's, workers run with the code in the
        run's store. Settings of the executor that are not set here are those of its newest
        submission.

        Parameters
        ----------
        retry_failed
            Also retry tasks that timed out, ran out of memory or were killed.
        accept_cost
            Spend more than the executor's limit.
        trust_code
            SHA-256 of code that the store keeps or names, and that may run although you have not
            submitted it.
        trust_settings
            SHA-256 of settings in the run's store that workers may have although you have not
            submitted them.

        Raises
        ------
        RunNotFound
            If nothing was ever submitted.
        UntrustedCode
            If the run's code comes from somebody else and differs from the code found here.
        UntrustedSettings
            If settings of the executor come from somebody else.
        ExecutorError, PluginError, UndeclaredFileChanged
            If something speaks against it, such as another backfleet; nothing was started.
        """
        # A run that starts needs none of it, and its import would delay the workers.
        from backfleet.runs.task_code import with_code_to_resume

        newest = self.run.latest_submission().submission
        chosen = open_executor(executor or newest.executor, options)
        # Consent is asked for later, in `choose_code`: a resume that finds active workers or no
        # missing task starts nothing.
        check_adopted = self._adopt_settings(chosen, trust_settings)
        # Resources, data and strategy stay those of the newest submission.
        draft = replace(newest, retry=retry_failed, detach=detach)

        def choose_code(draft: Submission) -> Submission:
            check_adopted()
            return with_code_to_resume(self.run, trust_code, draft)

        submit = Submit(
            self.run,
            chosen,
            draft,
            partial(_chunks_to_resume, retry_failed=retry_failed),
            accept_cost=accept_cost,
            choose_code=choose_code,
        )
        self.start(submit)

    def cancel(self) -> int:
        """Stop the workers of all submissions, and return how many submissions had any.

        Committed chunks stay; `resume` computes the rest. `cancel_failures` says of which
        submissions it is unknown whether they have workers.
        """
        stopped = 0
        self.cancel_failures = []
        # All submissions, not only the newest: older ones may still have workers, also on another
        # executor.
        for entry in map(self._with_handle, self.run.submission_log.entries()):
            try:
                is_active = has_active_workers(self.workers.executor_of(entry), entry)
            except BackfleetError as error:
                self.cancel_failures.append(error)
                continue
            if is_active:
                self.workers.cancel(entry)
                self.run.submission_log.mark_canceled(entry.submission.number)
                stopped += 1
        return stopped

    def _adopt_settings(self, executor: Executor, accepted: Sequence[str]) -> Callable[[], None]:
        """Give an executor the settings that it had when it last worked for this run.

        They suffice to ask about workers. Returns what must be called before any is started.
        """
        # Not simply the newest submission, which may be to another executor.
        for entry in reversed(self.run.submission_log.entries()):
            if entry.submission.executor == executor.name and entry.handle is not None:
                settings = adopt_settings(executor, entry.handle)
                return partial(
                    check_settings, self.run.url, executor, entry.handle, settings, accepted
                )
        return lambda: None

    def _with_handle(self, entry: LogEntry) -> LogEntry:
        """Return the entry with a handle, also if its client died or its handle is damaged."""
        # Looking for orphans asks the executor, and these entries cannot have any.
        if entry.handle is not None or entry.canceled or not entry.submission.shards:
            return entry
        with contextlib.suppress(BackfleetError):
            executor = self.workers.executor_of(entry)
            return with_handle(self.run.submission_log, executor, entry)
        return entry

    def _clean_up(self, entry: LogEntry) -> None:
        """Remove what ended workers leave behind; the run is complete without that, too."""
        if entry.handle is not None:
            with contextlib.suppress(BackfleetError):
                executor = self.workers.executor_of(entry)
                with executor_errors(executor):
                    Recoverable.of(executor).clean_up(entry.handle)

    def _unfinished(self, chunks: Sequence[ChunkGeneration]) -> list[ChunkGeneration]:
        """Return the chunks of which the store has neither this generation nor a later one."""
        newest = {header.chunk: header.generation for header in self.run.chunk_index.headers()}
        return [(chunk, number) for chunk, number in chunks if newest.get(chunk, -1) < number]


def _chunks_to_resume(index: ChunkIndex, *, retry_failed: bool) -> Sequence[ChunkGeneration]:
    # Damage is looked for only if nothing else is left, because that reads all details of the run.
    chunks = index.missing() + (index.retryable() if retry_failed else [])
    return sorted(chunks or index.damaged())
