"""Tasks that two runs have in common, and how a metric differs over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backfleet.chunks.names import METRICS
from backfleet.errors import UserError
from backfleet.report.metric_words import metric_words
from backfleet.results.compare import RunRows

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

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


def pair_tasks(first: RunRows, second: RunRows) -> Pairs:
    """Pair the tasks of two runs as `backfleet.results.compare` does.

    Raises UserError where a parameter varies that only one of them has.
    """
    keys = _keys(first, second)
    left, right = (_columns(side.rows, keys, name) for side, name in ((first, "a"), (second, "b")))
    for side, frame in ((first, left), (second, right)):
        if frame.duplicated(keys).any():
            own = [name for name in side.varying if name not in keys]
            raise UserError(
                f"the tasks of run {side.manifest.run} cannot be paired: it varies "
                f"{', '.join(own)}, which the other run does not have"
            )
    return Pairs(keys, left.merge(right, on=keys))


def _keys(first: RunRows, second: RunRows) -> list[str]:
    varying = {*first.varying, *second.varying}
    return ["symbol", *(each for each in first.params if each in second.params and each in varying)]


def _columns(rows: pa.Table, keys: Sequence[str], side: str) -> pd.DataFrame:
    named = ["task", *METRICS]
    frame: pd.DataFrame = rows.select([*keys, *named]).to_pandas()
    return frame.rename(columns={name: f"{side}_{name}" for name in named})


def _median(values: pd.Series) -> float | None:
    found = float(values.median())
    return None if found != found else found
