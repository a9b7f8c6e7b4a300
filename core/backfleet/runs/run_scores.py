"""The best and the median result of a complete run, for listings."""

from __future__ import annotations

import numpy as np

from backfleet.chunks.arrow import nullable_floats
from backfleet.results.compact import read_compacted
from backfleet.results.leaderboard import DEFAULT_METRICS, rank_metric, rankable
from backfleet.runs.facts import RunScores
from backfleet.store import Store

__all__ = ["run_scores"]


def run_scores(store: Store, listing: str) -> RunScores:
    """Return the scores of a run whose rows are compacted, else no scores.

    Parameters
    ----------
    listing
        What the store lists of the run's chunks. Raises StoreError, CorruptObject.
    """
    rows = read_compacted(store, listing, [*DEFAULT_METRICS, "trades"])
    if rows is None:
        return RunScores()
    metric = rank_metric(rows, None)
    values = nullable_floats(rows[metric])
    # A metric that is undefined for a task is null in the row, and NaN in this array.
    known = values[~np.isnan(values)]
    if not len(known):
        return RunScores(metric)
    ranked = values[rankable(values, nullable_floats(rows["trades"]))]
    return RunScores(metric, float(ranked.max()), float(np.median(known)))
