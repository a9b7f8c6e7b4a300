"""All equity curves of a run, on one time axis, as quantiles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from backfleet.chunks.chunk import ChunkHeader
from backfleet.chunks.detail import read_details
from backfleet.runs.run import Run

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["EquityFan", "equity_fan"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOMENTS = 240
"""Points in time at which the curves are looked at."""

# At 240 moments, the sampled curves then take 19 MB.
MAX_CURVES = 10_000
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
DAY_NS = 86_400_000_000_000


@dataclass(frozen=True)
class EquityFan:
    """The data that `figures.sweep.equity_fan_figure` draws, and the number of its curves."""

    frame: pd.DataFrame
    curves: int


def equity_fan(run: Run, leader: int | None = None) -> EquityFan | None:
    """Return quantiles of account value / cash over the tasks; None if the run keeps no details.

    A task counts as 1 before its first bar and keeps its last value after its end. Of more than
    `MAX_CURVES` tasks whole chunks are left out evenly, never that of `leader`, whose curve is
    the column `best`.

    Raises CorruptObject, StoreError.
    """
    import pandas as pd

    headers = _chosen(run, leader)
    if not headers:
        return None
    moments = _moments(run)
    cash = run.manifest.broker.cash
    rows, best = [], None
    # One chunk is in memory at a time, and only the sampled curves stay.
    for task, time, value in _curves(run, headers):
        curve = _sampled(time, value / cash, moments)
        rows.append(curve)
        if task == leader:
            best = curve
    if not rows:
        return None
    frame = pd.DataFrame(
        dict(zip(QUANTILES, np.quantile(np.array(rows), QUANTILES, axis=0), strict=True)),
        index=pd.DatetimeIndex(moments.view("M8[ns]")),
    )
    if best is not None:
        frame["best"] = best
    return EquityFan(frame, len(rows))


def _chosen(run: Run, leader: int | None) -> Sequence[ChunkHeader]:
    headers = [header for header in run.chunk_index.headers() if "equity" in header.blobs]
    curves = sum(header.count for header in headers)
    # Rounded up, so that every `step`-th chunk leaves about `MAX_CURVES` tasks at most; 1 if there
    # are no curves.
    step = -(-curves // MAX_CURVES) or 1
    return [
        header
        for at, header in enumerate(headers)
        if at % step == 0
        or (leader is not None and header.first <= leader < header.first + header.count)
    ]


def _moments(run: Run) -> Ints:
    """Return evenly spaced times of the run's sessions, in nanoseconds since the epoch."""
    symbols = run.manifest.symbols
    first = min(np.datetime64(symbol.first, "ns") for symbol in symbols)
    last = max(np.datetime64(symbol.last, "ns") for symbol in symbols)
    # The additional day covers the bars of the last session: sessions are local days, and the times
    # of bars are UTC.
    return np.linspace(first.astype(np.int64), last.astype(np.int64) + DAY_NS, MOMENTS).astype(
        np.int64
    )


def _curves(run: Run, headers: Sequence[ChunkHeader]) -> Iterator[tuple[int, Ints, Floats]]:
    for header in headers:
        table = read_details(run.store, header.blobs, "equity")
        task = table["task"].to_numpy()
        time = table["time"].cast(pa.int64()).to_numpy()
        value = table["value"].to_numpy()
        # Tasks are at least 0, so the first record begins a task, too.
        edges = [*np.flatnonzero(np.diff(task, prepend=-1)), len(task)]
        for start, end in pairwise(edges):
            yield int(task[start]), time[start:end], value[start:end]


def _sampled(time: Ints, value: Floats, moments: Ints) -> Floats:
    # The number of bars up to each moment; 0 before the first bar selects the 1 in front.
    at = np.searchsorted(time, moments, "right")
    return np.concatenate(([1.0], value))[at]
