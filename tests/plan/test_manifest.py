"""The manifest: read back as it was written, or refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfleet.chunks.date_sums import KeptReturns
from backfleet.errors import CorruptObject
from backfleet.job import Sweep, plan_points
from backfleet.job.parameter import Parameter
from backfleet.plan.manifest import Manifest, PlannedSymbol
from backfleet.store.records import canonical_digest
from identities import make_identity
from stored_records import sealed

Planner = Callable[..., Manifest]

FAST, SLOW = Parameter.of("fast", 1), Parameter.of("slow", 1)


def no_blob(digest: str) -> bytes:
    raise AssertionError(f"blob {digest} was asked for")


def small(
    symbols: int, fast: int, slow: int, universe: Literal["each", "portfolio"] = "each"
) -> Manifest:
    """A manifest of so many symbols and values of two parameters."""
    points = plan_points(
        {"fast": list(range(fast)), "slow": list(range(slow))}, [FAST, SLOW], Sweep(), 0
    )
    return Manifest(
        name="small",
        created="2024-01-01T00:00:00+00:00",
        identity=make_identity(points, universe),
        parameters=[FAST, SLOW],
        symbols=[
            PlannedSymbol(f"S{i}", "", 1, "2024-01-02", "2024-01-02", 252.0) for i in range(symbols)
        ],
        points=points,
        chunk_size=1,
    )


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9))
def test_tasks_go_through_all_points_of_a_symbol_before_the_next(
    symbols: int, fast: int, slow: int
) -> None:
    manifest = small(symbols, fast, slow)
    tasks = [manifest.task(i) for i in range(manifest.tasks)]
    assert [(task.name, task.params) for task in tasks] == [
        (f"S{symbol}", {"fast": first, "slow": second})
        for symbol in range(symbols)
        for first in range(fast)
        for second in range(slow)
    ]
    assert [task.index for task in tasks] == list(range(symbols * fast * slow))


def test_a_portfolio_is_a_task_for_each_point_with_all_symbols() -> None:
    manifest = small(3, 2, 2, "portfolio")
    tasks = [manifest.task(i) for i in range(manifest.tasks)]
    assert [task.params for task in tasks] == list(manifest.points)
    for task in tasks:
        assert task.name == "portfolio"
        assert [symbol.name for symbol in task.symbols] == ["S0", "S1", "S2"]


@pytest.mark.parametrize("index", [-1, 8])
def test_a_task_that_is_not_there_is_an_index_error(index: int) -> None:
    with pytest.raises(IndexError, match="tasks 0 to 7"):
        small(2, 2, 2).task(index)


def test_a_run_of_one_task_has_only_task_0() -> None:
    with pytest.raises(IndexError, match="the run has only task 0, no task 1"):
        small(1, 1, 1).task(1)


def test_a_manifest_is_read_back_as_it_was_written(plan: Planner) -> None:
    written = plan("data.start=2019-06-03", params=("period=5:20:5",))
    read = Manifest.from_bytes(written.to_bytes(), no_blob)
    assert read.run_id == written.run_id
    assert read.to_bytes() == written.to_bytes()
    assert (read.window, read.broker, read.engine) == (
        written.window,
        written.broker,
        written.engine,
    )
    assert [read.task(i) for i in range(12)] == [written.task(i) for i in range(12)]


@given(st.recursive(st.integers() | st.text() | st.floats(allow_nan=False), st.lists, max_leaves=5))
def test_a_digest_follows_from_the_content_and_not_from_the_order_of_keys(value: object) -> None:
    one, other = {"a": value, "b": 1}, {"b": 1, "a": value}
    digest = canonical_digest(one)
    assert digest == canonical_digest(other) == canonical_digest(json.loads(json.dumps(one)))
    assert digest != canonical_digest({"a": [value], "b": 1})


def set_to(*path: Any, value: object) -> Callable[[dict[str, Any]], None]:
    def alter(content: dict[str, Any]) -> None:
        for key in path[:-1]:
            content = content[key]
        content[path[-1]] = value

    return alter


@pytest.mark.parametrize(
    "alter",
    [
        set_to("identity", "seed", value=7),
        set_to("identity", "broker", "cash", value=1.0),
        set_to("symbols", 0, "name", value="600000"),
        set_to("symbols", 0, "sessions_per_year", value=1.0),
        set_to("identity", "points", "kind", value="none"),
        set_to("parameters", 0, "kind", value="float"),
        set_to("run_id", value="0" * 16),
        set_to("tasks", value=1),
        lambda content: content["symbols"].reverse(),
        lambda content: content.pop("symbols"),
        lambda content: content.pop("checksum"),
        lambda content: content.pop("format"),
    ],
)
def test_an_altered_manifest_is_refused(
    plan: Planner, alter: Callable[[dict[str, Any]], object]
) -> None:
    content = json.loads(plan().to_bytes())
    alter(content)
    with pytest.raises(CorruptObject):
        Manifest.from_bytes(json.dumps(content).encode(), no_blob)


@pytest.mark.parametrize(
    "alter",
    [
        set_to("identity", "seed", value=7),
        set_to("identity", "seed", value=True),
        set_to("identity", "data", "warmup", value="none"),
        set_to("identity", "points", value={}),
        set_to("identity", value=[]),
        set_to("run_id", value="0" * 16),
        set_to("tasks", value=1),
        set_to("surprise", value=1),
        set_to("chunk_size", value=0),
        set_to("chunk_size", value=10**9),
        set_to("chunk_size", value="1"),
        set_to("kept_returns", value="some"),
        lambda content: content.pop("symbols"),
    ],
)
def test_an_odd_manifest_is_refused_though_its_checksum_fits(
    plan: Planner, alter: Callable[[dict[str, Any]], object]
) -> None:
    content = json.loads(plan().to_bytes())
    alter(content)
    with pytest.raises(CorruptObject):
        Manifest.from_bytes(sealed(content), no_blob)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"3", b"null", b'"text"', b"\xff\xfe"])
def test_what_is_no_manifest_is_refused(content: bytes) -> None:
    with pytest.raises(CorruptObject, match="the record"):
        Manifest.from_bytes(content, no_blob)


def test_sums_of_returns_over_parts_of_symbols_are_refused() -> None:
    manifest = replace(small(2, 10, 6), kept_returns=KeptReturns.SUMS)
    with pytest.raises(CorruptObject, match="chunks without whole symbols"):
        Manifest.from_bytes(manifest.to_bytes(), no_blob)


def test_more_chunks_than_any_planner_makes_are_refused() -> None:
    manifest = small(1, 101, 200)
    with pytest.raises(CorruptObject, match=r"cuts 20200 tasks into chunks of 1$"):
        Manifest.from_bytes(manifest.to_bytes(), no_blob)
    assert len(Manifest.from_bytes(replace(manifest, chunk_size=2).to_bytes(), no_blob).chunks)


@given(st.data())
def test_a_truncated_manifest_is_refused(data: st.DataObject) -> None:
    content = small(2, 2, 2).to_bytes()
    length = data.draw(st.integers(0, len(content) - 1))
    with pytest.raises(CorruptObject):
        Manifest.from_bytes(content[:length], no_blob)


def test_a_manifest_of_another_schema_says_which_backfleet_reads_it(plan: Planner) -> None:
    content = json.loads(plan().to_bytes()) | {"format": "manifest/99"}
    with pytest.raises(CorruptObject, match=r"'manifest/99', written by 'backfleet .*use the v"):
        Manifest.from_bytes(sealed(content), no_blob)


def test_the_name_and_the_day_are_no_part_of_the_id(plan: Planner) -> None:
    manifest = plan()
    assert replace(manifest, name="other", created="2000-01-01").run_id == manifest.run_id
