"""The way in: numpy for a process's first tasks, compiled code where many follow."""

from __future__ import annotations

import itertools
import sys

import numpy as np
from numpy.typing import NDArray

from backfleet.engine import Outcome
from backfleet.metrics.arrays import measure_with_numpy
from backfleet.metrics.columns import Metrics

__all__ = ["compute_metrics"]

Days = NDArray[np.datetime64]

FIRST_TASKS, FIRST_TASKS_WITH_NUMBA = 2_000, 500
"""From here on compiled code pays for its loading, and for numba's where that is to be imported."""

_calls = itertools.count()


def compute_metrics(
    outcome: Outcome, cash: float, periods_per_year: float, sessions: Days
) -> Metrics:
    """The metrics of an outcome; see `Metrics` for each one's formula.

    Parameters
    ----------
    outcome
        Its equity must have one record a bar.
    cash
        Initial cash.
    periods_per_year
        Sessions a year, for annualising.
    sessions
        datetime64[D] of shape (bars,), ascending: the session of each record of `outcome.equity`.

    Raises
    ------
    ValueError
        Where `sessions` and `outcome.equity` differ in length.
    """
    if len(sessions) != len(outcome.equity):
        raise ValueError(f"{len(sessions)} sessions for {len(outcome.equity)} bars of equity")
    first = FIRST_TASKS_WITH_NUMBA if "numba" in sys.modules else FIRST_TASKS
    if next(_calls) < first:
        return measure_with_numpy(outcome, cash, periods_per_year, sessions)
    # What it imports would be felt where nothing is computed.
    from backfleet.metrics.kernel import measure_compiled

    return measure_compiled(outcome, cash, periods_per_year, sessions)
