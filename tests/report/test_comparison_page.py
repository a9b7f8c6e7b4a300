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
from sample_job import job_of

SOURCE = """
import backtrader as bt


class Mine(bt.Strategy):
    def next(self):
        if len(self) == 3:
            self.buy(size={size})
"""

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


def test_tasks_are_counted_as_better_worse_and_equal(
    sweep: bf.Run, wider: bf.Run, parsed: Parse
) -> None:
    page = parsed(render_file(comparison_page(sweep, wider, "total_return")))
    steps = [second - first for first, second in _paired(sweep, wider, "total_return")]
    better, worse = sum(step > 0 for step in steps), sum(step < 0 for step in steps)
    assert f"{better} {worse} worse, {4 - better - worse} equal" in page.text
    assert page.column("symbols", "symbol") == ["600519", "600559"]
    assert sum(page.column("symbols", "better")) == better
    assert sum(page.column("symbols", "worse")) == worse
    assert page.column("symbols", "difference") == [
        pytest.approx(sum(steps[:2]) / 2),
        pytest.approx(sum(steps[2:]) / 2),
    ]


def test_changed_tasks_come_first_and_by_the_size_of_their_difference(
    sweep: bf.Run, wider: bf.Run, parsed: Parse
) -> None:
    page = parsed(render_file(comparison_page(sweep, wider, "total_return")))
    (table,) = (
        attributes for _, attributes in page.elements if attributes.get("data-table") == "pairs"
    )
    assert table["data-filter"] == "changed = yes"
    assert page.column("pairs", "changed") == ["yes"] * 4
    sizes = [abs(step) for step in page.column("pairs", "d_total_return")]
    assert sizes == page.column("pairs", "size") == sorted(sizes, reverse=True)
    same = parsed(render_file(comparison_page(sweep, sweep)))
    assert same.column("pairs", "changed") == ["no"] * 8
    assert "all are equal" in same.text


def test_the_histogram_counts_every_difference(sweep: bf.Run, wider: bf.Run) -> None:
    traces = comparison_page(sweep, wider, "total_return").figures["differences"].data
    assert sum(len(trace.x) for trace in traces) == 4
    assert "differences" not in comparison_page(sweep, sweep).figures


def test_the_difference_of_setup_and_source_is_shown(
    sweep: bf.Run, wider: bf.Run, tmp_path: Path, parsed: Parse
) -> None:
    assert "-broker.cash = 100000.0 +broker.cash = 200000.0" in _diff(sweep, wider, parsed)
    runs = []
    for size in (1, 2):
        folder = tmp_path / f"code-{size}"
        folder.mkdir()
        (folder / "mine.py").write_text(SOURCE.format(size=size))
        strategy = f"{folder}/mine.py:Mine"
        runs.append(bf.run(job_of(tmp_path / "runs", strategy=strategy, params={}), progress=None))
    diff = _diff(runs[0], runs[1], parsed)
    assert "- self.buy(size=1) + self.buy(size=2)" in diff
    assert "Differences of setup" not in parsed(render_file(comparison_page(sweep, sweep))).text


def _diff(first: bf.Run, second: bf.Run, parsed: Parse) -> str:
    text: str = parsed(render_file(comparison_page(first, second))).text
    return text.partition("Differences of setup and source")[2]


def _paired(first: bf.Run, second: bf.Run, metric: str) -> list[tuple[float, float]]:
    """Return the values of the tasks of both, by symbol and period."""
    keys = ["symbol", "period"]
    left, right = (run.results().set_index(keys)[metric] for run in (first, second))
    both = left.to_frame("a").join(right.rename("b"), how="inner").sort_index()
    return list(zip(both["a"], both["b"], strict=True))


def test_what_the_runs_are_made_of_is_marked_where_it_differs(sweep: bf.Run, wider: bf.Run) -> None:
    html = render_file(comparison_page(sweep, wider))
    marked = re.findall(r'<th scope="row">([^<]+) <span class="differs">', html)
    assert marked == ["Cash", "Parameters"]


def test_facts_that_only_one_of_the_runs_has_are_shown(
    sweep: bf.Run, planned: Callable[..., bf.Run]
) -> None:
    other = planned(market={"rules": "cn-a"})
    for runs in ((sweep, other), (other, sweep)):
        facts = {
            label: tuple(sides) for label, *sides, _ in comparison_page(*runs).context["facts"]
        }
        sides = facts["Market"] if runs[0] is other else facts["Market"][::-1]
        assert sides[0].startswith("cn-a")
        assert sides[1] == "–"


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
