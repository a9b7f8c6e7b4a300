"""The chunk grid: every task in one chunk, neither too many chunks nor too large ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfleet.plan.chunks import ChunkGrid

counts = st.integers(1, 20_000) | st.integers(1, 10_000_000)


@given(st.integers(1, 20_000))
def test_chunks_partition_the_tasks_in_their_order(tasks: int) -> None:
    grid = ChunkGrid(tasks)
    assert [task for chunk in range(len(grid)) for task in grid[chunk]] == list(range(tasks))


@given(counts)
def test_all_chunks_but_the_last_have_one_size(tasks: int) -> None:
    grid = ChunkGrid(tasks)
    assert all(len(grid[chunk]) == grid.size for chunk in {0, len(grid) // 2} - {len(grid) - 1})
    assert 1 <= len(grid[len(grid) - 1]) <= grid.size


@given(counts)
def test_there_are_never_more_than_4000_chunks(tasks: int) -> None:
    assert len(ChunkGrid(tasks)) <= 4000


@given(st.integers(32, 400_000))
def test_until_400_000_tasks_chunks_are_at_most_100_tasks_and_at_least_32(tasks: int) -> None:
    grid = ChunkGrid(tasks)
    assert grid.size <= 100
    assert len(grid) >= 32


@given(st.integers(32, 4_000_000))
def test_short_tasks_come_in_chunks_of_up_to_1000(tasks: int) -> None:
    grid = ChunkGrid(tasks, has_short_tasks=True)
    assert grid.size == min(tasks // 32, 1000)
    assert len(grid) >= 32


@given(st.integers(1, 63))
def test_a_small_run_has_a_chunk_for_each_task(tasks: int) -> None:
    assert len(ChunkGrid(tasks)) == tasks


@given(counts, st.data())
def test_a_task_is_in_the_chunk_that_is_said_to_hold_it(tasks: int, data: st.DataObject) -> None:
    grid = ChunkGrid(tasks)
    task = data.draw(st.integers(0, tasks - 1))
    assert task in grid[grid.chunk_of(task)]


@pytest.mark.parametrize("chunk", [-1, 3])
def test_a_chunk_that_is_not_there_is_an_index_error(chunk: int) -> None:
    with pytest.raises(IndexError, match="3 chunks"):
        ChunkGrid(3)[chunk]
