"""Removing a run from its store: its index entries, its manifest, its folder, in this order.

A removal that is killed leaves no run that is listed but half there, and a second one finishes it.
The trial ledger, below `trials/`, outlives its runs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from backfleet.errors import BackfleetError, CorruptObject, RunNotFound, UserError
from backfleet.plan.known_index import KNOWN
from backfleet.plan.manifest_store import MANIFEST
from backfleet.runs.naming import find_run
from backfleet.runs.run import Run
from backfleet.runs.workers import RunWorkers
from backfleet.store import DEFAULT_STORE, Store, open_store, split_url
from backfleet.submissions.recover import has_active_workers, with_handle
from backfleet.submissions.submission_log import SubmissionLog

__all__ = ["RunFolder", "check_removable", "find_run_folder", "remove_run"]

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
    def is_complete(self) -> bool:
        return self.run is not None and not self.run.counts().missing

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
        # A removal that was interrupted has deleted the manifest, but left other objects.
        if "/" not in argument or not any(open_store(argument).list()):
            raise
        location = open_store(argument)
    parent, name = split_url(location.url)
    try:
        run = Run(location)
    except (CorruptObject, RunNotFound) as error:
        # Only the name shows that this folder is a run's and not somebody's project.
        if not _RUN_ID.fullmatch(name):
            text = f"{location.url} is not a run and was not removed: {error}"
            raise RunNotFound(text) from error
        run = None
    return RunFolder(open_store(parent), name, run)


def check_removable(folder: RunFolder, *, force: bool = False) -> None:
    """Raise UserError while workers of a run are active.

    Unless the run is complete, also if its executor cannot be asked; `force` takes its workers for
    ended then.
    """
    log = SubmissionLog(folder.store, folder.run_id)
    workers = RunWorkers(log)
    for number in log.numbers():
        try:
            entry = log.entry(number)
            executor = workers.executor_of(entry)
            is_active = has_active_workers(executor, with_handle(log, executor, entry))
        except BackfleetError as error:
            if force or folder.is_complete:
                continue
            raise UserError(
                f"{folder.store.url}: nothing was removed, because it is unknown whether workers "
                f"are active: {error}. Pass --force if none are"
            ) from error
        if is_active:
            raise UserError(
                f"{folder.store.url}: nothing was removed, because workers are active. Cancel the "
                f"run first: backfleet cancel {folder.store.url}"
            )


def remove_run(folder: RunFolder) -> None:
    """Remove a run from its store, or what is left of it. Raises StoreError."""
    suffix = f"/{folder.run_id}.json"
    for entry in list(folder.root.list(f"{KNOWN}/")):
        # The folder of the index depends on the identity, which a damaged manifest does not give,
        # so all entries are looked through.
        if entry.key.endswith(suffix):
            folder.root.delete(entry.key)
    # From here on, the run is no longer listed, even if the deletion of the rest is interrupted.
    folder.root.delete(f"{folder.name}/{MANIFEST}")
    folder.root.delete_folder(folder.name)
