"""The verdict of a run: the data of its store, handed to `validation/`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from backfleet.errors import BackfleetError, NoVerdict, UserError
from backfleet.results.large_rows import LargeRows, has_large_rows
from backfleet.results.read import read_results
from backfleet.results.scores import score_columns, task_scores
from backfleet.runs.stored_run import StoredRun
from backfleet.runs.validation_rule import read_rule
from backfleet.validation.run_data import RunData
from backfleet.validation.task_verdicts import best_task_verdict
from backfleet.validation.verdict import Verdict

if TYPE_CHECKING:
    import pyarrow as pa

    from backfleet.validation.walk_forward import Folds

__all__ = [
    "folds_of_job",
    "quick_verdict",
    "read_folds",
    "run_data",
    "run_data_with",
    "verdict_of_rows",
]


def quick_verdict(run: StoredRun, rows: pa.Table | None = None) -> Verdict:
    """Return the verdict on the best task, from the rows and one chunk of sums.

    Rows that are already known have the columns of `score_columns`. Raises CorruptObject,
    StoreError.
    """
    return best_task_verdict(run_data(run, rows))


def verdict_of_rows(run: StoredRun, rows: pa.Table, folds: Folds | None) -> Verdict:
    """Return `quick_verdict` for rows and folds that are already known."""
    return best_task_verdict(run_data_with(run, folds, rows))


def folds_of_job(run: StoredRun, *, with_costs: bool = False) -> Folds | None:
    """Return the folds of the windows of the run's job; None without windows.

    Raises UserError if the run does not store what they need, CorruptObject, StoreError.
    """
    rule = read_rule(run.store)
    if rule is None or rule.windows is None:
        return None
    # Deferred: most runs have no windows.
    from backfleet.runs.folds import compute_folds

    return compute_folds(run, rule, {}, with_costs=with_costs)


def read_folds(run: StoredRun, *, with_costs: bool = False) -> Folds | BackfleetError | None:
    """Return `folds_of_job`, or why the run has none: it has its results all the same."""
    try:
        return folds_of_job(run, with_costs=with_costs)
    except BackfleetError as error:
        return error


def run_data(run: StoredRun, rows: pa.Table | None = None) -> RunData:
    """Return what all verdicts on a run are reached from. Raises CorruptObject, StoreError."""
    try:
        folds = folds_of_job(run)
    # A verdict needs no folds: they are additional evidence if the run has them.
    except UserError:
        folds = None
    return run_data_with(run, folds, rows)


def run_data_with(run: StoredRun, folds: Folds | None, rows: pa.Table | None = None) -> RunData:
    """Return `run_data` for folds that are already known."""
    # With flat windows, a row covers a window, and rows of different windows cannot be compared.
    if run.manifest.windows:
        raise NoVerdict(
            f'run {run.manifest.run_id} has no verdict: with start = "flat", its tasks are '
            f"windows. 'backfleet folds {run.store.url}' shows what they say."
        )
    tables: Iterable[pa.Table]
    columns = score_columns(run.manifest)
    if rows is not None:
        tables = [rows]
    # Batch by batch, because all rows of a large run would take too much memory.
    elif has_large_rows(run.chunk_index):
        tables = LargeRows(run.store, run.chunk_index).batches(columns)
    else:
        tables = [read_results(run.store, run.chunk_index, columns)]
    scores = task_scores(run.manifest, tables)
    evidence = None if folds is None else folds.evidence()
    return RunData(run.store, run.manifest, run.chunk_index, scores, run.trials(), evidence)
