"""Daily returns of a run's points, from the stored equity of its tasks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, groupby, pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from backfleet.chunks.arrow import task_numbers
from backfleet.chunks.chunk import ChunkHeader
from backfleet.chunks.detail import read_details
from backfleet.errors import CorruptObject
from backfleet.plan.manifest import Manifest
from backfleet.results.chunk_index import ChunkIndex
from backfleet.results.detail import local_times
from backfleet.store import Store

__all__ = [
    "DailyReturns",
    "local_days",
    "read_mean_returns",
    "read_symbol_returns",
    "read_window_returns",
    "tasks_of",
]

Days = NDArray[np.datetime64]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class DailyReturns:
    """The daily returns of points, of one symbol or of the equal-weight mean over all symbols.

    Attributes
    ----------
    days
        datetime64[D], ascending: the sessions on which the points have a return.
    returns
        float64 of shape (days, points). NaN for points of which a task failed or has no result yet,
        and for those whose account lost all its value.
    symbol
        Name of the symbol; None for the mean over all symbols.
    """

    days: Days
    returns: Floats
    symbol: str | None = None


def read_symbol_returns(
    store: Store, manifest: Manifest, chunk_index: ChunkIndex
) -> Iterator[DailyReturns]:
    """Yield the returns of each symbol's points from the equity of its tasks, which the run keeps.

    Symbols without any result are left out; a portfolio is one symbol. Raises CorruptObject,
    ObjectMissing.
    """
    for _, series in _by_symbol(store, manifest, chunk_index, len(manifest.points)):
        yield series


def read_mean_returns(store: Store, manifest: Manifest, chunk_index: ChunkIndex) -> DailyReturns:
    """Return the equal-weight series of all points, with one symbol in memory at a time.

    Weights are reset daily. A symbol that has no return on a day is absent from the mean. Raises
    CorruptObject, ObjectMissing.
    """
    # One row per calendar day between the first and the last session of all symbols, so that a
    # day's row follows from its distance to the first; days without a session are dropped at the
    # end.
    first = min(np.datetime64(symbol.first, "D") for symbol in manifest.symbols)
    last = max(np.datetime64(symbol.last, "D") for symbol in manifest.symbols)
    calendar = int((last - first).astype(int)) + 1
    totals, counts = np.zeros((calendar, len(manifest.points))), np.zeros(calendar, np.int64)
    symbols = 0
    for series in read_symbol_returns(store, manifest, chunk_index):
        at = (series.days - first).astype(np.int64)
        # Numbers below 0 would silently be counted from the end.
        if len(at) and not 0 <= at.min() <= at.max() < calendar:
            raise CorruptObject(f"the equity of {series.symbol} is not of the planned sessions")
        totals[at] += series.returns
        # A symbol has each day once, so plain indexing adds correctly.
        counts[at] += 1
        # A point that lacks a symbol is missing on all days, not only on those of the symbol.
        totals[:, np.isnan(series.returns).any(axis=0)] = np.nan
        symbols += 1
    # A symbol without any result was not yielded, and all points lack it.
    if symbols * len(manifest.points) < manifest.tasks:
        totals[:] = np.nan
    is_session = counts > 0
    returns = totals[is_session] / counts[is_session, None]
    return DailyReturns(first + np.flatnonzero(is_session), returns)


def read_window_returns(
    store: Store, manifest: Manifest, chunk_index: ChunkIndex
) -> Iterator[tuple[int, DailyReturns]]:
    """Yield the number of each window and the returns of the points in it, symbol by symbol.

    A window begins with the initial cash, so that its first session has a return, too: 0, because
    an order needs another bar. Raises CorruptObject, ObjectMissing.
    """
    points, cash = len(manifest.base_points), manifest.broker.cash
    for number, series in _by_symbol(store, manifest, chunk_index, points, cash):
        # A symbol has the tasks of all base points in the first window, then those in the second:
        # number = symbol * windows + window.
        yield number % len(manifest.windows), series


def _by_symbol(
    store: Store,
    manifest: Manifest,
    chunk_index: ChunkIndex,
    points: int,
    cash: float | None = None,
) -> Iterator[tuple[int, DailyReturns]]:
    """Yield the returns of each `points` consecutive tasks, with the number of tasks before them
    over `points`.

    Parameters
    ----------
    cash
        Value before the first session, which then has a return; None if it has none.
    """
    accounts = _accounts(store, manifest, chunk_index)
    # The accounts come in the order of the tasks, so those of a group are consecutive, also across
    # chunks.
    for number, tasks in groupby(accounts, lambda account: account.task // points):
        first = next(tasks)
        days = first.days[1:] if cash is None else first.days
        # NaN stays for tasks that failed, which have no account.
        returns = np.full((len(days), points), np.nan)
        for account in chain([first], tasks):
            if not np.array_equal(account.days, first.days):
                raise CorruptObject(f"task {account.task} has other sessions than its symbol")
            values = account.closes if cash is None else np.append(cash, account.closes)
            # A return on a value of 0 or below has no meaning.
            if (values > 0).all():
                returns[:, account.task % points] = values[1:] / values[:-1] - 1.0
        yield number, DailyReturns(days, returns, manifest.task(first.task).name)


@dataclass(frozen=True, eq=False)
class _Account:
    """The sessions of a task, and its value after each of them."""

    task: int
    days: Days
    closes: Floats


def _accounts(store: Store, manifest: Manifest, chunk_index: ChunkIndex) -> Iterator[_Account]:
    """Yield the accounts of all tasks that have one, in the order of the tasks."""
    zone = manifest.identity.data.timezone
    for header in chunk_index.headers():
        table = read_details(store, header.blobs, "equity")
        tasks, days = tasks_of(table, header), local_days(table["time"], zone)
        values = table["value"].to_numpy()
        # The records of a task are consecutive: its rows are from one border to the next.
        borders = [0, *(np.flatnonzero(np.diff(tasks)) + 1).tolist(), len(tasks)]
        for start, end in pairwise(borders):
            if start < end:
                part = days[start:end]
                # Intraday bars have several values per session; its last one counts.
                is_last = np.append(part[1:] != part[:-1], True)
                yield _Account(int(tasks[start]), part[is_last], values[start:end][is_last])


def tasks_of(table: pa.Table, header: ChunkHeader) -> Ints:
    """Return the task of each record. Raises CorruptObject if one is not of the chunk."""
    tasks = task_numbers(table)
    if len(tasks) and not header.first <= tasks.min() <= tasks.max() < header.first + header.count:
        raise CorruptObject(f"the details of {header.key} are those of other tasks")
    return tasks


def local_days(times: pa.ChunkedArray, zone: str) -> Days:
    """Return the session of each time: the day in the data's time zone."""
    # Local times have no time zone, so cutting them to days gives local days.
    days: Days = local_times(times, zone).to_numpy().astype("datetime64[D]")
    return days
