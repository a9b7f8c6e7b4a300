"""Closed trades and fees by session and point, from the stored trades and fills of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from backfleet.chunks.chunk import ChunkHeader
from backfleet.chunks.detail import read_details
from backfleet.plan.manifest import Manifest
from backfleet.results.chunk_index import ChunkIndex
from backfleet.results.daily import local_days, tasks_of
from backfleet.store import Store

__all__ = ["DailyEvents"]

Days = NDArray[np.datetime64]
Floats = NDArray[np.float64]

TIMES = {"trades": "closed", "fills": "time"}


@dataclass(frozen=True, eq=False)
class DailyEvents:
    """Sums of trades or fills by session and point. One chunk is in memory at a time.

    Attributes
    ----------
    store, manifest, chunk_index
        The run; it keeps details.
    """

    store: Store
    manifest: Manifest
    chunk_index: ChunkIndex
    # Name of a table to the key of its chunk and its records: the chunk that was read last.
    _last: dict[str, tuple[str, pa.Table]] = field(default_factory=dict, repr=False)

    def trades(self, days: Days, symbol: str | None) -> Floats:
        """Return how many trades of each point closed on each day, of shape (days, points).

        Parameters
        ----------
        days
            datetime64[D], ascending; trades that closed on other days are left out.
        symbol
            The symbol whose tasks count; None for all symbols.

        Raises
        ------
        CorruptObject, ObjectMissing
            If the stored trades cannot be read.
        """
        return self._sums("trades", days, symbol)

    def fees(self, days: Days, symbol: str | None) -> Floats:
        """Return the commissions that each point paid on each day; see `trades`."""
        return self._sums("fills", days, symbol)

    def _sums(self, name: Literal["trades", "fills"], days: Days, symbol: str | None) -> Floats:
        sums = np.zeros((len(days), len(self.manifest.points)))
        tasks = self._tasks(symbol)
        for header in self.chunk_index.headers():
            # The ranges of tasks do not overlap.
            if not (header.first < tasks.stop and tasks.start < header.first + header.count):
                continue
            table = self._table(header, name)
            numbers = tasks_of(table, header)
            dates = local_days(table[TIMES[name]], self.manifest.identity.data.timezone)
            # 1 per record counts the trades.
            values = table["commission"].to_numpy() if name == "fills" else np.ones(len(table))
            # `searchsorted` also gives days that are not in `days` a place, so they are removed
            # before.
            is_counted = (numbers >= tasks.start) & (numbers < tasks.stop) & np.isin(dates, days)
            at = np.searchsorted(days, dates[is_counted])
            points = numbers[is_counted] % len(self.manifest.points)
            # Unlike `sums[at, points] +=`, this adds every record where several have the same day
            # and point.
            np.add.at(sums, (at, points), values[is_counted])
        return sums

    def _table(self, header: ChunkHeader, name: str) -> pa.Table:
        """Return the records that have a time. Symbols of one chunk are asked for in a row."""
        key, table = self._last.get(name, ("", None))
        if key != header.key:
            table = read_details(self.store, header.blobs, name)
            # A trade that is open at the end of the data has no closing time.
            table = table.filter(pc.is_valid(table[TIMES[name]]))
            self._last[name] = header.key, table
        return table

    def _tasks(self, symbol: str | None) -> range:
        manifest = self.manifest
        if symbol is None or manifest.is_portfolio:
            return range(manifest.tasks)
        points = len(manifest.points)
        first = points * [one.name for one in manifest.symbols].index(symbol)
        return range(first, first + points)
