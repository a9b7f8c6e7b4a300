"""The report of a run: its numbers are the store's, and it says what is missing."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import backfleet as bf
import backfleet.report.sweep_rows as sweep_rows
import backfleet.results.compact as compacting
import backfleet.results.large_rows as large_rows
import backfleet.results.partitions as partitioning
import backfleet.results.read as reading
from backfleet.errors import UserError
from backfleet.metrics import Metrics
from backfleet.report.figures.sweep import parameter_map
from backfleet.report.figures.theme import add_signed_histogram, blank
from backfleet.report.page import render_file
from backfleet.report.sweep_page import sweep_page

Parse = Callable[[str], Any]
MakeJob = Callable[..., bf.Job]
RunJob = Callable[[bf.Job], bf.Run]

FAILS = """
import backtrader as bt


class Fails(bt.Strategy):
    params = (("k", 1),)

    def next(self):
        raise IndexError("no bar for you")
"""


@pytest.fixture(scope="module")
def html(sweep: bf.Run) -> str:
    return render_file(sweep_page(sweep))


def test_every_number_of_the_store_is_in_the_page_to_the_last_bit(
    html: str, parsed: Parse, sweep: bf.Run
) -> None:
    page = parsed(html)
    rows = sweep.results()
    assert page.blocks["data-leaderboard"]["rows"] == len(rows) == 8
    for name in rows:
        expected = [None if value != value else value for value in rows[name]]
        assert page.column("leaderboard", name) == expected, name


def test_the_page_asks_no_network_and_runs_only_its_own_scripts(html: str, parsed: Parse) -> None:
    page = parsed(html)
    for _, attributes in page.elements:
        assert not attributes.get("src")
        href = attributes.get("href")
        assert href is None or href.startswith("#") or href == "data:,"
    (policy,) = (
        attributes["content"]
        for _, attributes in page.elements
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe-eval" not in policy
    allowed = set(re.findall(r"'sha256-([^']+)'", policy))
    hashes = {
        base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        for script in page.scripts
    }
    assert hashes == allowed


def test_equal_runs_make_equal_pages(html: str, sweep: bf.Run) -> None:
    assert render_file(sweep_page(bf.open_run(sweep.url))) == html


def test_every_metric_has_its_formula(html: str, parsed: Parse) -> None:
    page = parsed(html)
    columns = {column["name"]: column for column in page.blocks["data-leaderboard"]["columns"]}
    for name in Metrics._fields:
        assert columns[name]["tip"], name
    assert "(mean(r) - f / p) / s * sqrt(p)" in columns["sharpe"]["tip"]
    assert "(mean(r) - f / p) / s * sqrt(p)" in page.text


def test_the_leader_and_the_counts_are_in_the_key_figures(
    html: str, parsed: Parse, sweep: bf.Run
) -> None:
    text = parsed(html).text
    best = sweep.results().sort_values("sharpe").iloc[-1]
    assert (
        f"Best Sharpe {best['sharpe']:.3f} {best['symbol']}, period {best['period']}; with" in text
    )
    assert "Tasks 8 " in text


def test_an_unknown_metric_is_refused_before_the_verdict(
    sweep: bf.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backfleet.report.sweep_page.verdict_section", pytest.fail)
    with pytest.raises(UserError, match="did you mean 'sharpe'"):
        sweep_page(sweep, "sharp")


def test_a_run_is_ranked_by_the_metric_that_is_asked_for(parsed: Parse, sweep: bf.Run) -> None:
    page = parsed(render_file(sweep_page(sweep, "volatility")))
    rows = sweep.results()
    least = rows[rows["trades"] >= 10]["volatility"].min()
    assert f"Best Volatility {least:.2%}" in page.text
    table = next(
        attributes
        for _, attributes in page.elements
        if attributes.get("data-table") == "leaderboard"
    )
    assert (table["data-sort"], table["data-down"]) == ("volatility", "false")


def test_a_metric_that_is_not_there_is_refused_with_the_nearest_one(sweep: bf.Run) -> None:
    with pytest.raises(UserError, match=r"ranked by 'sharp': .* did you mean 'sharpe'\?"):
        sweep_page(sweep, "sharp")
    with pytest.raises(UserError, match="cannot be ranked by 'symbol'"):
        sweep_page(sweep, "symbol")


def test_a_sweep_has_all_its_figures(sweep: bf.Run) -> None:
    page = sweep_page(sweep)
    rows = {"parameter-map", "sensitivity-0", "spread", "fan"}
    assert set(page.figures) == rows | {"luck", "intervals"}


def test_the_map_holds_the_mean_of_each_cell(sweep: bf.Run) -> None:
    figure = sweep_page(sweep).figures["parameter-map"].data[0]
    rows = sweep.results()
    cell = rows[(rows["period"] == 15) & (rows["symbol"] == "600519")]["sharpe"].mean()
    x, y = list(figure.x).index("15"), list(figure.y).index("600519")
    assert figure.z[y][x] == cell


def test_colors_of_the_map_diverge_from_zero_if_there_are_both_signs() -> None:
    rows = pd.DataFrame({"symbol": ["a", "b"], "k": [1, 1], "sharpe": [-0.5, 2.0]})
    (trace,) = parameter_map(rows, "k", "symbol", "sharpe").data
    assert (trace.zmin, trace.zmid, trace.zmax) == (-2.0, 0.0, 2.0)
    (trace,) = parameter_map(rows.assign(sharpe=[0.5, 2.0]), "k", "symbol", "sharpe").data
    assert (trace.zmin, trace.zmid, trace.zmax) == (0.5, None, 2.0)


@pytest.mark.parametrize(("count", "ticks"), [(3, 1), (90, None)])
def test_small_counts_have_whole_ticks(count: int, ticks: int | None) -> None:
    figure = blank()
    values = pd.Series([-1.0, *[0.5] * count])
    add_signed_histogram(figure, values, ("loss", "profit"), ("red", "green"))
    assert figure.layout.yaxis.dtick == ticks


@pytest.mark.parametrize("axes", [("k", "symbol"), ("symbol", "k")])
def test_a_map_of_many_symbols_keeps_the_best_and_the_worst(axes: tuple[str, str]) -> None:
    symbols = [f"s{number:02}" for number in range(70)]
    rows = pd.DataFrame({"symbol": symbols, "k": 1, "sharpe": [float(n) for n in range(70)]})
    (trace,) = parameter_map(rows, *axes, "sharpe").data
    shown = trace.y if axes[1] == "symbol" else trace.x
    assert list(shown) == [*symbols[:30], *symbols[-30:]]


def test_a_large_run_shows_its_best_tasks_with_all_columns(
    sweep: bf.Run, parsed: Parse, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = sweep_page(sweep, "total_return")
    monkeypatch.setattr(sweep_rows, "MAX_ROWS", 7)
    monkeypatch.setattr(sweep_rows, "CUT_ROWS", 3)
    cut = sweep_page(sweep, "total_return")
    page = parsed(render_file(cut))
    best = sweep.results().sort_values("total_return", ascending=False).head(3)
    for name in best:
        expected = [None if value != value else value for value in best[name]]
        assert page.column("leaderboard", name) == expected, name
    assert "The table holds the 3 best; 5 more are in the store." in page.text
    for name in ("leaders", "tiles", "measures", "notes"):
        first, second = whole.context[name], cut.context[name]
        assert repr(first) == repr(second), name
    assert {name: figure.to_json() for name, figure in whole.figures.items()} == {
        name: figure.to_json() for name, figure in cut.figures.items()
    }


@pytest.mark.parametrize("has_files", [True, False])
def test_the_page_of_a_run_of_millions_is_of_all_leaders_and_a_sample(
    sweep: bf.Run,
    parsed: Parse,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    has_files: bool,
) -> None:
    whole = sweep_page(sweep, "total_return", min_trades=0)
    run = bf.open_run(shutil.copytree(sweep.url, tmp_path / sweep.id))
    (tmp_path / sweep.id / "results.parquet").unlink()
    monkeypatch.setattr(large_rows, "MAX_FILE_TASKS", 4)
    monkeypatch.setattr(large_rows, "MAX_SAMPLE_TASKS", 4)
    monkeypatch.setattr(compacting, "MAX_FILE_TASKS", 4)
    if has_files:
        monkeypatch.setattr(reading, "MAX_FILE_TASKS", 4)
        monkeypatch.setattr(partitioning, "MAX_PARTITION_ROWS", 3)
    monkeypatch.setattr(sweep_rows, "MAX_ROWS", 4)
    page = sweep_page(run, "total_return", min_trades=0)
    assert (tmp_path / sweep.id / "results" / "index.json").exists() == has_files
    for name in ("leaders", "steady"):
        assert repr(whole.context[name]) == repr(page.context[name]), name
    assert whole.context["board"].describe() == page.context["board"].describe()
    html = parsed(render_file(page))
    best = sweep.results().sort_values("total_return", ascending=False, kind="stable")
    assert html.column("leaderboard", "task") == best["task"].tolist()
    assert html.column("leaderboard", "sharpe") == best["sharpe"].tolist()
    points = page.context["sampled_points"]
    assert 0 < points < len(run.manifest.points)
    assert f"of a sample: {points} points, on all symbols." in html.text
    tasks = page.context["tiles"][2]["note"]
    assert tasks == f"of {points * len(run.manifest.symbols)} tasks with a value"


def test_a_long_key_figure_says_how_long_it_is(parsed: Parse, sweep: bf.Run) -> None:
    html = render_file(sweep_page(sweep, "final_value"))
    best = f"{sweep.results()['final_value'].max():,.2f}"
    assert f'style="--chars: {len(best)}">{best}<' in html


def test_a_run_without_any_row_says_so(planned: Callable[..., bf.Run], parsed: Parse) -> None:
    page = parsed(render_file(sweep_page(planned())))
    assert "incomplete" in page.text
    assert "8 of 8 tasks have no result yet." in page.text
    assert "data-leaderboard" in page.blocks
    assert not [name for name in page.blocks if name.startswith("figure-")]
    assert "backfleet resume" in page.text


def test_a_sweep_without_any_value_and_with_more_points_than_leaders_has_a_page(
    make_job: MakeJob, run_job: RunJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backfleet.report.sweep_page.MAX_LEADERS", 1)
    (tmp_path / "fails.py").write_text(FAILS)
    strategy = f"{tmp_path}/fails.py:Fails"
    run = run_job(make_job(tmp_path / "runs", strategy=strategy, params={"k": [1, 2]}))
    page = sweep_page(run)
    assert page.context["steady"] is None
    assert "Every task that ran failed" in render_file(page)


def test_a_run_of_errors_says_so_and_names_them(all_failed: bf.Run, parsed: Parse) -> None:
    page = parsed(render_file(sweep_page(all_failed)))
    assert "Every task that ran failed" in page.text
    assert "failed: 2 tasks with IndexError, first task 0: no bar for you" in page.text
    assert page.column("leaderboard", "status") == ["error", "error"]
    assert not [name for name in page.blocks if name.startswith("figure-")]


def test_a_run_that_lacks_tasks_shows_those_there_are(
    sweep: bf.Run, tmp_path: Path, parsed: Parse
) -> None:
    folder = Path(shutil.copytree(sweep.url, tmp_path / sweep.id))
    (folder / "results.parquet").unlink()
    gone = sorted((folder / "chunks").iterdir())[0]
    gone.unlink()
    run = bf.open_run(folder)
    missing = run.counts().missing
    page = parsed(render_file(sweep_page(run)))
    assert f"{missing} of 8 tasks have no result yet." in page.text
    assert page.blocks["data-leaderboard"]["rows"] == 8 - missing


def test_a_run_without_details_says_how_to_keep_them(
    make_job: Callable[..., bf.Job],
    run_job: Callable[[bf.Job], bf.Run],
    tmp_path: Path,
    parsed: Parse,
) -> None:
    results = {"store": str(tmp_path), "detail": "summary"}
    run = run_job(make_job(tmp_path, results=results, params={"period": 15}))
    page = parsed(render_file(sweep_page(run)))
    assert "results.detail=full" in page.text
    assert "figure-fan" not in page.blocks


def test_what_looks_like_html_stays_text(hostile: bf.Run, parsed: Parse) -> None:
    html = render_file(sweep_page(hostile))
    page = parsed(html)
    assert "<script>window" not in html
    assert "<img" not in html
    assert page.column("leaderboard", "symbol") == ["<script>window.hacked=1<!--"] * 6
    assert page.column("leaderboard", "error")[2].startswith("ValueError: </script><script>")
    assert "<script>window.hacked=1<!--" in page.text


def test_a_canceled_run_says_so_and_how_to_go_on(
    sweep: bf.Run, tmp_path: Path, parsed: Parse
) -> None:
    folder = Path(shutil.copytree(sweep.url, tmp_path / sweep.id))
    (folder / "results.parquet").unlink()
    sorted((folder / "chunks").iterdir())[0].unlink()
    run = bf.open_run(folder)
    run.submission_log.mark_canceled(run.submission_log.numbers()[-1])
    page = parsed(render_file(sweep_page(run)))
    assert "The run was canceled" in page.text
    assert "backfleet resume" in page.text
