"""Returns by date that an earlier run keeps of tasks of a new run.

A row is reused only with its returns, if the new run keeps any. An earlier run that keeps those of
each task lends them. One that keeps sums over the symbols of a chunk lends a sum if the new run
adds up the same symbols, and then all their tasks at that point.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backfleet.chunks.date_sums import Block, DateSums, DateSumsLayout
from backfleet.errors import CorruptObject
from backfleet.job.points import Indices
from backfleet.plan.manifest import Manifest

__all__ = ["CommonTasks", "have_returns", "take_returns"]


@dataclass(frozen=True, eq=False)
class CommonTasks:
    """Tasks that a chunk of an earlier run has in common with a new run.

    Attributes
    ----------
    tasks, earlier
        The number of each task in the new run, and in the earlier one.
    """

    tasks: Indices
    earlier: Indices


def have_returns(
    manifest: Manifest, earlier: Manifest, chunk: int, common: CommonTasks
) -> NDArray[np.bool_]:
    """Return which rows of a chunk of an earlier run come with the returns that a run keeps.

    Parameters
    ----------
    manifest, earlier
        The new run and the earlier one.
    chunk
        The chunk of the earlier run.
    """
    is_lent = np.ones(len(common.tasks), np.bool_)
    # All chunks of a run keep the same kind of returns, so the first one stands for them.
    if not len(is_lent) or manifest.returns_layout(0) is None:
        return is_lent
    theirs = earlier.returns_layout(chunk)
    if theirs is None:
        return ~is_lent
    if not theirs.is_summed:
        return is_lent
    # From here on, the earlier chunk holds sums, which can only be taken whole.
    shift = _shift(common, len(manifest.points), theirs.points)
    if shift is None or not _is_node(manifest, theirs, shift):
        return ~is_lent
    # For each row: of how many symbols the new run has this point. A sum is lent if it has it of
    # all.
    _, at, counts = np.unique(
        common.earlier % theirs.points, return_inverse=True, return_counts=True
    )
    return np.asarray(counts[at] == len(theirs.symbols))


def take_returns(lent: DateSums, common: CommonTasks, layout: DateSumsLayout) -> DateSums:
    """Return what an earlier run keeps of some tasks, as a chunk of the new run keeps it.

    `have_returns` must hold for the tasks. Raises CorruptObject.
    """
    if not lent.is_complete():
        raise CorruptObject("the returns of some tasks are missing")
    taken = DateSums(layout)
    numbers = dict(zip(common.earlier.tolist(), common.tasks.tolist(), strict=True))
    lent_points = lent.layout.points
    taken.absent.update(numbers[task] for task in lent.absent.intersection(numbers))
    for (first, stop), block in lent.blocks.items():
        rows = [
            (place, numbers[first * lent_points + point])
            for place, point in enumerate(block.points.tolist())
            if first * lent_points + point in numbers
        ]
        if not rows:
            continue
        # Rows of the lent block, and the new numbers of their tasks at the block's first symbol.
        places, tasks = np.array(rows).T
        # By how much the numbers of the block's symbols differ. `have_returns` has checked that a
        # sum has one such number, and other blocks hold one symbol.
        shift = int(tasks[0]) // layout.points - first
        points = block.points[places]
        for symbol in range(first, stop):
            _take_calendar(taken, lent, symbol, points, shift)
        # A block's points must ascend, and the points may be in another order in the earlier run.
        order = np.argsort(tasks)
        sums = np.zeros((len(rows), len(taken.dates)))
        # The other dates belong to symbols that are not taken; these sums are 0 there.
        inside = np.isin(lent.dates, taken.dates)
        sums[:, np.searchsorted(taken.dates, lent.dates[inside])] = block.sums[places[order]][
            :, inside
        ]
        taken.insert((first + shift, stop + shift), Block(tasks[order] % layout.points, sums))
    return taken


def _take_calendar(
    taken: DateSums, lent: DateSums, symbol: int, points: Indices, shift: int
) -> None:
    """Take the calendar of a symbol of the earlier run, if it has returns at one of the points."""
    days = lent.calendars.get(symbol)
    tasks = (symbol * lent.layout.points + points).tolist()
    # A symbol can have returns at other points only, which the new run does not take.
    if days is not None and not lent.absent.issuperset(tasks):
        taken.add_calendar(symbol + shift, days)


def _shift(common: CommonTasks, points: int, earlier_points: int) -> int | None:
    """Return by how much the numbers of all symbols differ; None if it is not the same number."""
    shifts = common.tasks // points - common.earlier // earlier_points
    return int(shifts[0]) if (shifts == shifts[0]).all() else None


def _is_node(manifest: Manifest, theirs: DateSumsLayout, shift: int) -> bool:
    """Whether the new run adds up the symbols of a chunk of the earlier run."""
    # The bits of a sum depend on the tree along which it is added, so the symbols must be one node.
    span = (theirs.symbols.start + shift, theirs.symbols.stop + shift)
    first = span[0] * len(manifest.points)
    # A shift can lead to symbols that the new run does not have.
    if not 0 <= first < manifest.tasks:
        return False
    chunk = manifest.chunks.chunk_of(first)
    layout = manifest.returns_layout(chunk)
    return layout is not None and span[1] <= layout.symbols.stop and layout.is_node(span)
