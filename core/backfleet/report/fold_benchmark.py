"""The benchmark of the stitched account: the run's symbols, or another one, bought and held."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backfleet.bars import Bars
from backfleet.plan.data import open_bar_cache, planned_source
from backfleet.runs.run import Run
from backfleet.validation.accounts import equal_weight

__all__ = ["benchmark_returns"]

Days = NDArray[np.datetime64]
Floats = NDArray[np.float64]


def benchmark_returns(run: Run, days: Days) -> Floats:
    """Return what the benchmark earns on each day, without costs; 0 on days without a price.

    Several symbols have equal weights every day, as the points' series have. Raises DataError,
    RunNotFound, and what else a source raises.
    """
    data = run.manifest.identity.data
    benchmark = run.manifest.benchmark
    names = [symbol.name for symbol in run.manifest.symbols] if benchmark is None else [benchmark]
    source = planned_source(data, run.task_context().data_path)
    totals, counts = np.zeros(len(days)), np.zeros(len(days), np.int64)
    with open_bar_cache(data.source.name) as bar_cache:
        for name in names:
            sessions, returns = _returns(
                bar_cache.load(source, name)[0].window(run.manifest.window)
            )
            # `searchsorted` needs days that are there.
            inside = np.isin(sessions, days)
            at = np.searchsorted(days, sessions[inside])
            totals[at] += returns[inside]
            counts[at] += 1
    earned = np.zeros(len(days))
    # `equal_weight` leaves out days without any symbol.
    earned[counts > 0] = equal_weight(totals, counts)
    return earned


def _returns(bars: Bars) -> tuple[Days, Floats]:
    """Return the sessions after the first one, and the change of the last close of each."""
    sessions, closes = bars.session[bars.tradable], bars.close[bars.tradable]
    if len(sessions) < 2:
        return np.empty(0, "datetime64[D]"), np.empty(0)
    # Intraday bars have several closes per session.
    is_last = np.append(sessions[1:] != sessions[:-1], True)
    last = closes[is_last]
    return sessions[is_last][1:], last[1:] / last[:-1] - 1.0
