"""Points are the filtered product of the axes or a table's rows, in one canonical form."""

from __future__ import annotations

import io
import itertools
import json
import random
import subprocess
import sys
import tracemalloc
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfleet.errors import CorruptObject, JobError
from backfleet.job import Parameter, Points, Sweep, plan_points, points_from_json

FAST, SLOW = Parameter.of("fast", 5), Parameter.of("slow", 20)
RATE, MODE = Parameter.of("rate", 0.5), Parameter.of("mode", "a")
LEVEL, LENGTHS = Parameter.of("level", None), Parameter.of("lengths", [1, 2])
INDICATOR = Parameter.of("indicator", print)
PARAMETERS = (FAST, SLOW, RATE, MODE)

Filter = tuple[str, Any]
FILTERS: Sequence[Filter] = [
    ("fast < slow", lambda p: p["fast"] < p["slow"]),
    ("slow % fast == 0 and mode != 'b'", lambda p: p["slow"] % p["fast"] == 0 and p["mode"] != "b"),
    (
        "fast * rate >= 2 or mode in ('c',)",
        lambda p: p["fast"] * p["rate"] >= 2 or p["mode"] == "c",
    ),
]
axes = st.fixed_dictionaries(
    {},
    optional={
        "fast": st.lists(st.integers(1, 30), min_size=1, max_size=6, unique=True),
        "slow": st.lists(st.integers(1, 30), min_size=1, max_size=6, unique=True),
        "rate": st.lists(st.sampled_from([0.1, 0.25, 1.0, 2.5]), min_size=1, unique=True),
        "mode": st.lists(st.sampled_from("abc"), min_size=1, unique=True),
    },
)


def plan(
    params: Mapping[str, Any] | None = None,
    parameters: Sequence[Parameter] = PARAMETERS,
    *,
    seed: int = 0,
    table: bytes | None = None,
    **sweep: Any,
) -> Points:
    if table is not None:
        sweep["points"] = "points.parquet"
    return plan_points(params or {}, parameters, Sweep(**sweep), seed, table)


def product(params: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Every combination, the slow and obvious way."""
    values = [params.get(parameter.name, [parameter.default]) for parameter in PARAMETERS]
    names = [parameter.name for parameter in PARAMETERS]
    return [
        dict(zip(names, combination, strict=True)) for combination in itertools.product(*values)
    ]


def again(points: Points) -> Points:
    """What another process reads back."""
    return points_from_json(json.loads(json.dumps(points.to_json())), points.table())


def canonical(points: Points) -> str:
    return json.dumps(points.to_json(), sort_keys=True)


def parquet(**columns: Any) -> bytes:
    content = io.BytesIO()
    pd.DataFrame(columns).to_parquet(content, index=False)
    return content.getvalue()


# Grids


@given(axes)
def test_a_grid_is_the_product_in_declared_order_the_last_fastest(params: dict[str, Any]) -> None:
    points = plan(params)
    assert list(points) == product(params)
    assert len(points) == len(product(params))
    assert points.names == ("fast", "slow", "rate", "mode")


@given(axes, st.sampled_from(FILTERS))
def test_where_keeps_the_points_for_which_it_holds(params: dict[str, Any], chosen: Filter) -> None:
    text, holds = chosen
    expected = [point for point in product(params) if holds(point)]
    if not expected:
        with pytest.raises(JobError, match=r"sweep\.where = .* is true for no point"):
            plan(params, where=text)
        return
    points = plan(params, where=text)
    assert list(points) == expected
    assert list(again(points)) == expected


@given(axes, st.integers(1, 40), st.integers(0, 5))
def test_a_sample_is_drawn_by_the_seed_and_keeps_the_order(
    params: dict[str, Any], sample: int, seed: int
) -> None:
    everything = product(params)
    points = plan(params, sample=sample, seed=seed)
    drawn = random.Random(seed).sample(range(len(everything)), min(sample, len(everything)))
    assert list(points) == [everything[i] for i in sorted(drawn)]
    assert list(again(points)) == list(points)


def test_a_sample_is_drawn_from_what_where_leaves() -> None:
    spec = {"start": 1, "stop": 100, "step": 1}
    points = plan({"fast": spec, "slow": spec}, where="fast < slow", sample=50, seed=3)
    assert len(points) == 50
    assert all(point["fast"] < point["slow"] for point in points)
    other = plan({"fast": spec, "slow": spec}, where="fast < slow", sample=50, seed=4)
    assert list(points) != list(other)


def test_no_parameters_make_one_empty_point() -> None:
    assert list(plan({}, ())) == [{}]


def test_a_default_that_is_no_json_is_left_out_until_it_is_set() -> None:
    assert plan({}, (FAST, INDICATOR)).names == ("fast",)
    assert plan({"indicator": "ema"}, (FAST, INDICATOR))[0] == {"fast": 5, "indicator": "ema"}


def test_values_are_plain_python_and_each_point_has_its_own() -> None:
    points = plan({"lengths": {"value": [3, [4]]}}, (FAST, RATE, MODE, LEVEL, LENGTHS))
    first = points[0]
    assert first == {"fast": 5, "rate": 0.5, "mode": "a", "level": None, "lengths": [3, [4]]}
    assert [type(value) for value in first.values()] == [int, float, str, type(None), list]
    assert isinstance(first["lengths"], list)
    first["lengths"][1].append(5)
    assert points[0]["lengths"] == [3, [4]]


def test_a_point_beyond_the_last_is_an_index_error() -> None:
    points = plan({"fast": [1, 2]})
    assert points[-1] == points[1]
    with pytest.raises(IndexError):
        points[2]


def test_a_column_holds_what_the_points_hold() -> None:
    params = {"fast": [1, 2, 3], "mode": ["a", "b"], "rate": [0.1, 0.2]}
    points = plan(params, where="fast != 2")
    indices = np.array([0, 3, 5, 5])
    for name, dtype in {"fast": np.int64, "rate": np.float64, "mode": object}.items():
        column = points.column(name, indices)
        assert column.dtype == dtype
        assert column.tolist() == [points[i][name] for i in indices]


@pytest.mark.parametrize(
    "written",
    [
        {"fast": [5, 10, 15], "rate": 0.5},
        {"rate": [0.5], "fast": {"start": 5, "stop": 15, "step": 5}},
        {"fast": {"start": 5.0, "stop": 17, "step": 5}, "slow": 20},
        {"fast": {"low": 5, "high": 15, "count": 3}, "mode": {"value": "a"}},
    ],
)
def test_the_same_values_written_differently_are_the_same_json(written: dict[str, Any]) -> None:
    assert canonical(plan(written)) == canonical(plan({"fast": [5, 10, 15]}))


def test_what_narrows_nothing_leaves_no_mark_on_the_json() -> None:
    plain = canonical(plan({"fast": [1, 2]}))
    assert canonical(plan({"fast": [1, 2]}, sample=5, seed=9)) == plain
    assert canonical(plan({"fast": [1, 2]}, where="fast < slow")) == plain


def test_other_points_are_another_json() -> None:
    fast = {"fast": [1, 2, 3]}
    planned = [
        plan(fast),
        plan({"fast": [1, 3, 2]}),
        plan(fast | {"rate": 0.6}),
        plan(fast, where="fast < 3"),
        plan(fast, where="fast > 1"),
        plan(fast, sample=2, seed=1),
        plan(fast, sample=2, seed=2),
    ]
    assert len({canonical(points) for points in planned}) == len(planned)


@given(axes)
def test_points_survive_json(params: dict[str, Any]) -> None:
    points = plan(params)
    assert list(again(points)) == list(points)
    assert canonical(again(points)) == canonical(points)


def test_a_plan_that_keeps_other_points_on_reading_is_corrupt() -> None:
    data = plan({"fast": [1, 2, 3]}, where="fast < 3").to_json()
    with pytest.raises(CorruptObject, match="other points"):
        points_from_json(data | {"where": "fast < 2"})
    with pytest.raises(CorruptObject, match="cannot be read"):
        points_from_json(data | {"where": "fast <"})
    axes = [["fast", list(range(2000))], ["slow", list(range(1000))]]
    with pytest.raises(CorruptObject, match="at most 1,000,000 are drawn"):
        points_from_json({"kind": "grid", "axes": axes, "sample": 1_999_999})
    with pytest.raises(CorruptObject, match="unknown kind"):
        points_from_json({"kind": "cloud"})


def test_a_million_points_take_little_memory() -> None:
    spec = {"start": 1, "stop": 1000, "step": 1}
    tracemalloc.start()
    points = plan({"fast": spec, "slow": spec}, where="fast != slow")
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(points) == 999_000
    assert held < 10e6
    assert peak < 40e6
    assert points[999_000 - 1] == {"fast": 1000, "slow": 999, "rate": 0.5, "mode": "a"}


def test_a_grid_beyond_the_cap_is_refused_with_its_factors() -> None:
    spec = {"start": 1, "stop": 20_000, "step": 1}
    with pytest.raises(JobError, match=r"400,000,000 points \(fast 20,000 x slow 20,000\)"):
        plan({"fast": spec, "slow": spec})


def test_a_condition_that_selects_too_many_points_is_reported() -> None:
    axis = {"start": 1, "stop": 5_000, "step": 1}
    parameters = [Parameter.of(name, 1) for name in ("fast", "slow")]
    params = {"fast": axis, "slow": axis}
    everything = plan_points(params, parameters, Sweep(where="fast > 0"), 0)
    assert len(everything) == 25_000_000
    with pytest.raises(JobError, match=r"selects 24,995,000 of 25,000,000 points; at most 20,0"):
        plan_points(params, parameters, Sweep(where="fast != 7"), 0)


def test_every_wrong_parameter_is_reported_in_a_line() -> None:
    with pytest.raises(JobError) as caught:
        plan(
            {"fsat": 5, "slow": 5.5, "mode": 5}, (*PARAMETERS, Parameter("cap", "int", None, False))
        )
    lines = str(caught.value).split("\n")
    assert lines[0] == "params.fsat: the strategy has no such parameter; did you mean 'fast'?"
    assert [line.split(" ")[0] for line in lines[1:]] == [
        "params.slow",
        "params.mode",
        "params.cap:",
    ]
    assert "has no default; set it" in lines[3]


# Tables


def test_a_table_gives_the_points_with_types_coerced_and_the_rest_filled_in() -> None:
    table = parquet(mode=["a", "b"], fast=[1.0, 2.0], rate=[1, 2])
    points = plan({"slow": 30}, table=table)
    assert list(points) == [
        {"fast": 1, "slow": 30, "rate": 1.0, "mode": "a"},
        {"fast": 2, "slow": 30, "rate": 2.0, "mode": "b"},
    ]
    assert [type(value) for value in points[0].values()] == [int, int, float, str]


def test_a_table_of_every_type_survives_being_stored() -> None:
    parameters = (*PARAMETERS, LEVEL, LENGTHS, Parameter.of("on", False))
    table = parquet(
        on=[True, False, True],
        lengths=[[1, 2], [3, 4], [5, 6]],
        level=[None, "x", "y"],
        mode=["ä", "", "a"],
        rate=[0.1, -0.0, 1e-300],
        fast=[1, -5, 2**62],
    )
    points = plan({}, parameters, table=table)
    assert points[1]["lengths"] == [3, 4]
    assert points[0]["level"] is None
    assert list(again(points)) == list(points)
    assert canonical(again(points)) == canonical(points)


def test_a_table_longer_than_one_row_group_is_read_in_order() -> None:
    content = io.BytesIO()
    fast = np.random.default_rng(0).integers(1, 100, 5_000)
    pd.DataFrame({"fast": fast}).to_parquet(content, index=False, row_group_size=700)
    points = plan(table=content.getvalue())
    assert points.column("fast", np.arange(5_000)).tolist() == fast.tolist()


def test_the_same_points_in_another_file_are_the_same_json() -> None:
    one = plan({"slow": 30}, table=parquet(fast=[1, 2], mode=["a", "b"]))
    other = plan(table=parquet(mode=["a", "b"], slow=np.array([30, 30], "i2"), fast=[1.0, 2.0]))
    assert canonical(one) == canonical(other)
    assert one.to_json()["count"] == 2
    swapped = plan({"slow": 30}, table=parquet(fast=[2, 1], mode=["b", "a"]))
    assert canonical(swapped) != canonical(one)


def test_where_and_sample_narrow_a_table_too() -> None:
    points = plan(table=parquet(fast=[1, 30, 2, 3]), where="fast < slow")
    assert [point["fast"] for point in points] == [1, 2, 3]
    assert canonical(points) == canonical(plan(table=parquet(fast=[1, 2, 3])))
    assert len(plan(table=parquet(fast=[1, 30, 2, 3]), sample=2)) == 2


@pytest.mark.parametrize(
    ("params", "table", "message"),
    [
        ({}, b"no parquet", r"sweep\.points: cannot be read as Parquet"),
        ({}, b"", r"sweep\.points: cannot be read as Parquet"),
        ({}, parquet(fast=[]), "has no points"),
        ({}, parquet(fsat=[1]), "column 'fsat' is no parameter; did you mean 'fast'"),
        ({}, parquet(fast=[1, 2.5]), r"sweep\.points, column fast, row 1 = 2\.5: .* whole"),
        ({}, parquet(fast=[1, None]), r"column fast, row 1 = "),
        ({}, parquet(rate=[1.0, np.inf]), r"column rate, row 1 = Infinity: .* finite"),
        ({}, parquet(mode=["a", None]), r"column mode, row 1 = null"),
        ({}, parquet(mode=[1]), r"column mode, row 0 = 1: must be text"),
        ({"fast": 5}, parquet(fast=[1]), r"params\.fast: is also a column"),
        ({"fast": [5, 6]}, parquet(slow=[1]), r"params\.fast: has 2 values"),
        ({"fats": 5}, parquet(slow=[1]), r"params\.fats: .*'fast'"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(
    params: dict[str, Any], table: bytes, message: str
) -> None:
    with pytest.raises(JobError, match=message):
        plan(params, table=table)


def test_a_stored_table_that_was_altered_or_lost_is_corrupt() -> None:
    points = plan(table=parquet(fast=[1, 2]))
    other = plan(table=parquet(fast=[1, 3]))
    with pytest.raises(CorruptObject, match="altered"):
        points_from_json(points.to_json(), other.table())
    with pytest.raises(CorruptObject, match="missing"):
        points_from_json(points.to_json())
    with pytest.raises(CorruptObject, match="cannot be read"):
        points_from_json(points.to_json(), b"no parquet")


def test_tables_are_read_and_stored_without_pandas() -> None:
    script = """
import sys
from backfleet.job import Parameter, Sweep, plan_points, points_from_json
parameters = [Parameter.of("fast", 5), Parameter.of("mode", "a"), Parameter.of("on", True)]
assert "pyarrow" not in sys.modules
table = sys.stdin.buffer.read()
points = plan_points({}, parameters, Sweep(points="p.parquet", where="fast > 1"), 0, table)
assert len(points_from_json(points.to_json(), points.table())) == 2
assert "pandas" not in sys.modules
"""
    table = parquet(fast=[1, 2, 3], mode=["a", "b", "c"], on=[True, False, True])
    subprocess.run([sys.executable, "-c", script], input=table, check=True)
