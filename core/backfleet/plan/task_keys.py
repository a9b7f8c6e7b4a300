"""Keys of tasks: two tasks with equal keys have equal rows, in whichever runs they are.

The key of a task consists of

- the base key of its run: the SHA-256 of all in the identity that can change a row and is the same
  for all tasks. That is the identity without

  - the points and the symbols, which are in the key of the task;
  - `results.detail`: a run that keeps details has the same rows, and the details besides, so its
    rows serve a run that keeps none, but not the other way around;
  - `results.benchmark`, unless rows are extended: reports compare rows with it;

- the symbol: its name, its digest, and what else was planned of its bars. A portfolio has all of
  its symbols, in their order, in the base key;
- the parameter point: the names and values of all parameters, as canonical JSON.

The digests of auxiliary feeds are the same for all tasks and a part of the base key.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from backfleet.job.points import Indices
from backfleet.plan.identity import Identity
from backfleet.plan.manifest import Manifest
from backfleet.plan.point_match import match_points
from backfleet.store.plain_json import to_plain
from backfleet.store.records import canonical_digest

__all__ = ["MAX_POINTS", "TaskMatch", "base_key"]

MAX_POINTS = 10_000_000
"""Most points of a run whose tasks are matched: a match takes about 100 bytes for each of them."""


def base_key(identity: Identity) -> str:
    """Return the part of the tasks' keys that all tasks of a run have in common."""
    # Only extended rows depend on the benchmark.
    benchmark = identity.results.benchmark if identity.results.extended else ""
    neutral = replace(
        identity,
        points={},
        data=replace(identity.data, digests={}),
        results=replace(identity.results, detail="summary", benchmark=benchmark),
    )
    is_portfolio = identity.data.universe == "portfolio"
    symbols = list(identity.data.digests.items()) if is_portfolio else []
    return canonical_digest([to_plain(neutral), to_plain(symbols)])


class TaskMatch:
    """The tasks of an earlier run that have the same keys as tasks of a run.

    Parameters
    ----------
    manifest, earlier
        Two runs with the same base key.
    """

    def __init__(self, manifest: Manifest, earlier: Manifest) -> None:
        self._count, self._earlier_count = len(manifest.points), len(earlier.points)
        if manifest.is_portfolio:
            symbols = [0 if tuple(manifest.symbols) == tuple(earlier.symbols) else -1]
        else:
            # A `PlannedSymbol` compares by all of its fields, so a symbol with other bars is
            # another one.
            places = {symbol: place for place, symbol in enumerate(earlier.symbols)}
            symbols = [places.get(symbol, -1) for symbol in manifest.symbols]
        self._symbols = np.array(symbols, dtype=np.int64)
        # Matching points is the expensive part, so it waits until some symbol matches.
        is_small = max(self._count, self._earlier_count) <= MAX_POINTS
        if is_small and (self._symbols >= 0).any():
            self._points = match_points(manifest.points, earlier.points)
        else:
            # Never indexed: callers ask `is_empty` first.
            self._points = np.full(1, -1, dtype=np.int64)

    @property
    def is_empty(self) -> bool:
        """Whether the runs have no task in common."""
        return not ((self._symbols >= 0).any() and (self._points >= 0).any())

    def earlier_tasks(self, tasks: Indices) -> Indices:
        """Return the earlier run's number of each task, and -1 if the earlier run has no such task.

        The match must not be empty.
        """
        symbols, points = self._symbols[tasks // self._count], self._points[tasks % self._count]
        is_common = (symbols >= 0) & (points >= 0)
        return np.where(is_common, symbols * self._earlier_count + points, -1)
