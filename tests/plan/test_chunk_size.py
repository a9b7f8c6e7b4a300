"""Chunks of a run: every task in one chunk, neither too many chunks nor too large ones."""

from __future__ import annotations

from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfleet.chunks.date_sums import KeptReturns
from backfleet.plan.chunk_grid import MAX_CHUNKS, ChunkGrid
from backfleet.plan.chunk_size import (
    DETAIL_BYTES,
    MAX_SUMMED_TASKS,
    MIN_PARALLEL_CHUNKS,
    SHORT_RETURN_BYTES,
    SUM_BYTES,
    RunSize,
    chunk_size,
    kept_returns,
)

DAILY = 2520
"""Sessions of ten years."""

sizes = st.builds(
    RunSize,
    symbols=st.integers(1, 40) | st.integers(1, 6_000),
    points=st.integers(1, 40) | st.integers(1, 20_000),
    dates=st.integers(1, 12_000),
    has_short_tasks=st.booleans(),
    keeps_detail=st.booleans(),
).filter(lambda size: not (size.has_short_tasks and size.keeps_detail))


def grid_of(size: RunSize) -> ChunkGrid:
    return ChunkGrid(size.tasks, chunk_size(size))


@given(st.integers(1, 20_000), st.data())
def test_chunks_partition_the_tasks_in_their_order(tasks: int, data: st.DataObject) -> None:
    grid = ChunkGrid(tasks, data.draw(st.integers(1, tasks)))
    assert [task for chunk in range(len(grid)) for task in grid[chunk]] == list(range(tasks))


@given(sizes)
def test_there_are_at_most_four_roots_of_the_tasks_and_never_more_than_20000(size: RunSize) -> None:
    chunks = len(grid_of(size))
    assert 1 <= chunks <= MAX_CHUNKS
    assert chunks <= 4 * sqrt(size.tasks)


@given(sizes)
def test_returns_by_date_take_at_most_256_mb(size: RunSize) -> None:
    grid = grid_of(size)
    by_date = size.points * size.dates * 8
    match kept_returns(size, grid.size):
        case KeptReturns.TASKS:
            most = SHORT_RETURN_BYTES if size.has_short_tasks else SUM_BYTES
            assert size.symbols * by_date <= most
        case KeptReturns.SUMS:
            assert not grid.size % size.points
            assert len(grid) * by_date <= SUM_BYTES


@given(sizes)
def test_a_run_without_returns_by_date_has_too_many_points_or_tasks(size: RunSize) -> None:
    if kept_returns(size, chunk_size(size)) is not KeptReturns.NONE or size.points > 1000:
        return
    symbols = max(1, MAX_SUMMED_TASKS // size.points)
    if size.keeps_detail:
        symbols = min(symbols, max(1, DETAIL_BYTES // (size.points * size.dates * 32)))
    chunks = -(-size.symbols // symbols)
    assert chunks * size.points * size.dates * 8 > SUM_BYTES


@given(sizes)
def test_many_symbols_of_few_points_are_never_divided(size: RunSize) -> None:
    if size.points <= 1000 and not size.keeps_detail and size.symbols >= MIN_PARALLEL_CHUNKS:
        size_of_chunk = chunk_size(size)
        whole = size_of_chunk % size.points == 0
        assert whole or size.tasks // size_of_chunk < 2 * MIN_PARALLEL_CHUNKS


@given(sizes)
def test_chunks_of_full_detail_stay_small_enough_to_read(size: RunSize) -> None:
    equity = chunk_size(size) * size.dates * 32
    by_count = -(-size.tasks // min(int(4 * sqrt(size.tasks)), MAX_CHUNKS))
    if size.keeps_detail:
        most_for_count = max(by_count, 100) + size.points
        assert equity <= max(DETAIL_BYTES, most_for_count * size.dates * 32)


@given(st.integers(1, 16))
def test_a_tiny_run_has_a_chunk_for_each_task(tasks: int) -> None:
    assert len(grid_of(RunSize(1, tasks, DAILY))) == tasks
    assert len(grid_of(RunSize(tasks, 1, DAILY))) == tasks


@pytest.mark.parametrize(
    ("symbols", "points", "short", "detail", "expected"),
    [
        (3, 72, False, True, (6, 36)),
        (1, 600, False, True, (18, 34)),
        (100, 100, False, True, (100, 100)),
        (20, 5_000, False, False, (100, 1_000)),
        (40, 1_000, False, False, (4_000, 10)),
        (500, 72, False, False, (216, 167)),
        (500, 72, True, False, (1_008, 36)),
        (1, 10_000, True, False, (312, 33)),
        (100, 10_000, True, False, (1_000, 1_000)),
        (1_000, 10_000, False, False, (791, 12_643)),
        (500, 1_000, True, False, (10_000, 50)),
        (64, 300, True, False, (3_900, 5)),
        (5_000, 1_000, True, False, (10_000, 500)),
        (5_000, 1_000, False, True, (1_000, 5_000)),
    ],
)
def test_sizes_of_usual_runs(
    symbols: int, points: int, short: bool, detail: bool, expected: tuple[int, int]
) -> None:
    grid = grid_of(RunSize(symbols, points, DAILY, short, detail))
    assert (grid.size, len(grid)) == expected


@given(st.integers(1, 10_000_000), st.data())
def test_a_task_is_in_the_chunk_that_is_said_to_hold_it(tasks: int, data: st.DataObject) -> None:
    grid = ChunkGrid(tasks, data.draw(st.integers(1, tasks)))
    task = data.draw(st.integers(0, tasks - 1))
    assert task in grid[grid.chunk_of(task)]


@pytest.mark.parametrize("chunk", [-1, 3])
def test_a_chunk_that_is_not_there_is_an_index_error(chunk: int) -> None:
    with pytest.raises(IndexError, match="3 chunks"):
        ChunkGrid(3, 1)[chunk]
