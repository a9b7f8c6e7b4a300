"""The runs of a store: the facts of their manifests at once, their status once it is known."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from backfleet.errors import BackfleetError, RunNotFound, error_line
from backfleet.executor import Cost
from backfleet.plan.known_index import run_folders
from backfleet.plan.manifest_store import read_manifest
from backfleet.results.chunk_index import Counts
from backfleet.runs.facts import RunFacts, RunScores, RunState, read_run_facts
from backfleet.runs.labels import read_labels
from backfleet.runs.run import Run
from backfleet.runs.run_scores import run_scores
from backfleet.runs.spending import stored_cost
from backfleet.serve.problems import log_problem
from backfleet.store import Store
from backfleet.submissions.submission_log import SubmissionLog

__all__ = ["Catalog", "Listed", "RunStatus"]

READERS = 16
WATCHED_SECONDS = 10.0
"""Seconds after a request in which the catalog keeps looking."""

PAUSE_SECONDS = 0.25
UNFINISHED_SECONDS, FINISHED_SECONDS = 2.0, 60.0
"""Seconds after which a run's status is looked at again; a finished one may be resumed too."""

PAUSE_PER_SECOND = 20.0
"""Looking at a run that answers slowly is to take no more than a twentieth of the time."""


@dataclass(frozen=True)
class RunStatus:
    """The status of a run when it was last looked at; `next_check` is when to look again.

    Attributes
    ----------
    tags
        Separated by commas.
    scores
        None if the run is not complete.
    cost
        What workers of ended submissions were charged; None if nothing is known.
    """

    state: str
    counts: Counts
    next_check: float
    tags: str = ""
    scores: RunScores | None = None
    cost: Cost | None = None


@dataclass(frozen=True)
class Listed:
    """A run in the list.

    Attributes
    ----------
    facts
        None if the manifest cannot be read.
    status
        None while it is not yet known.
    problem
        Why its manifest cannot be read; empty for a sound one.
    """

    run_id: str
    facts: RunFacts | None = None
    status: RunStatus | None = None
    problem: str = ""

    @property
    def created(self) -> str:
        """When the run was planned; empty if that cannot be read."""
        return self.facts.created if self.facts else ""


class Catalog:
    """Lists the runs of a store, and looks at their status in threads of its own while somebody is
    asking.

    Manifests never change and are read once.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._facts: dict[str, Listed] = {}
        self._statuses: dict[str, RunStatus] = {}
        # Runs that are not complete. Their index of chunks then reads new chunks only.
        self._open: dict[str, Run] = {}
        self._logged: set[str] = set()
        # When the list was asked for, by the monotonic clock. While nobody asks, nothing is looked
        # at.
        self._asked = 0.0
        self._ended = threading.Event()
        # A daemon, so that a store that does not answer cannot keep the process alive.
        self._looker = threading.Thread(target=self._look_on, name="catalog", daemon=True)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="catalog")

    def start(self) -> None:
        """Begin to look."""
        self._looker.start()

    def stop(self) -> None:
        """End looking, once what is being looked at has answered."""
        self._ended.set()
        if self._looker.is_alive():
            self._looker.join()
        self._readers.shutdown(cancel_futures=True)

    def runs(self) -> Sequence[Listed]:
        """Return all runs, the newest first. Raises StoreError."""
        self._asked = time.monotonic()
        names = list(run_folders(self.store))
        # A run that was removed may come back with another name, and need not be looked at.
        for name in set(self._facts).difference(names):
            self._facts.pop(name, None)
            self._statuses.pop(name, None)
            self._open.pop(name, None)
        fresh = [name for name in names if name not in self._facts]
        # Threads wait for S3 together. On small local files they only hinder each other.
        read_all = self._readers.map if self.store.url.startswith("s3://") else map
        answers = dict(zip(fresh, read_all(self._read, fresh), strict=True))
        # What cannot be read may be put right: it is not remembered.
        self._facts.update({name: it for name, it in answers.items() if it and not it.problem})
        known = [self._facts.get(name) or answers.get(name) for name in names]
        listed = [
            replace(run, status=self._statuses.get(run.run_id)) for run in known if run is not None
        ]
        return sorted(listed, key=lambda run: (run.created, run.run_id), reverse=True)

    def _read(self, name: str) -> Listed | None:
        """Return the facts of a manifest; None for a folder without one."""
        try:
            store = self.store.at(name)
            facts = read_run_facts(store)
            if facts is None:
                manifest = read_manifest(store)
                facts = RunFacts.of(manifest, Counts(manifest.tasks))
        except RunNotFound:
            return None
        except BackfleetError as error:
            return Listed(name, problem=error_line(error))
        except Exception as error:
            self._log_once(name, error)
            return Listed(name, problem=error_line(error))
        return Listed(name, facts)

    def _look_on(self) -> None:
        while not self._ended.wait(PAUSE_SECONDS):
            if time.monotonic() - self._asked < WATCHED_SECONDS:
                # A copy: another thread may add runs meanwhile.
                due = [name for name in list(self._facts) if self._is_due(name)]
                for _ in self._readers.map(self._look, due):
                    pass

    def _is_due(self, name: str) -> bool:
        known = self._statuses.get(name)
        return known is None or known.next_check <= time.monotonic()

    def _look(self, name: str) -> None:
        began = time.monotonic()
        try:
            status = self._status(name)
        except BackfleetError:
            status = RunStatus("unreadable", Counts(0), 0.0)
        except Exception as error:
            # It must not end the thread, which would hide the state of all other runs.
            self._log_once(name, error)
            status = RunStatus("unreadable", Counts(0), 0.0)
        # How long the store took, which is the measure for the pause below.
        took = time.monotonic() - began
        pause = (
            FINISHED_SECONDS
            if status.state == "complete"
            else max(UNFINISHED_SECONDS, took * PAUSE_PER_SECOND)
        )
        self._statuses[name] = replace(status, next_check=time.monotonic() + pause)

    def _status(self, name: str) -> RunStatus:
        """Return the status of a run. One that is not complete stays open: it knows its chunks."""
        store = self.store.at(name)
        # Written when a run has ended: one small object instead of the manifest and all chunks.
        facts = read_run_facts(store)
        scores: RunScores | None = None
        state: RunState
        if facts is not None:
            self._open.pop(name, None)
            state, counts, scores = "complete", facts.counts, facts.scores
        else:
            run = self._open.get(name) or self._open.setdefault(name, Run(store))
            state, counts = run.state(), run.chunk_index.counts()
            if state == "complete":
                self._open.pop(name, None)
                scores = run_scores(store, run.chunk_index.listing())
        tags = ", ".join(read_labels(store).tags)
        return RunStatus(state, counts, 0.0, tags, scores, stored_cost(SubmissionLog(store)))

    def _log_once(self, name: str, error: Exception) -> None:
        """Log an exception of a run, but not each time that the list is asked for."""
        if name not in self._logged:
            self._logged.add(name)
            log_problem(f"run {name}", error)
