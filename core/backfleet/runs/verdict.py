"""The verdict of a run: the data of its store, handed to `validation/`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backfleet.errors import NoVerdict, UserError
from backfleet.results.read import read_results
from backfleet.results.scores import SCORE_COLUMNS, task_scores
from backfleet.runs.stored_run import StoredRun
from backfleet.runs.validation_rule import read_rule
from backfleet.validation.run_data import RunData
from backfleet.validation.task_verdicts import best_task_verdict
from backfleet.validation.verdict import Verdict

if TYPE_CHECKING:
    import pyarrow as pa

    from backfleet.validation.walk_forward import Folds

__all__ = ["folds_of_job", "quick_verdict", "run_data", "verdict_of_rows"]


def quick_verdict(run: StoredRun, rows: pa.Table | None = None) -> Verdict:
    """Return the verdict on the best task, from the rows and one chunk of sums.

    Rows that are already known have the columns of `SCORE_COLUMNS`. Raises CorruptObject,
    StoreError.
    """
    return best_task_verdict(run_data(run, rows))


def verdict_of_rows(run: StoredRun, rows: pa.Table, folds: Folds | None) -> Verdict:
    """Return `quick_verdict` for rows and folds that are already known."""
    return best_task_verdict(_data_of(run, rows, folds))


def folds_of_job(run: StoredRun) -> Folds | None:
    """Return the folds of the windows of the run's job, without trades and fees; None without
    windows.

    Raises UserError if the run does not store what they need, CorruptObject, StoreError.
    """
    rule = read_rule(run.store)
    if rule is None or rule.windows is None:
        return None
    from backfleet.runs.folds import compute_folds

    return compute_folds(run, rule, {}, with_costs=False)


def run_data(run: StoredRun, rows: pa.Table | None = None) -> RunData:
    """Return what all verdicts on a run are reached from. Raises CorruptObject, StoreError."""
    if rows is None:
        rows = read_results(run.store, run.chunk_index, SCORE_COLUMNS)
    try:
        folds = folds_of_job(run)
    except UserError:
        folds = None
    return _data_of(run, rows, folds)


def _data_of(run: StoredRun, rows: pa.Table, folds: Folds | None) -> RunData:
    if run.manifest.windows:
        raise NoVerdict(
            f'run {run.manifest.run_id} has no verdict: with start = "flat", its tasks are '
            f"windows. 'backfleet folds {run.store.url}' shows what they say."
        )
    scores = task_scores(run.manifest, rows)
    evidence = None if folds is None else folds.evidence()
    return RunData(run.store, run.manifest, run.chunk_index, scores, run.trials(), evidence)
