"""Returns by date of a chunk's tasks: of each task, or summed over the symbols of each point.

Sums are added along a fixed binary tree over the symbols of the chunk: first neighbors, then pairs
of neighbors, and so on. So the sum over any range of the tree can be computed wherever its tasks
ran, and the sum over all symbols has the same bits however the tasks were divided among processes,
parts and runs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from backfleet.summary import TaskReturns

__all__ = [
    "Block",
    "DateSums",
    "DateSumsLayout",
    "DateSumsRecorder",
    "KeptReturns",
    "count_dates",
    "on_dates",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
N = TypeVar("N", bound=np.generic)
Span = tuple[int, int]
"""The first of some consecutive symbols, and the one after the last."""


class KeptReturns(StrEnum):
    """The returns by date that the chunks of a run keep: of tasks, or summed over symbols."""

    NONE = "none"
    TASKS = "tasks"
    SUMS = "sums"


@dataclass(frozen=True)
class DateSumsLayout:
    """The layout of the returns by date that a chunk keeps: of each task, or summed.

    Attributes
    ----------
    points
        Number of points of the run: task i is symbol i // points at point i % points.
    tasks
        The tasks of the chunk.
    is_summed
        Whether it keeps sums over its symbols, and not the returns of each task. Such a chunk holds
        whole symbols.
    """

    points: int
    tasks: range
    is_summed: bool

    @property
    def symbols(self) -> range:
        """The numbers of the symbols that have tasks in the chunk."""
        # Rounded down at the start and up at the stop: a chunk may begin and end within a symbol.
        return range(self.tasks.start // self.points, -(-self.tasks.stop // self.points))

    def points_of(self, symbol: int) -> range:
        """Return the points of a symbol in the chunk."""
        first = max(self.tasks.start - symbol * self.points, 0)
        return range(first, min(self.tasks.stop - symbol * self.points, self.points))

    def is_node(self, span: Span) -> bool:
        """Whether sums over these symbols are a node of the chunk's tree."""
        symbols = self.symbols
        # Nodes have a power of two of symbols and begin at a multiple of it, counted from the
        # chunk's first symbol. Only the last node of a level may be shorter.
        width = _width(span) if self.is_summed else 1
        first, stop = span
        is_whole = stop == min(first + width, symbols.stop)
        return first in symbols and is_whole and not (first - symbols.start) % width

    def spans(self) -> list[Span]:
        """Return the symbols of every block of a complete chunk."""
        symbols = self.symbols
        if self.is_summed:
            return [(symbols.start, symbols.stop)]
        return [(symbol, symbol + 1) for symbol in symbols]


@dataclass(frozen=True, eq=False)
class Block:
    """Sums over consecutive symbols.

    Attributes
    ----------
    points
        int64, ascending: the points that all of these symbols have.
    sums
        float64 of shape (points, dates): 0 on dates without a return, and for failed tasks.
    """

    points: Ints
    sums: Floats


@dataclass(eq=False)
class DateSums:
    """Returns by date of some tasks of a chunk, added up as far as possible.

    Attributes
    ----------
    dates
        int64, ascending: days since the epoch.
    calendars
        Number of a symbol to the days on which it has a return, for all symbols that have any.
    blocks
        By the symbols that they sum over.
    absent
        The tasks without returns: those that failed, and those whose account was at 0 or below.
    spares
        Memory of sums that were added to others. Fresh memory costs as much as ten additions.
    """

    layout: DateSumsLayout
    dates: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    calendars: dict[int, Ints] = field(default_factory=dict)
    blocks: dict[Span, Block] = field(default_factory=dict)
    absent: set[int] = field(default_factory=set)
    spares: list[Floats] = field(default_factory=list)

    def counts(self) -> Ints:
        """Return the number of symbols that have a return on each date."""
        counts = np.zeros(len(self.dates), np.int64)
        for calendar in self.calendars.values():
            count_dates(counts, self.dates, calendar)
        return counts

    def tasks(self) -> Iterator[int]:
        """Return the tasks that are in the blocks; some may come twice."""
        for span, block in self.blocks.items():
            for symbol in range(*span):
                yield from (block.points + symbol * self.layout.points).tolist()

    def is_complete(self) -> bool:
        """Whether all tasks of the chunk are in."""
        return all(
            span in self.blocks
            and np.array_equal(self.blocks[span].points, self.layout.points_of(span[0]))
            for span in self.layout.spans()
        )

    def merge(self, other: DateSums, tasks: Collection[int] | None = None) -> None:
        """Take over what another object has of some tasks of this chunk, by default of all.

        Of a task that both have, the first one stays.
        """
        for symbol, days in other.calendars.items():
            self.add_calendar(symbol, days)
        self.absent.update(other.absent if tasks is None else other.absent.intersection(tasks))
        for span, block in other.blocks.items():
            # Of a summed block only whole points can be taken, since a sum cannot be split into its
            # tasks.
            points = block.points if tasks is None else self._points_among(span, block, tasks)
            rows = np.isin(block.points, points)
            sums = on_dates(block.sums[rows], other.dates, self.dates)
            self.insert(span, Block(block.points[rows], sums))

    def _points_among(self, span: Span, block: Block, tasks: Collection[int]) -> list[int]:
        """Return the points of a block whose tasks are all among some tasks."""
        starts = [symbol * self.layout.points for symbol in range(*span)]
        return [
            point
            for point in block.points.tolist()
            if all(start + point in tasks for start in starts)
        ]

    def add_absent(self, task: int) -> None:
        """Add a task that has no returns."""
        symbol, point = divmod(task, self.layout.points)
        self.absent.add(task)
        # Zeros keep the tree complete: without them the sum over all symbols would wait for this
        # task.
        self.insert((symbol, symbol + 1), Block(np.array([point]), np.zeros((1, len(self.dates)))))

    def add_calendar(self, symbol: int, days: Ints) -> None:
        """Add days on which a symbol has returns, and widen all blocks to them."""
        known = self.calendars.get(symbol)
        if known is not None and not np.array_equal(known, days):
            days = np.union1d(known, days)
        self.calendars[symbol] = days
        # The usual case of a market whose symbols all have the same sessions.
        if np.array_equal(days, self.dates):
            return
        dates = np.union1d(self.dates, days) if len(self.dates) else days
        # The union contains all dates, so an equal number of them means that none is new.
        if len(dates) == len(self.dates):
            return
        for span, block in self.blocks.items():
            self.blocks[span] = Block(block.points, on_dates(block.sums, self.dates, dates))
        self.dates = dates

    def insert(self, span: Span, block: Block) -> None:
        """Insert sums over the dates of this object, and add them to those of neighbors."""
        known = self.blocks.get(span)
        if known is not None:
            # Of a point that both have, the first one stays, as in `merge`.
            is_new = ~np.isin(block.points, known.points)
            points = np.concatenate((known.points, block.points[is_new]))
            order = np.argsort(points)
            sums = np.concatenate((known.sums, block.sums[is_new]))
            block = Block(points[order], sums[order])
        if not len(block.points):
            return
        self.blocks[span] = block
        if self.layout.is_summed:
            self._climb(span)

    def _climb(self, span: Span) -> None:
        """Add the sums of a node and of its neighbor, and go on with their parent."""
        symbols = self.layout.symbols
        width = _width(span)
        while span != (symbols.start, symbols.stop):
            first = span[0]
            # An odd position on its level is a right child.
            is_right = (first - symbols.start) // width % 2
            left = first - width if is_right else first
            middle, stop = left + width, min(left + 2 * width, symbols.stop)
            width *= 2
            if middle >= symbols.stop:
                # The last node of a level without a neighbor is a node of the next level, too.
                continue
            parent = self._add((left, middle), (middle, stop))
            if parent is None:
                return
            span = (left, stop)
            # Climbs on from the parent by itself.
            self.insert(span, parent)
            return

    def _add(self, left: Span, right: Span) -> Block | None:
        """Take the points that two nodes have in common out of them, and return their sums."""
        one, other = self.blocks.get(left), self.blocks.get(right)
        if one is None or other is None:
            return None
        if np.array_equal(one.points, other.points):
            del self.blocks[left], self.blocks[right]
            self.spares.append(other.sums)
            # Left plus right, in place. IEEE addition is commutative, so only the shape of the tree
            # decides the bits.
            return Block(one.points, np.add(one.sums, other.sums, out=one.sums))
        common = np.intersect1d(one.points, other.points)
        # Points may arrive in different orders for the two neighbors; the rest waits in the blocks.
        if not len(common):
            return None
        sums = (
            one.sums[np.searchsorted(one.points, common)]
            + other.sums[np.searchsorted(other.points, common)]
        )
        for span, block in ((left, one), (right, other)):
            rest = ~np.isin(block.points, common)
            del self.blocks[span]
            if rest.any():
                self.blocks[span] = Block(block.points[rest], block.sums[rest])
        return Block(common, sums)


class DateSumsRecorder:
    """Collects the returns of a chunk's tasks as they finish, in a process that runs tasks."""

    def __init__(self, layout: DateSumsLayout) -> None:
        self._sums = DateSums(layout)
        self._start(-1)

    def reuse_memory(self, earlier: DateSumsRecorder) -> None:
        """Use the memory of a recorder whose chunk is finished."""
        self._sums.spares = earlier._sums.spares

    def add(self, task: int, returns: TaskReturns | None) -> None:
        """Add a task; None for one without returns. The tasks of a symbol come together."""
        symbol, point = divmod(task, self._sums.layout.points)
        # Rows are collected for one symbol at a time, because its tasks share their days.
        if symbol != self._symbol:
            self._finish()
            self._start(symbol)
        if returns is None:
            self._sums.absent.add(task)
        # The first task of a symbol, or one of the rare tasks with other days than those before it.
        elif not self._has_days(returns.days):
            self._finish()
            self._start(symbol)
            self._take_days(returns.days)
        # Also true at first, when both are 0: memory is taken only when the dates are known.
        if len(self._points) == len(self._rows):
            self._finish()
            self._grow()
        # A view of one row of the block, so that nothing is copied again when the block is handed
        # over.
        row = self._rows[len(self._points)]
        self._points.append(point)
        if returns is None:
            row[:] = 0.0
        elif self._places is None:
            row[:] = returns.values
        else:
            row[:] = 0.0
            row[self._places] = returns.values

    def take(self) -> DateSums:
        """Return what was collected, and start again."""
        self._finish()
        sums, self._sums = self._sums, DateSums(self._sums.layout, spares=self._sums.spares)
        # The spare memory stays in this process, and the sums are sent to another.
        sums.spares = []
        self._start(-1)
        return sums

    def _start(self, symbol: int) -> None:
        self._symbol = symbol
        self._days: Ints | None = None
        self._places: Ints | None = None
        self._points: list[int] = []
        self._rows = np.empty((0, 0))

    def _has_days(self, days: Ints) -> bool:
        """Whether the current symbol has these days."""
        return days is self._days or (self._days is not None and np.array_equal(days, self._days))

    def _take_days(self, days: Ints) -> None:
        self._sums.add_calendar(self._symbol, days)
        self._days = days
        dates = self._sums.dates
        self._places = None if len(dates) == len(days) else np.searchsorted(dates, days)

    def _grow(self) -> None:
        layout = self._sums.layout
        shape = len(layout.points_of(self._symbol)), len(self._sums.dates)
        spares = self._sums.spares
        self._points = []
        # All spares have the same shape as long as the symbols of a chunk share their dates.
        if spares and spares[-1].shape != shape:
            spares.clear()
        self._rows = spares.pop() if spares else np.empty(shape)

    def _finish(self) -> None:
        """Hand the collected tasks of a symbol over."""
        if self._points:
            count = len(self._points)
            # The tasks of a symbol are seldom out of order, such as after a child process died.
            order = np.argsort(self._points, kind="stable")
            points = np.array(self._points)[order]
            rows = self._rows[:count]
            is_sorted = bool((np.diff(order) == 1).all())
            self._sums.insert(
                (self._symbol, self._symbol + 1), Block(points, rows if is_sorted else rows[order])
            )
            self._points = []
            self._rows = np.empty((0, 0))


def count_dates(counts: Ints, dates: Ints, calendar: Ints) -> None:
    """Add 1 to the counts of those dates that are in a calendar, which has no others."""
    if len(calendar) == len(dates):
        # As most symbols of a market do, this one has them all.
        counts += 1
    else:
        counts[np.searchsorted(dates, calendar)] += 1


def on_dates(sums: NDArray[N], dates: Ints, more_dates: Ints) -> NDArray[N]:
    """Return sums over dates, of shape (..., dates), over more of them: 0 on the others."""
    wide = np.zeros((*sums.shape[:-1], len(more_dates)), sums.dtype)
    wide[..., np.searchsorted(more_dates, dates)] = sums
    return wide


def _width(span: Span) -> int:
    """Return the number of symbols of a full node that begins with a node's first symbol."""
    # The next power of two, since the last node of a level may be shorter than the others.
    return 1 << (span[1] - span[0] - 1).bit_length()
