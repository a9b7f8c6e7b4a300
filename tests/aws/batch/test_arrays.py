"""Shards go into as few jobs as AWS Batch takes them in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfleet.worker.ranges import parse_ranges
from backfleet_executors.aws.batch.arrays import ShardArray, parse_name, split_shards


def shards_of(text: str) -> list[int]:
    return [shard for shard_range in parse_ranges(text) for shard in shard_range]


def test_ten_thousand_shards_are_one_array_and_one_more_are_two() -> None:
    assert list(split_shards(range(10_000))) == ["0-9999"]
    assert list(split_shards(range(10_001))) == ["0-9999", "10000"]


@given(st.sets(st.integers(0, 50_000), max_size=12_000))
def test_every_shard_is_in_one_array_that_names_it_briefly(shards: set[int]) -> None:
    arrays = list(split_shards(sorted(shards)))

    assert [shard for array in arrays for shard in shards_of(array)] == sorted(shards)
    assert all(len(array) <= 4000 and len(shards_of(array)) <= 10_000 for array in arrays)


def test_a_name_leads_back_to_run_and_submission() -> None:
    array = ShardArray("0123456789abcdef", 3, "5,7-9", "queue")

    assert array.name == "backfleet-0123456789abcdef-3-5-9"
    assert parse_name(array.name) == ("0123456789abcdef", 3)
    assert parse_name("nightly-report-3-5-9") is None


def test_the_child_of_a_shard_counts_along_the_ranges() -> None:
    array = ShardArray("ab", 1, "5,7-9", "queue", "the-job")
    single = ShardArray("ab", 1, "5", "queue", "the-job")

    assert [array.child(shard) for shard in (5, 7, 9)] == ["the-job:0", "the-job:1", "the-job:3"]
    assert single.child(5) == "the-job"
    with pytest.raises(ValueError, match="6"):
        array.child(6)
