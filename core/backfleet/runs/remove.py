"""Removing a run from its store: its index entries, its manifest, its folder, in this order.

A removal that is killed leaves no run that is listed but half there, and a second one finishes it.
The trial ledger, below `trials/`, outlives its runs.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass

from backfleet.errors import CorruptObject, ExecutorError, PluginError, RunNotFound, StoreError
from backfleet.plan.manifest_store import MANIFEST
from backfleet.runs.naming import find_run
from backfleet.runs.run import Run
from backfleet.runs.workers import RunWorkers
from backfleet.store import DEFAULT_STORE, Store, open_store, split_url
from backfleet.submissions.recover import active_submission, has_active_workers
from backfleet.submissions.submission_log import LogEntry, SubmissionLog

__all__ = ["RunFolder", "find_run_folder", "has_workers", "remove_run"]

INDEX = "known/1/"
_RUN_ID = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class RunFolder:
    """The folder of a run in its store.

    Attributes
    ----------
    root
        The store that holds the run.
    name
        The folder in it; as a rule, the run's id.
    run
        None if its manifest is missing or damaged.
    """

    root: Store
    name: str
    run: Run | None

    @property
    def run_id(self) -> str:
        return self.name if self.run is None else self.run.id

    @property
    def store(self) -> Store:
        """The run's own store."""
        return self.root.at(self.name)


def find_run_folder(argument: str, store: str = DEFAULT_STORE) -> RunFolder:
    """Return the folder of a run, also of a damaged one and of one that is removed in part.

    Raises RunNotFound, StoreError.
    """
    try:
        location = find_run(argument, store)
    except RunNotFound:
        if "/" not in argument or not any(open_store(argument).list()):
            raise
        location = open_store(argument)
    parent, name = split_url(location.url)
    try:
        run = Run(location)
    except (CorruptObject, RunNotFound) as error:
        # Only the name shows that this folder is a run's and not somebody's project.
        if not _RUN_ID.fullmatch(name):
            raise RunNotFound(f"{location.url} is no run, so it stays: {error}") from error
        run = None
    return RunFolder(open_store(parent), name, run)


def has_workers(folder: RunFolder) -> bool:
    """Whether workers of a run are active, as far as their executors can be asked from here."""
    log = SubmissionLog(folder.store)
    workers = RunWorkers(log)
    return any(_is_active(folder.store, workers, entry) for entry in _readable_entries(log))


def remove_run(folder: RunFolder) -> None:
    """Remove a run from its store, or what is left of it. Raises StoreError."""
    suffix = f"/{folder.run_id}.json"
    for entry in list(folder.root.list(INDEX)):
        if entry.key.endswith(suffix):
            folder.root.delete(entry.key)
    folder.root.delete(f"{folder.name}/{MANIFEST}")
    folder.root.delete_folder(folder.name)


def _readable_entries(log: SubmissionLog) -> list[LogEntry]:
    entries = []
    for number in log.numbers():
        with suppress(StoreError):
            entries.append(log.entry(number))
    return entries


def _is_active(store: Store, workers: RunWorkers, entry: LogEntry) -> bool:
    # Executors that are not installed here, and damaged submissions, cannot be asked.
    with suppress(ExecutorError, PluginError, CorruptObject):
        executor = workers.executor_of(entry)
        if entry.handle is not None:
            return has_active_workers(executor, entry)
        return not entry.canceled and active_submission(store, executor) is not None
    return False
