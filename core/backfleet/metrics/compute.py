"""The way in: numpy for a process's first tasks, compiled code where many follow."""

from __future__ import annotations

import itertools
import math
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backfleet.engine import Outcome
from backfleet.metrics.arrays import measure_with_numpy
from backfleet.metrics.columns import COLUMNS, Metrics
from backfleet.metrics.kernel import (
    measure_account,
    measure_fills,
    measure_orders,
    measure_trades,
)

__all__ = ["compute_metrics", "measure_compiled"]

Days = NDArray[np.datetime64]

FIRST_TASKS, FIRST_TASKS_WITH_NUMBA = 2_000, 500
"""From here on compiled code pays for its loading, and for numba's where that is to be imported."""

COUNTS = frozenset(name for name in COLUMNS if Metrics.__annotations__[name].startswith("int"))
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
    measure = measure_with_numpy if next(_calls) < first else measure_compiled
    return measure(outcome, cash, periods_per_year, sessions)


def measure_compiled(
    outcome: Outcome, cash: float, periods_per_year: float, sessions: Days
) -> Metrics:
    """As `compute_metrics`, always in compiled code."""
    equity, fills, trades = outcome.equity, outcome.fills, outcome.trades
    traded, fees = measure_fills(fills["size"], fills["price"], fills["commission"])
    days = sessions.astype("datetime64[D]", copy=False).view(np.int64)
    columns = (
        *measure_account(equity["value"], equity["exposure"], days, cash, periods_per_year, traded),
        *measure_trades(trades["pnl_net"], trades["closed"]),
        fees,
        *measure_orders(outcome.orders["status"]),
    )
    named: dict[str, Any] = dict(zip(COLUMNS, map(_column, COLUMNS, columns), strict=True))
    return Metrics(**named)


def _column(name: str, number: float) -> float | int | None:
    if math.isnan(number):
        return None
    return int(number) if name in COUNTS else number
