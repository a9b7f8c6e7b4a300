"""The differences of a metric over the tasks that two runs have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from backfleet.report.metric_labels import metric_label

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MetricDifference", "metric_difference"]


@dataclass(frozen=True)
class MetricDifference:
    """A metric of the paired tasks.

    Attributes
    ----------
    first, second
        The medians of the two runs.
    median
        Of second - first, over the pairs in which both have a value.
    better, worse
        Pairs in which the second run is better or worse; None if more is neither.
    equal
        Pairs whose values are equal to the last bit.
    pairs
        Pairs in which both have a value.
    """

    name: str
    first: float | None
    second: float | None
    median: float | None
    better: int | None
    worse: int | None
    equal: int
    pairs: int


def metric_difference(pairs: pd.DataFrame, metric: str) -> MetricDifference:
    """Return how two runs differ in a metric, from the rows of `MatchedTasks`."""
    columns = pairs[[f"a_{metric}", f"b_{metric}"]].astype(float)
    columns.columns = ["first", "second"]
    both = columns.dropna()
    steps = both["second"] - both["first"]
    # `better` is 0 for a metric that is not judged; then no step is a gain or a loss.
    gains = steps * metric_label(metric).better
    is_judged = metric_label(metric).better != 0
    return MetricDifference(
        name=metric,
        # Medians of each run over all of its values, also of pairs in which the other has none.
        first=_median(columns["first"]),
        second=_median(columns["second"]),
        median=_median(steps),
        better=int((gains > 0).sum()) if is_judged else None,
        worse=int((gains < 0).sum()) if is_judged else None,
        equal=int((steps == 0).sum()),
        pairs=len(both),
    )


def _median(values: pd.Series) -> float | None:
    median = float(values.median())
    return None if median != median else median
