"""Dealing out chunks: every task goes to one shard, and no shard has much more than another."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from backfleet.plan.chunk_grid import ChunkGrid
from backfleet.submission import ChunkRange
from backfleet.submissions.deal import MAX_UNEVENNESS, MIN_CUT_TASKS, deal_chunks

GRIDS = st.builds(ChunkGrid, st.integers(1, 300), st.integers(1, 40))


def tasks_of(part: ChunkRange, grid: ChunkGrid) -> range:
    assert part.first in grid[part.chunk]
    assert part.stop - 1 in grid[part.chunk]
    return range(part.first, part.stop)


@given(GRIDS, st.integers(1, 60), st.data())
def test_every_task_of_the_chunks_is_dealt_to_one_shard(
    grid: ChunkGrid, shards: int, data: st.DataObject
) -> None:
    chunks = sorted(data.draw(st.sets(st.integers(0, len(grid) - 1), min_size=1)))
    dealt = deal_chunks([(chunk, chunk % 3) for chunk in chunks], grid, shards)
    parts = [part for shard in dealt for part in shard]
    tasks = Counter(task for part in parts for task in tasks_of(part, grid))

    assert tasks == Counter(task for chunk in chunks for task in grid[chunk])
    assert all(part.generation == part.chunk % 3 for part in parts)
    assert all(dealt)
    assert len(dealt) <= shards


@given(GRIDS, st.integers(1, 60))
def test_more_shards_than_chunks_have_equal_numbers_of_tasks(grid: ChunkGrid, shards: int) -> None:
    chunks = [(chunk, 0) for chunk in range(len(grid))]
    dealt = deal_chunks(chunks, grid, shards)
    if len(grid) >= shards:
        assert all(tasks_of(part, grid) == grid[part.chunk] for shard in dealt for part in shard)
        return
    sizes = [sum(len(tasks_of(part, grid)) for part in shard) for shard in dealt]

    assert len(dealt) == min(shards, grid.tasks)
    assert max(sizes) - min(sizes) <= 1


def test_whole_chunks_are_dealt_in_turn() -> None:
    grid = ChunkGrid(10, 2)

    assert deal_chunks([(chunk, 0) for chunk in range(5)], grid, 2) == (
        (ChunkRange(0, 0, 0, 2), ChunkRange(2, 0, 4, 6), ChunkRange(4, 0, 8, 10)),
        (ChunkRange(1, 0, 2, 4), ChunkRange(3, 0, 6, 8)),
    )


def test_forty_chunks_of_long_tasks_are_enough_work_for_four_hundred_workers() -> None:
    grid = ChunkGrid(40_000, 1000)
    dealt = deal_chunks([(chunk, 0) for chunk in range(40)], grid, 400)

    assert {len(shard) for shard in dealt} == {1}
    assert {len(tasks_of(shard[0], grid)) for shard in dealt} == {100}


def test_a_few_large_chunks_are_cut_where_whole_ones_would_leave_workers_idle() -> None:
    grid = ChunkGrid(13 * MIN_CUT_TASKS, MIN_CUT_TASKS)
    dealt = deal_chunks([(chunk, 0) for chunk in range(13)], grid, 8)
    sizes = [sum(len(tasks_of(part, grid)) for part in shard) for shard in dealt]

    assert max(sizes) <= MAX_UNEVENNESS * grid.tasks / 8


def test_nothing_is_dealt_where_nothing_is_missing() -> None:
    assert deal_chunks([], ChunkGrid(10, 2), 4) == ()
