"""Tasks of two runs, paired by symbol and by the parameters that vary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backfleet.chunks.names import METRICS, parameter_column
from backfleet.report.metric_words import metric_words
from backfleet.runs.run import Run

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


def pair_tasks(runs: tuple[Run, Run], rows: tuple[pd.DataFrame, pd.DataFrame]) -> Pairs:
    """Pair the tasks of two runs.

    A parameter that is fixed in both runs pairs nothing, so that a run with another value of it
    is comparable. Two single tasks are a pair whatever they are.
    """
    import pandas as pd

    keys = ["symbol", *_varying(runs, rows)]
    columns = [*keys, "task", *METRICS]
    first, second = (frame[columns] for frame in rows)
    if len(first) == len(second) == 1:
        second = second.assign(**{key: first[key].to_numpy() for key in keys})
    frame = pd.merge(
        first.rename(columns={name: f"a_{name}" for name in columns[len(keys) :]}),
        second.rename(columns={name: f"b_{name}" for name in columns[len(keys) :]}),
        on=keys,
    )
    return Pairs(keys, frame)


def _varying(runs: tuple[Run, Run], rows: tuple[pd.DataFrame, pd.DataFrame]) -> Sequence[str]:
    """Columns of the parameters of both that vary in either."""
    names = [parameter_column(name) for name in runs[0].manifest.points.names]
    return [
        name
        for name in names
        if name in rows[1] and any(frame[name].nunique(dropna=False) > 1 for frame in rows)
    ]


def _median(values: pd.Series) -> float | None:
    found = float(values.median())
    return None if found != found else found
