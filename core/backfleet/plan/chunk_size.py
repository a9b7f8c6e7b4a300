"""Size of a run's chunks: it follows from the number of tasks and from what is stored of them."""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt

from backfleet.plan.chunk_grid import MAX_CHUNKS

__all__ = ["RunSize", "chunk_size"]

CHUNKS_PER_ROOT = 4
"""Most chunks of a run with n tasks, in multiples of the square root of n. Chunks then grow with
the run, and a run of up to 16 tasks has a chunk for each task."""

ENOUGH_CHUNKS = 32
"""With this number of chunks, the cores of one machine have work; smaller chunks would only cost
commits, which take a few milliseconds each where details are kept."""

USUAL_SIZE = 100
"""Tasks of a chunk that make its commit cheap: it takes about as long as one task on backtrader."""

SHORT_SIZE = 1000
"""The same where tasks are compiled: a commit takes as long as dozens of them."""

SUMMED_POINTS = 1000
"""Number of points up to which a chunk holds whole symbols, so that it can hold sums over them."""

SUM_BYTES = 256 * 10**6
"""Bound of the sums per point and date of all chunks of a run."""

DETAIL_BYTES = 128 * 10**6
"""Bound of the equity in a chunk that was made large for its sums; reading the equity of one task
reads that of its chunk. Where the run keeps the equity, sums can be computed from it."""

NUMBER = 8
"""Bytes of a number."""

COLUMNS = 4
"""Numbers in a record of the equity."""


@dataclass(frozen=True)
class RunSize:
    """The sizes of a run that decide how large its chunks are.

    Attributes
    ----------
    symbols
        Number of symbols that are tasks of their own; 1 for a portfolio.
    dates
        Number of sessions between the first and the last bar.
    has_short_tasks
        Whether a task usually takes well under a millisecond.
    keeps_detail
        Whether the run stores equity, orders, fills and trades.
    """

    symbols: int
    points: int
    dates: int
    has_short_tasks: bool = False
    keeps_detail: bool = False

    @property
    def tasks(self) -> int:
        return self.symbols * self.points


def chunk_size(run: RunSize) -> int:
    """Return the number of tasks in a chunk, the same for every planner of a run.

    A run has at most 4 √tasks chunks, and at most 20,000. Where a symbol has at most 1,000 points,
    a chunk holds whole symbols, as many as are needed so that the sums per point and date over its
    symbols take at most 256 MB in all chunks together. Small runs are the exception: if whole
    symbols would leave few chunks, and the sums are small either way, chunks hold less.
    """
    size = _size_for_count(run)
    date_bytes = run.points * run.dates * NUMBER
    if run.points > SUMMED_POINTS or (run.keeps_detail and date_bytes * COLUMNS > DETAIL_BYTES):
        return size
    for_count = -(-size // run.points)
    for_sums = -(-run.symbols // max(1, SUM_BYTES // date_bytes))
    if run.keeps_detail:
        for_sums = min(for_sums, DETAIL_BYTES // (date_bytes * COLUMNS))
    symbols = max(for_count, for_sums)
    is_small = run.symbols * date_bytes <= SUM_BYTES and run.symbols < ENOUGH_CHUNKS * symbols
    if is_small and size < run.points:
        return size
    return min(symbols, run.symbols) * run.points


def _size_for_count(run: RunSize) -> int:
    """Return the size that follows from the number of tasks and how long they take."""
    most_chunks = min(isqrt(CHUNKS_PER_ROOT**2 * run.tasks), MAX_CHUNKS)
    usual = SHORT_SIZE if run.has_short_tasks else USUAL_SIZE
    return max(-(-run.tasks // most_chunks), min(run.tasks // ENOUGH_CHUNKS, usual))
