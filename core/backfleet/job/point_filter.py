"""`PointFilter`: keeps the points of a sweep for which `where` holds, or a sample of them."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np

from backfleet.job.job_errors import invalid_value
from backfleet.job.points import Indices, Points
from backfleet.job.where import KEY, Where

__all__ = ["ALL_POINTS", "MAX_SAMPLE", "PointFilter"]

BLOCK_POINTS = 1 << 18
MAX_SELECTED = 20_000_000
"""Maximum number of points that `where` selects unless it selects all: each takes 8 bytes."""

MAX_SAMPLE = 1_000_000
"""Maximum number of points that `sample` draws: they are drawn as Python objects."""


@dataclass(frozen=True)
class PointFilter:
    """`[sweep] where` and `sample` of a job.

    Attributes
    ----------
    where
        The condition, in canonical form; None keeps all.
    sample
        The number of points to draw from those that remain; None keeps all.
    seed
        The seed of the sample; 0 without one.
    """

    where: str | None = None
    sample: int | None = None
    seed: int = 0

    def apply(self, points: Points) -> tuple[Indices | None, PointFilter]:
        """Return the kept points, ascending, and the filter without conditions that remove nothing.

        The points are None if all are kept. Raises JobError if no point is left.
        """
        kept, where = self._where(points)
        count = len(points) if kept is None else len(kept)
        if not count:
            raise invalid_value(KEY, self.where, f"is true for no point, of {len(points):,}")
        # A sample that draws all is left out of the filter, so that equal points make one run.
        if self.sample is None or self.sample >= count:
            return kept, PointFilter(where)
        # Checked again here, since a stored plan may come from anybody.
        if self.sample > MAX_SAMPLE:
            raise invalid_value("sweep.sample", self.sample, f"at most {MAX_SAMPLE:,} are drawn")
        # Drawn among those that `where` keeps, and sorted: the order of tasks does not depend on
        # the draw.
        drawn = random.Random(self.seed).sample(range(count), self.sample)
        chosen = np.sort(np.array(drawn, dtype=np.int64))
        return chosen if kept is None else kept[chosen], PointFilter(where, self.sample, self.seed)

    def _where(self, points: Points) -> tuple[Indices | None, str | None]:
        if self.where is None:
            return None, None
        where = Where.parse(self.where, points.names)
        # One bit per point until the count is known: indices of all of them could fill the memory.
        masks = []
        for first in range(0, len(points), BLOCK_POINTS):
            block = np.arange(first, min(first + BLOCK_POINTS, len(points)), dtype=np.int64)
            columns = {name: points.column(name, block) for name in where.names}
            # The last byte of a block is filled up with zeros, which select nothing.
            masks.append(np.packbits(where.mask(columns, len(block))))
        bits = np.concatenate(masks)
        count = int(np.bitwise_count(bits).sum())
        # A condition that is always true is left out of the filter, as it changes nothing.
        if count == len(points):
            return None, None
        if count > MAX_SELECTED:
            reason = (
                f"selects {count:,} of {len(points):,} points; at most {MAX_SELECTED:,} are taken"
            )
            raise invalid_value(KEY, self.where, reason)
        indices = [
            np.flatnonzero(np.unpackbits(mask)) + number * BLOCK_POINTS
            for number, mask in enumerate(masks)
        ]
        return np.concatenate(indices), where.text


ALL_POINTS = PointFilter()
