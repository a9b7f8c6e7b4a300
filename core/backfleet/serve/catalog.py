"""The runs of a store: what their manifests say at once, how they stand as it becomes known."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

from backfleet.errors import BackfleetError, RunNotFound, error_line
from backfleet.plan.known_index import run_folders
from backfleet.plan.manifest_store import read_stored_manifest
from backfleet.results.chunk_index import Counts
from backfleet.runs.facts import RunState, read_facts
from backfleet.runs.run import Run
from backfleet.serve.problems import log_problem
from backfleet.store import Store

__all__ = ["Catalog", "Listed", "Standing"]

READERS = 16
WATCHED = 10.0
"""Seconds after a request in which the catalog keeps looking."""

PAUSE = 0.25
UNFINISHED, FINISHED = 2.0, 60.0
"""Seconds after which a run's standing is looked at again; a finished one may be resumed too."""

SHARE = 20.0
"""Looking at a run that answers slowly is to take no more than a twentieth of the time."""


@dataclass(frozen=True)
class Standing:
    """How a run stood when it was last looked at; `again` is when to look next."""

    state: str
    counts: Counts
    again: float


@dataclass(frozen=True)
class Listed:
    """A run in the list.

    Attributes
    ----------
    standing
        None while it is not yet known.
    problem
        Why its manifest cannot be read; empty for a sound one.
    """

    run_id: str
    name: str = ""
    strategy: str = ""
    created: str = ""
    tasks: int = 0
    standing: Standing | None = None
    problem: str = ""


class Catalog:
    """Lists the runs of a store, and looks at how they stand in threads of its own while somebody
    is asking.

    Manifests never change and are read once.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._facts: dict[str, Listed] = {}
        self._standings: dict[str, Standing] = {}
        self._open: dict[str, Run] = {}
        self._logged: set[str] = set()
        self._asked = 0.0
        self._ended = threading.Event()
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
        """All runs, the newest first. Raises StoreError."""
        self._asked = time.monotonic()
        names = list(run_folders(self.store))
        fresh = [name for name in names if name not in self._facts]
        # Threads wait for S3 together. On small local files they only hinder each other.
        read_all = self._readers.map if self.store.url.startswith("s3://") else map
        found = dict(zip(fresh, read_all(self._read, fresh), strict=True))
        # What cannot be read may be put right: it is not remembered.
        self._facts.update({name: it for name, it in found.items() if it and not it.problem})
        known = [self._facts.get(name) or found.get(name) for name in names]
        there = [self._with_standing(each) for each in known if each is not None]
        return sorted(there, key=lambda each: (each.created, each.run_id), reverse=True)

    def _with_standing(self, listed: Listed) -> Listed:
        return Listed(**{**vars(listed), "standing": self._standings.get(listed.run_id)})

    def _read(self, name: str) -> Listed | None:
        """What a manifest says; None for a folder without one."""
        try:
            store = self.store.at(name)
            facts = read_facts(store)
            if facts is not None:
                return Listed(name, facts.name, facts.strategy, facts.created, facts.tasks)
            stored = read_stored_manifest(store)
        except RunNotFound:
            return None
        except BackfleetError as error:
            return Listed(name, problem=error_line(error))
        except Exception as error:
            self._log_once(name, error)
            return Listed(name, problem=error_line(error))
        return Listed(
            run_id=name,
            name=stored.name,
            strategy=stored.identity.strategy.target,
            created=stored.created,
            tasks=stored.tasks,
        )

    def _look_on(self) -> None:
        while not self._ended.wait(PAUSE):
            if time.monotonic() - self._asked < WATCHED:
                due = [name for name in list(self._facts) if self._is_due(name)]
                for _ in self._readers.map(self._look, due):
                    pass

    def _is_due(self, name: str) -> bool:
        known = self._standings.get(name)
        return known is None or known.again <= time.monotonic()

    def _look(self, name: str) -> None:
        began = time.monotonic()
        state: RunState | Literal["unreadable"]
        try:
            state, counts = self._state(name)
        except BackfleetError:
            state, counts = "unreadable", Counts(0)
        except Exception as error:
            # It must not end the thread, which would hide the state of all other runs.
            self._log_once(name, error)
            state, counts = "unreadable", Counts(0)
        took = time.monotonic() - began
        pause = FINISHED if state == "complete" else max(UNFINISHED, took * SHARE)
        self._standings[name] = Standing(state, counts, time.monotonic() + pause)

    def _state(self, name: str) -> tuple[RunState, Counts]:
        """Return the state of a run. One that is not complete stays open: it knows its chunks."""
        store = self.store.at(name)
        facts = read_facts(store)
        if facts is not None:
            self._open.pop(name, None)
            return "complete", facts.counts
        run = self._open.get(name) or self._open.setdefault(name, Run(store))
        state = run.state()
        if state == "complete":
            self._open.pop(name)
        return state, run.chunk_index.counts()

    def _log_once(self, name: str, error: Exception) -> None:
        """Log an exception of a run, but not each time that the list is asked for."""
        if name not in self._logged:
            self._logged.add(name)
            log_problem(f"run {name}", error)
