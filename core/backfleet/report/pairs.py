"""Tasks that two runs have in common, and how a metric differs over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backfleet.chunks.names import METRICS
from backfleet.report.metric_words import metric_words

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
        Columns by which tasks were paired.
    frame
        A row a pair: the keys, and each metric as `a_<name>` and `b_<name>`.
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


def pair_tasks(keys: Sequence[str], first: pd.DataFrame, second: pd.DataFrame) -> Pairs:
    """Pair the rows of two runs that agree in the columns `keys`, which tell rows apart."""
    import pandas as pd

    columns = [*keys, "task", *METRICS]
    frame = pd.merge(
        first[columns].rename(columns={name: f"a_{name}" for name in columns[len(keys) :]}),
        second[columns].rename(columns={name: f"b_{name}" for name in columns[len(keys) :]}),
        on=list(keys),
        validate="one_to_one",
    )
    return Pairs(keys, frame)


def _median(values: pd.Series) -> float | None:
    found = float(values.median())
    return None if found != found else found
