"""Which shard a worker of an array runs, where the array does not hold them all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfleet.errors import JobError
from backfleet.worker.env_vars import INDEX_VARIABLES, SHARDS
from backfleet.worker.ranges import format_ranges, parse_ranges
from backfleet.worker.shard import shard_of_array


@given(st.sets(st.integers(0, 10_000), min_size=1))
def test_ranges_hold_the_numbers_they_were_made_of(numbers: set[int]) -> None:
    text = format_ranges(sorted(numbers))

    assert [number for number_range in parse_ranges(text) for number in number_range] == sorted(
        numbers
    )


def test_neighbors_make_one_range() -> None:
    assert format_ranges([0, 1, 2, 5, 7, 8]) == "0-2,5,7-8"


def test_a_worker_counts_along_the_shards_of_its_array(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(INDEX_VARIABLES[0], "3")
    monkeypatch.setenv(SHARDS, "0-2,10000-19999")

    assert shard_of_array() == 10_000


@pytest.mark.parametrize("ranges", ["0-2", "a", "", "5-"])
def test_an_index_beyond_the_array_is_refused(monkeypatch: pytest.MonkeyPatch, ranges: str) -> None:
    monkeypatch.setenv(INDEX_VARIABLES[0], "3")
    monkeypatch.setenv(SHARDS, ranges)

    with pytest.raises(JobError, match=f"{SHARDS}='{ranges}' has no worker 3"):
        shard_of_array()
