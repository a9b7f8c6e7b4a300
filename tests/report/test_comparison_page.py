"""Run comparison: tasks are paired, and differences are those of the store."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import backfleet as bf
from backfleet.errors import UserError
from backfleet.report.comparison_page import comparison_page
from backfleet.report.page import render_file

MakeJob = Callable[..., bf.Job]
RunJob = Callable[[bf.Job], bf.Run]
Parse = Callable[[str], Any]


@pytest.fixture(scope="module")
def wider(make_job: MakeJob, run_job: RunJob, tmp_path_factory: pytest.TempPathFactory) -> bf.Run:
    """As the run `sweep`, with other periods and more cash."""
    store = tmp_path_factory.mktemp("wider")
    broker = {"cash": 200_000, "commission": 0.0002}
    return run_job(make_job(store, params={"period": [15, 20, 25]}, broker=broker))


def test_tasks_are_paired_by_symbol_and_point(sweep: bf.Run, wider: bf.Run, parsed: Parse) -> None:
    page = parsed(render_file(comparison_page(sweep, wider)))
    pairs = zip(page.column("pairs", "symbol"), page.column("pairs", "period"), strict=True)
    assert sorted(pairs) == [("600519", 15), ("600519", 20), ("600559", 15), ("600559", 20)]


def test_differences_are_the_second_less_the_first(
    sweep: bf.Run, wider: bf.Run, parsed: Parse
) -> None:
    page = parsed(render_file(comparison_page(sweep, wider)))
    first, second = sweep.results().set_index("task"), wider.results().set_index("task")
    tasks = zip(page.column("pairs", "a_task"), page.column("pairs", "b_task"), strict=True)
    for at, (left, right) in enumerate(tasks):
        ours, theirs = first["total_return"][left], second["total_return"][right]
        assert page.column("pairs", "a_total_return")[at] == ours
        assert page.column("pairs", "b_total_return")[at] == theirs
        assert page.column("pairs", "d_total_return")[at] == theirs - ours


def test_what_the_runs_are_made_of_is_marked_where_it_differs(sweep: bf.Run, wider: bf.Run) -> None:
    html = render_file(comparison_page(sweep, wider))
    marked = re.findall(r'<th scope="row">([^<]+) <span class="differs">', html)
    assert marked == ["Cash", "Parameters"]


def test_a_fixed_parameter_that_differs_keeps_no_tasks_apart(
    make_job: MakeJob, run_job: RunJob, tmp_path: Path, parsed: Parse
) -> None:
    first, second = (run_job(make_job(tmp_path, params={"period": period})) for period in (10, 20))
    page = parsed(render_file(comparison_page(first, second)))
    assert page.column("pairs", "symbol") == ["600519", "600559"]
    assert "paired by symbol" in page.text


def test_a_parameter_that_varies_in_one_run_only_is_named(
    sweep: bf.Run, make_job: MakeJob, run_job: RunJob, tmp_path: Path
) -> None:
    params = {"fast": [5, 10], "slow": 30}
    other = run_job(make_job(tmp_path, strategy="dual-moving-average", params=params))
    with pytest.raises(UserError, match="varies fast, which the other run does not have"):
        comparison_page(other, sweep)


def test_runs_with_nothing_in_common_say_so(
    sweep: bf.Run, planned: Callable[..., bf.Run], parsed: Parse
) -> None:
    page = parsed(render_file(comparison_page(sweep, planned(params={"period": [90, 95]}))))
    assert "No task is in both runs" in page.text
    assert "B: 4 of 4 tasks have no result yet." in page.text
