"""The account that earns, in each test window, the returns of the point chosen for it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backfleet.metrics.equity import measure_account
from backfleet.metrics.summary import excess_sharpe
from backfleet.plan.windows import CutWindows, Fold, group_paths
from backfleet.validation.accounts import stitch
from backfleet.validation.fold_series import FoldSeries
from backfleet.validation.folds import FoldChoice
from backfleet.validation.window_scores import AnnualBasis

__all__ = ["StitchedAccount", "measure_stitched", "path_returns", "stitched_returns"]

Days = NDArray[np.datetime64]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

METRICS = (
    *("final_value", "total_return", "cagr", "volatility", "sharpe", "sortino"),
    *("max_drawdown", "max_drawdown_days", "calmar"),
)


@dataclass(frozen=True, eq=False)
class StitchedAccount:
    """An account over all test windows, one after the other.

    Attributes
    ----------
    days
        datetime64[D]: the tested sessions in order.
    returns, values
        float64 of shape (days,): the return of each session, and the account's value after it; it
        begins with 1.
    metrics
        Metrics from `total_return` to `calmar`, as in the results' columns; None if undefined.
    trades, fees
        Trades that closed in the test windows and commissions paid in them, each by the point
        chosen for the window. None if the run does not store them, or if nobody asked for them.
    """

    days: Days
    returns: Floats
    values: Floats
    metrics: dict[str, float | None]
    trades: int | None = None
    fees: float | None = None


def stitched_returns(
    windows: CutWindows, series: FoldSeries, choices: Sequence[FoldChoice]
) -> tuple[Days, Floats]:
    """Return the tested sessions and the return on each of them; cash earns 0."""
    parts = [
        _tested(windows.folds[choice.fold - 1].test, series, choice.point) for choice in choices
    ]
    # Choices come in the order of the folds, and test windows ascend.
    days = np.concatenate([days for days, _ in parts])
    return days, np.concatenate([returns for _, returns in parts])


def path_returns(
    windows: CutWindows,
    series: FoldSeries,
    choices: Sequence[FoldChoice],
    groups: int,
    test_groups: int,
) -> list[Floats]:
    """Return the returns of every path of groups over all sessions.

    Paths share data, so that their spread is no standard error.
    """
    paths = group_paths(groups, test_groups)
    parts: dict[tuple[int, int], Floats] = {}
    for choice in choices:
        fold: Fold = windows.folds[choice.fold - 1]
        for part, path in zip(fold.test, paths[choice.fold - 1].tolist(), strict=True):
            # Each group is tested in several folds. `group_paths` says which path takes it from
            # this one.
            parts[path, part.start] = _tested((part,), series, choice.point)[1]
    return [
        np.concatenate([parts[key] for key in sorted(parts) if key[0] == path])
        for path in range(int(paths.max()) + 1)
    ]


def measure_stitched(
    windows: CutWindows, days: Days, returns: Floats, basis: AnnualBasis
) -> StitchedAccount:
    """Return the account of the returns of ascending days."""
    values = np.concatenate([[1.0], stitch([returns])])
    before = int(np.searchsorted(windows.days, days[0])) - 1
    # The account begins with the session before the first tested one, as a run's account has a
    # value before its first return.
    start = windows.days[before] if before >= 0 else days[0] - np.timedelta64(1, "D")
    sessions = np.array(
        (np.arange(len(values)), np.concatenate([[start], days]).astype(np.int64)), dtype=np.int64
    )
    borders = np.array([0, len(returns)], dtype=np.int64)
    # Exposure and turnover are not known of the account: they get zeros and NaN, and are dropped.
    # The last array holds two sums of the one segment and three powers.
    columns = measure_account(
        values,
        np.zeros(len(values)),
        sessions,
        1.0,
        basis.periods,
        math.nan,
        borders,
        np.empty(len(returns)),
        np.empty(5),
    )
    metrics = {
        name: None if math.isnan(value) else float(value)
        # The columns behind `calmar` are those of the bars.
        for name, value in zip(METRICS, columns, strict=False)
    }
    del metrics["final_value"]
    metrics["sharpe"] = excess_sharpe(
        metrics["sharpe"], metrics["volatility"], basis.risk_free_rate
    )
    return StitchedAccount(days, returns, values[1:], metrics)


def _tested(test: Sequence[range], series: FoldSeries, point: int | None) -> tuple[Days, Floats]:
    """Return the sessions of a series in a test window, and a point's return on each of them."""
    window = series.window(test)
    if point is None:
        # Cash earns nothing, but its sessions count.
        return window.days, np.zeros(len(window.days))
    return window.days, window.returns[:, point]
