"""Size of a run's chunks, and the returns that they keep: both follow from the number of tasks and
from what is stored of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from math import ceil, isqrt
from typing import TYPE_CHECKING

from backfleet.chunks.date_sums import KeptReturns
from backfleet.plan.chunk_grid import MAX_CHUNKS
from backfleet.plan.engines import VECTOR

if TYPE_CHECKING:
    from backfleet.plan.identity import Identity
    from backfleet.plan.manifest import PlannedSymbol

__all__ = ["RunSize", "chunk_size", "kept_returns"]

CHUNKS_PER_ROOT = 4
"""Most chunks of a run with n tasks, in multiples of the square root of n. Chunks then grow with
the run, and a run of up to 16 tasks has a chunk for each task."""

MIN_PARALLEL_CHUNKS = 32
"""With this number of chunks, the cores of one machine have work; smaller chunks would only cost
commits, which take a few milliseconds each if details are kept."""

DEFAULT_SIZE = 100
"""Tasks of a chunk that make its commit cheap: it takes about as long as one task on backtrader."""

SHORT_SIZE = 1000
"""The same if tasks are compiled: a commit takes as long as dozens of them."""

SUMMED_POINTS = 1000
"""Number of points up to which a chunk holds whole symbols, so that it can hold sums over them."""

SUM_BYTES = 256 * 10**6
"""Bound of the returns by date, or their sums over symbols, in all chunks of a run."""

SHORT_RETURN_BYTES = 20 * 10**6
"""Bound of the tasks' own returns by date if tasks are compiled: storing those of one task takes
as long as computing it."""

SHORT_TASK_BYTES = 1_600
"""Bytes by date that a compiled task may cost, on average over the symbols of a chunk."""

MAX_SUMMED_TASKS = 10_000
"""Tasks of a chunk that holds sums over its symbols: one process can compute them in one piece."""

DETAIL_BYTES = 128 * 10**6
"""Bound of the equity in a chunk that was made large for its sums; reading the equity of one task
reads that of its chunk. Where the run keeps the equity, sums can be computed from it."""

NUMBER = 8
"""Bytes of a number."""

COLUMNS = 4
"""Numbers in a record of the equity."""

DAYS_PER_YEAR = 365.25


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

    @classmethod
    def of(cls, identity: Identity, symbols: Sequence[PlannedSymbol], points: int) -> RunSize:
        """Return the sizes of a run."""
        is_portfolio = identity.data.universe == "portfolio"
        keeps_detail = identity.results.detail == "full"
        first = min(date.fromisoformat(symbol.first) for symbol in symbols)
        last = max(date.fromisoformat(symbol.last) for symbol in symbols)
        per_year = max(symbol.sessions_per_year for symbol in symbols)
        return cls(
            symbols=1 if is_portfolio else len(symbols),
            points=points,
            dates=1 + ceil((last - first).days / DAYS_PER_YEAR * per_year),
            has_short_tasks=(
                identity.engines[0].name == VECTOR and not keeps_detail and not is_portfolio
            ),
            keeps_detail=keeps_detail,
        )


def chunk_size(run: RunSize) -> int:
    """Return the number of tasks in a chunk, the same for every planner of a run.

    A run has at most 4 √tasks chunks, and at most 20,000. Where a symbol has at most 1,000 points,
    a chunk holds whole symbols, as many as are needed so that the sums per point and date over its
    symbols take at most 256 MB in all chunks together. Small runs are the exception: if whole
    symbols would leave few chunks, and all returns by date are small, chunks hold less.
    """
    size = _size_for_count(run)
    date_bytes = run.points * run.dates * NUMBER
    # A chunk of whole symbols would be too large: for one process, or for readers of one equity.
    if run.points > SUMMED_POINTS or (run.keeps_detail and date_bytes * COLUMNS > DETAIL_BYTES):
        return size
    # All sizes are counted in symbols from here on, and rounded up.
    for_count = -(-size // run.points)
    # A chunk's sums take the same bytes however many symbols it adds up: fewer chunks take less.
    for_sums = -(-run.symbols // max(1, SUM_BYTES // date_bytes))
    if run.keeps_detail:
        for_sums = min(for_sums, DETAIL_BYTES // (date_bytes * COLUMNS))
    if run.has_short_tasks and not _has_few_returns(run):
        for_sums = max(for_sums, -(-run.dates * NUMBER // SHORT_TASK_BYTES))
    # The bound on sums gives way: what one process can compute, and the number of chunks, hold.
    symbols = max(for_count, min(for_sums, max(1, MAX_SUMMED_TASKS // run.points)))
    if size < run.points and run.symbols < MIN_PARALLEL_CHUNKS * symbols and _has_few_returns(run):
        return size
    # A multiple of the points, so that every chunk begins with a symbol.
    return min(symbols, run.symbols) * run.points


def kept_returns(run: RunSize, size: int) -> KeptReturns:
    """Return which returns by date a run keeps, whose chunks hold `size` tasks.

    Those of each task can serve a run with other symbols or points, so they are kept if they are
    few for the time that the tasks take.
    """
    if run.points > SUMMED_POINTS:
        return KeptReturns.NONE
    if _has_few_returns(run):
        return KeptReturns.TASKS
    # Here the chunks are final, so the estimate of `chunk_size` can be checked.
    chunks = -(-run.tasks // size)
    is_whole = size % run.points == 0
    if is_whole and chunks * run.points * run.dates * NUMBER <= SUM_BYTES:
        return KeptReturns.SUMS
    return KeptReturns.NONE


def _has_few_returns(run: RunSize) -> bool:
    """Return whether a run can keep the returns of each of its tasks."""
    bound = SHORT_RETURN_BYTES if run.has_short_tasks else SUM_BYTES
    return run.tasks * run.dates * NUMBER <= bound


def _size_for_count(run: RunSize) -> int:
    """Return the size that follows from the number of tasks and how long they take."""
    # An exact root, since every planner of a run must find the same number.
    most_chunks = min(isqrt(CHUNKS_PER_ROOT**2 * run.tasks), MAX_CHUNKS)
    usual = SHORT_SIZE if run.has_short_tasks else DEFAULT_SIZE
    return max(-(-run.tasks // most_chunks), min(run.tasks // MIN_PARALLEL_CHUNKS, usual))
