"""The verdict of a run: the data of its store, handed to `validation/`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backfleet.results.read import read_results
from backfleet.results.scores import SCORE_COLUMNS, task_scores
from backfleet.validation.best_task import RunData, best_task_verdict
from backfleet.validation.verdict import Verdict

if TYPE_CHECKING:
    import pyarrow as pa

    from backfleet.runs.run import Run

__all__ = ["headline", "run_data"]


def headline(run: Run, rows: pa.Table | None = None) -> Verdict:
    """Return the verdict on the best task, from the rows and one chunk of sums.

    `rows` are those of the run, if they are known: they have the columns of `SCORE_COLUMNS`. Raises
    CorruptObject, StoreError.
    """
    return best_task_verdict(run_data(run, rows))


def run_data(run: Run, rows: pa.Table | None = None) -> RunData:
    """Return what a verdict is reached from. Raises CorruptObject, StoreError."""
    if rows is None:
        rows = read_results(run.store, run.chunk_index, SCORE_COLUMNS)
    scores = task_scores(run.manifest, rows)
    return RunData(run.store, run.manifest, run.chunk_index, scores, run.trials())
