"""The random numbers of a task: the same in any process and in any order of the tasks."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from backfleet.plan.manifest import TaskKey

__all__ = ["Seeding", "seed_generators"]

R = TypeVar("R")

_CANONICAL = json.JSONEncoder(sort_keys=True).encode


def seed_generators(seed: int, key: TaskKey) -> None:
    """Seed `random` and numpy's global generator from the job's seed, the symbol and the point."""
    text = _CANONICAL([seed, key.name, key.params])
    digest = hashlib.sha256(text.encode()).digest()
    random.seed(int.from_bytes(digest, "big"))
    # numpy takes no seed of more than 32 bits.
    np.random.seed(int.from_bytes(digest[:4], "big"))


class Seeding:
    """Runs tasks so that each draws the numbers it would draw after `seed_generators`.

    Seeding takes a third of the time of a short vector task, and few strategies draw. So vector
    tasks run without it until one turns out to have drawn: it runs once more, seeded, and so do
    all that follow. The first task of a process is always seeded, and so are all tasks of other
    strategies: `always`.
    """

    def __init__(self, seed: int, always: bool) -> None:
        self._seed = seed
        self._draws = True if always else None
        self._python = random.Random()
        self._numpy = np.random.RandomState()

    def run(self, key: TaskKey, task: Callable[[], R]) -> R:
        """Run the task and return its result; errors pass through."""
        if self._draws is not False:
            return self._run_seeded(key, task)
        try:
            result = task()
        except Exception:
            if not self._was_drawn_from():
                raise
        else:
            if not self._was_drawn_from():
                return result
        self._draws = True
        return self._run_seeded(key, task)

    def _run_seeded(self, key: TaskKey, task: Callable[[], R]) -> R:
        seed_generators(self._seed, key)
        if self._draws:
            return task()
        self._python.setstate(random.getstate())
        self._numpy.set_state(np.random.get_state())
        try:
            return task()
        finally:
            self._draws = self._was_drawn_from()

    def _was_drawn_from(self) -> bool:
        """Whether the global generators are no longer where the two of this object are, which have
        drawn as often as this was asked."""
        return (
            random.getrandbits(64) != self._python.getrandbits(64)
            or np.random.random_sample() != self._numpy.random_sample()
        )
