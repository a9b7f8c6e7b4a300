"""The facts of a run in listings, and `facts.json`, which keeps those of a complete run.

A listing of thousands of runs cannot read all their chunks. The client that ends a run writes the
file, marked with what it was made from, so that it counts only beside that very manifest and those
very chunks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Literal

from backfleet.errors import CorruptObject, ObjectMissing
from backfleet.plan.manifest import Manifest
from backfleet.plan.manifest_store import MANIFEST
from backfleet.plugins import list_plugins
from backfleet.results.chunk_index import Counts, chunk_listing
from backfleet.runs.labels import Labels
from backfleet.runs.parameter_ranges import parameter_ranges
from backfleet.runs.setup_words import setup_words
from backfleet.store import Store
from backfleet.store.records import MAX_RECORD_BYTES, encode_record, read_record

__all__ = [
    "CODE_DIGITS",
    "RunFacts",
    "RunScores",
    "RunState",
    "installed_strategies",
    "read_run_facts",
    "write_facts",
]

FACTS = "facts.json"
FORMAT = "facts/3"
# Much more than facts take; a larger object is damaged or malicious and is not read.
MAX_FACTS_BYTES = 64 * 2**10

CODE_DIGITS = 12
"""Digits of the code's hash in listings."""

RunState = Literal["complete", "running", "canceled", "failed", "incomplete"]


@dataclass(frozen=True)
class RunScores:
    """The best and the median result of a run.

    Attributes
    ----------
    metric
        The column by which the run is ranked; empty if its rows are not known.
    best
        The best task with enough trades, as on the page of the run; None if no task has a value.
    median
        Over all tasks with a value.
    """

    metric: str = ""
    best: float | None = None
    median: float | None = None


@dataclass(frozen=True)
class RunFacts:
    """The facts of a run that its manifest and its chunks decide.

    Attributes
    ----------
    strategy
        Its target.
    code
        Hash of the strategy's code.
    first, last
        The first and the last session of the data.
    parameters, setup
        See `parameter_ranges` and `setup_words`.
    seconds
        Compute time, summed over the tasks.
    """

    run_id: str
    name: str
    strategy: str
    created: str
    tasks: int
    ok: int
    suspicious: int
    error: int
    symbols: int
    engine: str
    universe: str
    detail: str
    code: str
    first: str
    last: str
    parameters: str
    setup: str
    seconds: float
    scores: RunScores

    @classmethod
    def of(cls, manifest: Manifest, counts: Counts, scores: RunScores | None = None) -> RunFacts:
        identity = manifest.identity
        return cls(
            run_id=manifest.run_id,
            name=manifest.name,
            strategy=identity.strategy.target,
            created=manifest.created,
            tasks=counts.tasks,
            ok=counts.ok,
            suspicious=counts.suspicious,
            error=counts.error,
            symbols=len(manifest.symbols),
            engine=manifest.engine,
            universe=identity.data.universe,
            detail=identity.results.detail,
            code=identity.strategy.code,
            first=str(min(symbol.first for symbol in manifest.symbols)),
            last=str(max(symbol.last for symbol in manifest.symbols)),
            parameters=parameter_ranges(manifest.points),
            setup=setup_words(manifest),
            seconds=counts.seconds,
            scores=scores or RunScores(),
        )

    @property
    def done(self) -> int:
        return self.ok + self.suspicious + self.error

    @property
    def counts(self) -> Counts:
        return Counts(self.tasks, self.ok, self.suspicious, self.error, seconds=self.seconds)

    def row(
        self, state: RunState, labels: Labels, strategies: Mapping[str, str]
    ) -> Mapping[str, Any]:
        """Return the run's row in listings: texts and numbers by column.

        `strategies` are the names by which jobs call strategies that are installed here, by their
        targets; the others have their targets as names.
        """
        return {
            "run_id": self.run_id,
            "name": self.name,
            "strategy": strategies.get(self.strategy, self.strategy),
            "created": self.created,
            "state": state,
            "tasks": self.tasks,
            "done": self.done,
            "ok": self.ok,
            "suspicious": self.suspicious,
            "error": self.error,
            "symbols": self.symbols,
            "engine": self.engine,
            "universe": self.universe,
            "detail": self.detail,
            "code": self.code[:CODE_DIGITS],
            "first": self.first,
            "last": self.last,
            "parameters": self.parameters,
            "setup": self.setup,
            "metric": self.scores.metric,
            "best": self.scores.best,
            "median": self.scores.median,
            "seconds": self.seconds,
            "tags": ", ".join(labels.tags),
            "note": "; ".join(labels.notes),
        }


@dataclass(frozen=True)
class _StoredFacts:
    made_from: str
    facts: RunFacts


def write_facts(store: Store, facts: RunFacts) -> None:
    """Write the facts of a complete run. Raises StoreError."""
    store.replace(FACTS, encode_record(FORMAT, _StoredFacts(_made_from(store), facts)))


@cache
def installed_strategies() -> Mapping[str, str]:
    """Return the names of the installed strategies by their targets."""
    return {plugin.target: plugin.name for plugin in list_plugins("strategy")}


def read_run_facts(store: Store) -> RunFacts | None:
    """Return the facts of a complete run.

    None if they are missing or damaged, or if the manifest or a chunk has changed since. Raises
    StoreError.
    """
    try:
        stored = read_record(store, FACTS, _StoredFacts, FORMAT, MAX_FACTS_BYTES)
        # Chunks that were recomputed since have other sizes or generations, and the facts are
        # stale.
        if stored.made_from != _made_from(store):
            return None
        _check_values(stored.facts)
    except (ObjectMissing, CorruptObject, ValueError):
        return None
    return stored.facts


def _check_values(facts: RunFacts) -> None:
    """Raise ValueError for values that no complete run has."""
    datetime.fromisoformat(facts.created)
    # The file can be written by anybody who can write to the store.
    if facts.done != facts.tasks or min(facts.ok, facts.suspicious, facts.error) < 0:
        raise ValueError


def _made_from(store: Store) -> str:
    """Return a hash of the manifest and of the names and sizes of the chunks."""
    # The content of the manifest but only a listing of the chunks: reading chunks is what the file
    # avoids.
    manifest = hashlib.sha256(store.read(MANIFEST, MAX_RECORD_BYTES)).hexdigest()
    return f"{manifest} {chunk_listing(store)}"
