"""By which metric a report ranks."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from backfleet.chunks.column_names import METRICS
from backfleet.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ranked_by"]

USUAL = ("sharpe", "total_return", "final_value")


def ranked_by(rows: pd.DataFrame, metric: str | None) -> str:
    """The column to rank by: `metric`, or the Sharpe ratio, or what the rows have instead of it.

    Raises UserError for a column that is not there or holds no numbers.
    """
    if metric is None:
        there = (name for name in USUAL if rows[name].notna().any())
        return next(there, USUAL[0])
    numbers = [str(name) for name in rows if rows[name].dtype.kind in "iuf" or name in METRICS]
    if metric not in numbers:
        near = difflib.get_close_matches(metric, numbers, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(numbers)}"
        raise UserError(f"--metric {metric}: there is no column of numbers of this name; {hint}")
    return metric
