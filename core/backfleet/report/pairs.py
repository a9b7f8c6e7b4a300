"""Tasks that two runs have in common, and how a metric differs over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backfleet.report.metric_words import metric_words
from backfleet.results.match import RunRows, match_tasks

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MetricDifference", "Pairs", "pair_tasks"]


@dataclass(frozen=True)
class MetricDifference:
    """A metric of the paired tasks.

    Attributes
    ----------
    first, second
        The medians of the two runs.
    median
        Of second - first, over the pairs in which both have a value.
    improved
        Pairs in which the second is better; `pairs` have a value on both sides.
    """

    name: str
    first: float | None
    second: float | None
    median: float | None
    improved: int
    pairs: int


@dataclass(frozen=True, eq=False)
class Pairs:
    """The tasks that both runs have.

    Attributes
    ----------
    keys
        The columns that tasks were matched by.
    frame
        A row a pair: the keys, and the task and each metric as `a_<name>` and `b_<name>`.
    """

    keys: Sequence[str]
    frame: pd.DataFrame

    def difference(self, metric: str) -> MetricDifference:
        """How the two runs differ in a metric."""
        columns = self.frame[[f"a_{metric}", f"b_{metric}"]].astype(float)
        columns.columns = ["first", "second"]
        both = columns.dropna()
        steps = both["second"] - both["first"]
        return MetricDifference(
            name=metric,
            first=_median(columns["first"]),
            second=_median(columns["second"]),
            median=_median(steps),
            improved=int((steps * metric_words(metric).better > 0).sum()),
            pairs=len(both),
        )


def pair_tasks(first: RunRows, second: RunRows) -> Pairs:
    """The tasks that two runs have in common.

    Raises UserError where a parameter varies that only one of them has.
    """
    matched = match_tasks(first, second)
    return Pairs(matched.keys, matched.rows.to_pandas())


def _median(values: pd.Series) -> float | None:
    found = float(values.median())
    return None if found != found else found
