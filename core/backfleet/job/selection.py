"""Which points of a sweep are kept: those for which `where` holds, and of these a random sample."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np

from backfleet.job.points import Indices, Points
from backfleet.job.refusal import refusal
from backfleet.job.where import KEY, Where

__all__ = ["EVERYTHING", "MAX_SAMPLE", "Selection"]

BLOCK = 1 << 18
MAX_SAMPLE = 1_000_000
"""The most points that `sample` draws: they are drawn as Python objects."""


@dataclass(frozen=True)
class Selection:
    """`[sweep] where` and `sample`.

    Attributes
    ----------
    where
        The condition, in canonical form; None keeps all.
    sample
        How many of the points that are left; None keeps all.
    seed
        Of the sample; 0 without one.
    """

    where: str | None = None
    sample: int | None = None
    seed: int = 0

    def apply(self, points: Points) -> tuple[Indices | None, Selection]:
        """The points kept, ascending, or None for all; and the selection less what changes nothing.

        Raises JobError where no point is left.
        """
        kept, where = self._where(points)
        count = len(points) if kept is None else len(kept)
        if not count:
            raise refusal(KEY, self.where, f"holds for none of {len(points):,} points")
        if self.sample is None or self.sample >= count:
            return kept, Selection(where)
        drawn = random.Random(self.seed).sample(range(count), self.sample)
        chosen = np.sort(np.array(drawn, dtype=np.int64))
        return chosen if kept is None else kept[chosen], Selection(where, self.sample, self.seed)

    def _where(self, points: Points) -> tuple[Indices | None, str | None]:
        if self.where is None:
            return None, None
        where = Where.parse(self.where, points.names)
        kept = []
        for first in range(0, len(points), BLOCK):
            block = np.arange(first, min(first + BLOCK, len(points)), dtype=np.int64)
            columns = {name: points.column(name, block) for name in where.names}
            kept.append(block[where.mask(columns, len(block))])
        indices = np.concatenate(kept)
        return (None, None) if len(indices) == len(points) else (indices, where.text)


EVERYTHING = Selection()
