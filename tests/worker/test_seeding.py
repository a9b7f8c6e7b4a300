"""Random numbers of tasks that draw always, never, and now and then."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from backfleet.plan.manifest import TaskKey
from backfleet.worker.seeding import Seeding, seed_generators

Draw = Callable[[], float]
DRAWS: list[Draw] = [
    random.random,
    lambda: random.gauss(0.0, 1.0),
    lambda: float(random.sample(range(1000), 1)[0]),
    lambda: float(np.random.random()),
    lambda: float(np.random.normal()),
    lambda: float(np.random.permutation(1000)[0]),
]


def key(index: int) -> TaskKey:
    return TaskKey(index, "AAA", (), {"period": index})


def seeded(index: int, draw: Draw) -> float:
    """What a task draws first after it was seeded."""
    seed_generators(3, key(index))
    return draw()


@pytest.mark.parametrize("draw", DRAWS)
@pytest.mark.parametrize("every", [1, 7, 20])
def test_a_task_draws_what_it_would_draw_if_every_task_were_seeded(draw: Draw, every: int) -> None:
    seeding = Seeding(3, always=False)
    drawing = [index for index in range(41) if index % every == every - 1]
    drawn = {
        index: seeding.run(key(index), draw if index in drawing else lambda: 0.0)
        for index in range(41)
    }

    assert drawing
    assert {index: drawn[index] for index in drawing} == {
        index: seeded(index, draw) for index in drawing
    }


def test_a_task_that_raises_for_what_it_drew_raises_what_it_would_if_seeded() -> None:
    def task() -> float:
        raise ValueError(str(random.random()))

    seeding = Seeding(3, always=False)
    for index in range(3):
        seeding.run(key(index), lambda: 0.0)

    with pytest.raises(ValueError, match=str(seeded(3, random.random))):
        seeding.run(key(3), task)


def test_a_task_that_does_not_draw_runs_once_even_where_it_raises() -> None:
    ran: list[int] = []

    def task(index: int) -> None:
        ran.append(index)
        raise ValueError(index)

    seeding = Seeding(3, always=False)
    for index in range(4):
        with pytest.raises(ValueError, match=str(index)):
            seeding.run(key(index), partial(task, index))
    assert ran == [0, 1, 2, 3]
