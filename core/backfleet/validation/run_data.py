"""The stored data of a run that its verdicts are reached from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from backfleet.errors import CorruptObject
from backfleet.plan.manifest import Manifest
from backfleet.results.chunk_index import ChunkIndex
from backfleet.results.leaderboard import swept_parameters
from backfleet.results.scores import TaskScores
from backfleet.results.sums import SymbolSums, read_task_sums
from backfleet.store import Store
from backfleet.validation.trial_counts import RunTrials
from backfleet.validation.verdict import FoldEvidence

__all__ = ["RunData"]


@dataclass(frozen=True, eq=False)
class RunData:
    """The stored data of a run.

    Attributes
    ----------
    store, manifest, chunk_index
        The run.
    scores
        From the rows of its tasks.
    ledger
        The points that were ever run in the store.
    folds
        Result of the test windows; None if there are none.
    """

    store: Store
    manifest: Manifest
    chunk_index: ChunkIndex
    scores: TaskScores
    ledger: RunTrials
    folds: FoldEvidence | None = None

    @property
    def symbols(self) -> int:
        """Number of symbols with tasks of their own; 1 for a portfolio."""
        return len(self.scores.sharpe)

    def task_sums(self, tasks: Iterable[int]) -> Iterator[SymbolSums]:
        """Yield the sums of chosen tasks, one in each object, in ascending order.

        The tasks must have a Sharpe ratio. Raises CorruptObject, ObjectMissing.
        """
        missing = set(tasks)
        for sums in read_task_sums(self.store, self.manifest, self.chunk_index, missing):
            # Each object holds the sums of one task here.
            missing.discard(int(sums.tasks[0]))
            yield sums
        if missing:
            # `results.parquet` still has the rows of a chunk that was damaged later.
            raise CorruptObject(
                f"{self.store.url} has a row of task {min(missing)} and not its sums, so its chunk "
                f"is damaged. 'backfleet resume {self.store.url}' computes it again"
            )

    def varying_params(self, point: int) -> Mapping[str, Any]:
        """Return those of a point's parameters that vary in the sweep."""
        params = self.manifest.points[point]
        return {name: params[name] for name in self._swept}

    @cached_property
    def _swept(self) -> list[str]:
        return swept_parameters(self.manifest.points)
