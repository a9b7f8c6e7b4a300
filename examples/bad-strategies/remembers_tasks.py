"""Fails `deterministic`: what is kept in a class outlives the task, and which tasks a process runs
before is left to chance."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from backfleet import Bars, VectorStrategy


class RemembersTasks(VectorStrategy):
    """Holds shares every other day, a day later in each task."""

    tasks_before: ClassVar[list[int]] = [0]

    def targets(self, bars: Bars) -> np.ndarray:
        self.tasks_before[0] += 1
        return (np.arange(len(bars)) + self.tasks_before[0]) % 2.0
