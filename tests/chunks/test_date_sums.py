"""Returns by date add up to the same bits however the tasks of a chunk are divided."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pytest

from backfleet.chunks.date_sums import DateSums, DateSumsLayout, DateSumsRecorder
from backfleet.chunks.date_sums_format import encode_date_sums, read_date_sums
from backfleet.errors import CorruptObject
from backfleet.store import put_blob
from backfleet.summary import TaskReturns
from made_results import MemoryStore

SEEDS = range(60)
DAY_ZERO = 18_000


@dataclass(frozen=True)
class Case:
    """A chunk, and the returns of its tasks; None for a task that has none."""

    layout: DateSumsLayout
    returns: dict[int, TaskReturns | None]


def case_of(seed: int) -> Case:
    draw, numbers = random.Random(seed), np.random.default_rng(seed)
    points, symbols = draw.randint(1, 6), draw.randint(1, 9)
    is_summed = draw.random() < 0.7
    first = draw.randint(0, 3) * points
    tasks = range(first, first + symbols * points)
    if not is_summed:
        tasks = tasks[draw.randint(0, points - 1) : len(tasks) - draw.randint(0, points - 1)]
        tasks = tasks or range(first, first + 1)
    calendars = {}
    for symbol in range(tasks.stop // points + 1):
        start = draw.choice([0, 0, 0, 7, 30])
        days = np.arange(DAY_ZERO + start, DAY_ZERO + 40)
        calendars[symbol] = days[numbers.random(len(days)) < draw.choice([1.0, 1.0, 0.8])]
    returns: dict[int, TaskReturns | None] = {}
    for task in tasks:
        days = calendars[task // points]
        values = numbers.normal(0.0, 0.01, len(days))
        returns[task] = None if draw.random() < 0.1 else TaskReturns(days, values)
    return Case(DateSumsLayout(points, tasks, is_summed), returns)


def record(case: Case, tasks: Iterable[int]) -> DateSums:
    recorder = DateSumsRecorder(case.layout)
    for task in tasks:
        recorder.add(task, case.returns[task])
    return recorder.take()


def stored_again(sums: DateSums) -> DateSums:
    """Store sums and read them, as parts of a chunk are."""
    store = MemoryStore()
    digest = put_blob(store, encode_date_sums(sums).content)
    return read_date_sums(store, digest, sums.layout)


@pytest.mark.parametrize("seed", SEEDS)
def test_sums_are_those_of_the_returns(seed: int) -> None:
    case = case_of(seed)
    sums = stored_again(record(case, case.layout.tasks))
    assert sums.is_complete()
    assert sums.absent == {task for task, returns in case.returns.items() if returns is None}
    for span, block in sums.blocks.items():
        for row, point in zip(block.sums, block.points.tolist(), strict=True):
            expected = dict.fromkeys(sums.dates.tolist(), 0.0)
            for symbol in range(*span):
                returns = case.returns[symbol * case.layout.points + point]
                for day, value in zip(*(returns or ((), ())), strict=True):
                    expected[int(day)] += value
            np.testing.assert_allclose(row, list(expected.values()), atol=1e-15)
    days = {
        task // case.layout.points: set(returns.days.tolist())
        for task, returns in case.returns.items()
        if returns is not None
    }
    expected_counts = [sum(day in own for own in days.values()) for day in sums.dates.tolist()]
    assert sums.counts().tolist() == expected_counts


@pytest.mark.parametrize("seed", SEEDS)
def test_any_division_into_parts_gives_the_same_bytes(seed: int) -> None:
    case, draw = case_of(seed), random.Random(seed)
    whole = encode_date_sums(record(case, case.layout.tasks))
    tasks = list(case.layout.tasks)
    if draw.random() < 0.5:
        draw.shuffle(tasks)
    borders = sorted(draw.choices(range(len(tasks) + 1), k=draw.randint(0, 4)))
    pieces = [
        tasks[first:stop] for first, stop in zip([0, *borders], [*borders, len(tasks)], strict=True)
    ]
    # Two workers may have computed the same tasks.
    pieces.append(draw.sample(tasks, draw.randint(0, len(tasks))))
    draw.shuffle(pieces)
    merged = DateSums(case.layout)
    for piece in pieces:
        part = record(case, piece)
        merged.merge(stored_again(part) if draw.random() < 0.5 else part)
    assert merged.is_complete()
    assert encode_date_sums(merged) == whole


@pytest.mark.parametrize("seed", SEEDS)
def test_some_tasks_of_a_part_can_be_replaced(seed: int) -> None:
    case, draw = case_of(seed), random.Random(seed)
    failed = draw.randrange(case.layout.points)
    column = {task for task in case.layout.tasks if task % case.layout.points == failed}
    before = replace(case, returns={**case.returns, **dict.fromkeys(column)})
    earlier = stored_again(record(before, case.layout.tasks))
    kept = set(case.layout.tasks) - column
    merged = record(case, sorted(column))
    merged.merge(earlier, kept)
    assert encode_date_sums(merged) == encode_date_sums(record(case, case.layout.tasks))


def test_a_task_that_never_ran_is_missed() -> None:
    layout = DateSumsLayout(2, range(4), is_summed=True)
    case = Case(layout, {task: TaskReturns(np.arange(3), np.ones(3)) for task in range(4)})
    sums = record(case, [0, 1, 3])
    assert not sums.is_complete()
    assert sorted(set(sums.tasks())) == [0, 1, 3]
    sums.add_absent(2)
    assert sums.is_complete()


CASE = Case(
    DateSumsLayout(2, range(4), is_summed=True),
    {task: TaskReturns(np.arange(5), np.full(5, 0.5)) for task in range(4)},
)


def hostile(change: str) -> bytes:
    """Return stored sums that claim something impossible."""
    sums = record(CASE, CASE.layout.tasks)
    block = sums.blocks[0, 2]
    if change == "not finite":
        block.sums[1, 2] = np.nan
    elif change == "dates in disorder":
        sums.dates[1] = 4
    elif change == "a date without symbols":
        sums.calendars = {0: np.arange(4), 1: np.arange(4)}
    elif change == "another task absent":
        sums.absent.add(9)
    elif change == "points in disorder":
        block.points[:] = 1, 0
    elif change == "another point":
        block.points[:] = 0, 7
    elif change == "symbols that are not summed":
        sums.layout = replace(sums.layout, tasks=range(8))
        sums.blocks = {(1, 3): block}
    elif change == "of tasks instead":
        sums.layout = replace(sums.layout, is_summed=False)
    content = encode_date_sums(sums).content
    if change == "cut short":
        return content[:-1]
    if change == "too long":
        return content + b"\0"
    if change == "many dates":
        return content.replace(b'"dates": 5', b'"dates": 4000000000')
    if change == "negative dates":
        return content.replace(b'"dates": 5', b'"dates": -5')
    if change == "no header":
        return content[:20]
    if change == "another format":
        return content.replace(b"returns/1", b"returns/2")
    if change == "no JSON":
        return content.replace(b'{"absent"', b'{"absent')
    return content


@pytest.mark.parametrize(
    "change",
    [
        "not finite",
        "dates in disorder",
        "a date without symbols",
        "another task absent",
        "points in disorder",
        "another point",
        "symbols that are not summed",
        "of tasks instead",
        "cut short",
        "too long",
        "many dates",
        "negative dates",
        "no header",
        "another format",
        "no JSON",
    ],
)
def test_impossible_sums_are_reported(change: str) -> None:
    store = MemoryStore()
    digest = put_blob(store, hostile(change))
    with pytest.raises(CorruptObject, match=digest):
        read_date_sums(store, digest, CASE.layout)


def test_packed_returns_that_are_damaged_are_reported() -> None:
    case = replace(CASE, layout=replace(CASE.layout, is_summed=False))
    content = encode_date_sums(record(case, case.layout.tasks)).content
    store = MemoryStore()
    for damaged in (content[:-9], content.replace(b'"dates": 5', b'"dates": 9')):
        with pytest.raises(CorruptObject):
            read_date_sums(store, put_blob(store, damaged), case.layout)
