"""The stored data of a run that its verdicts are reached from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from backfleet.errors import CorruptObject
from backfleet.metrics.sums import ReturnSums
from backfleet.plan.manifest import Manifest
from backfleet.results.chunk_index import ChunkIndex
from backfleet.results.leaderboard import swept_parameters
from backfleet.results.scores import TaskScores
from backfleet.results.sums import SymbolSums, read_task_sums
from backfleet.store import Store
from backfleet.validation.missing import Missing
from backfleet.validation.moments import Moments
from backfleet.validation.series import DEFAULT_PERIODS_PER_YEAR
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

    def periods(self, task: int, moments: Moments | Missing | None = None) -> float:
        """Return the sessions per year by which the row of a task was annualized.

        Parameters
        ----------
        moments
            Those of the task's returns; only a portfolio needs them.
        """
        manifest = self.manifest
        if manifest.periods_per_year is not None:
            return manifest.periods_per_year
        if not manifest.is_portfolio:
            return manifest.task(task).symbols[0].sessions_per_year
        # The plan does not keep those of the union of the symbols' sessions. The row's volatility
        # is the deviation times their root.
        if self.scores.volatility is None or not isinstance(moments, Moments):
            return DEFAULT_PERIODS_PER_YEAR
        root = float(self.scores.volatility.flat[task]) / moments.deviation
        return root * root or DEFAULT_PERIODS_PER_YEAR

    def excess(self, sums: ReturnSums, periods: float) -> ReturnSums:
        """Return the sums of the returns beyond the job's risk-free rate, which the rows' Sharpe
        ratios are of, too."""
        return sums.beyond(self.manifest.identity.results.risk_free_rate / periods)

    def varying_params(self, point: int) -> Mapping[str, Any]:
        """Return those of a point's parameters that vary in the sweep."""
        params = self.manifest.points[point]
        return {name: params[name] for name in self._swept}

    @cached_property
    def _swept(self) -> list[str]:
        return swept_parameters(self.manifest.points)
