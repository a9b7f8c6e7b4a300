"""The workers of a run, as the executors of its submissions report them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress

from backfleet.errors import BackfleetError, RunNotFound
from backfleet.executor import Executor, ShardStatus, executor_errors
from backfleet.runs.executors import open_executor
from backfleet.submissions.recover import has_active_workers, poll_workers
from backfleet.submissions.submission_log import LogEntry, SubmissionLog
from backfleet.submissions.trusted_settings import adopt_settings

__all__ = ["RunWorkers"]


class RunWorkers:
    """Asks the executors of a run's submissions.

    Parameters
    ----------
    executor
        One that is open already, for the submissions to it; others are opened by their names.
    """

    def __init__(self, log: SubmissionLog, executor: Executor | None = None) -> None:
        self._log = log
        self._executor = executor
        self._opened: dict[tuple[str, str], Executor] = {}

    def executor_of(self, entry: LogEntry) -> Executor:
        """Return the executor of a submission. Raises PluginError, ExecutorError."""
        name = entry.submission.executor
        if self._executor is not None and self._executor.name == name:
            return self._executor
        executor = open_executor(name)
        # Without the user's consent: these workers exist, and none is started.
        adopted = {} if entry.handle is None else adopt_settings(executor, entry.handle)
        # One executor for all submissions with the same settings, because a client of AWS or Docker
        # takes long to create. Those with other settings have workers elsewhere.
        key = (name, json.dumps(dict(adopted), sort_keys=True))
        return self._opened.setdefault(key, executor)

    def are_active(self, entry: LogEntry) -> bool:
        """Whether a submission has active workers; False if its executor cannot be asked."""
        # Nothing is known of an executor that is not installed here.
        with suppress(BackfleetError):
            return has_active_workers(self.executor_of(entry), entry)
        return False

    def statuses(self) -> Sequence[ShardStatus]:
        """Return what the executor reports of each shard of the newest submission."""
        entry = self._log.newest()
        if entry is None or entry.handle is None:
            return []
        return poll_workers(self.executor_of(entry), entry)

    def log_lines(self, shard: int, *, follow: bool = False) -> Iterator[str]:
        """Return the lines that a worker of the newest submission has written.

        With `follow`, also the lines to come. Raises IndexError, RunNotFound (nothing was ever
        submitted).
        """
        entry = self._log.newest()
        if entry is None:
            raise RunNotFound(
                "the run has no submission, so it has no workers: it was imported, or planned and "
                "never submitted"
            )
        if not entry.submission.shards:
            raise RunNotFound("all rows of the run come from earlier runs, so it has no workers")
        last = len(entry.submission.shards) - 1
        if not 0 <= shard <= last:
            raise IndexError(
                f"worker {shard} does not exist: the submission has workers 0 to {last}"
            )
        if entry.handle is None:
            return iter(())
        return self._log_lines(entry, shard, follow=follow)

    def cancel(self, entry: LogEntry) -> None:
        """Stop the workers of a submission. Raises PluginError, ExecutorError."""
        if entry.handle is not None:
            executor = self.executor_of(entry)
            with executor_errors(executor):
                executor.cancel(entry.handle)

    def _log_lines(self, entry: LogEntry, shard: int, *, follow: bool) -> Iterator[str]:
        assert entry.handle is not None
        executor = self.executor_of(entry)
        with executor_errors(executor):
            yield from executor.logs(entry.handle, shard, follow=follow)
