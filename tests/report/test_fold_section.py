"""The walk-forward section of a sweep's page: the folds of the run, and what could not be had."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import backfleet as bf
from backfleet.job import Validation
from backfleet.report.fold_benchmark import benchmark_returns
from backfleet.report.fold_section import fold_section
from backfleet.report.page import render_file
from backfleet.report.sweep_page import sweep_page
from backfleet.runs.validation_rule import RULE, save_rule
from backfleet.runs.verdict import read_folds
from sample_job import SAMPLE_DATA, job_of

Parse = Callable[[str], Any]

ROLLING = {"windows": "rolling", "train": "1 year", "test": "6 months"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> bf.Run:
    folder = tmp_path_factory.mktemp("folds")
    data = shutil.copytree(SAMPLE_DATA, folder / "data")
    job = job_of(folder / "runs", params={"period": [5, 20, 40]}, validation=ROLLING)
    job = job.model_copy(update={"data": job.data.model_copy(update={"path": str(data)})})
    return bf.run(job, progress=None)


def test_the_page_holds_the_table_the_words_and_the_accounts(run: bf.Run, parsed: Parse) -> None:
    page = sweep_page(run)
    folds = run.folds()
    assert folds.account is not None
    assert folds.hindsight is not None
    chosen, hindsight, held = page.figures["stitched"].data
    assert (chosen.name, hindsight.name) == ("chosen in training", "best of all sessions")
    np.testing.assert_array_equal(chosen.y, folds.account.values)
    np.testing.assert_array_equal(hindsight.y, folds.hindsight.values)
    assert held.name == "buy and hold"
    (drawn,) = page.figures["chosen-0"].data
    periods = [folds.points[choice.point or 0]["period"] for choice in folds.choices]
    assert list(drawn.y) == periods
    html = parsed(render_file(page))
    table = html.blocks["data-folds"]
    assert table["rows"] == 3
    shown = [column["name"] for column in table["columns"] if column["shown"]]
    assert shown[:4] == ["fold", "train", "test", "param_period"]
    text = " ".join(html.words)
    assert "3 folds (rolling, train 1 year, test 6 months), chosen by sharpe." in text


def test_every_other_test_window_is_shaded(run: bf.Run) -> None:
    shapes = [
        shape for shape in sweep_page(run).figures["stitched"].layout.shapes if shape.fillcolor
    ]
    assert [(shape.x0, shape.x1) for shape in shapes] == [
        ("2020-01-02", "2020-06-30"),
        ("2021-01-04", "2021-06-30"),
    ]


def test_the_benchmark_holds_all_symbols_in_equal_weights(run: bf.Run) -> None:
    account = run.folds().account
    assert account is not None
    earned = []
    for name in ("600519", "600559"):
        table = pd.read_csv(SAMPLE_DATA / f"{name}.csv").query("isopen").set_index("tradedate")
        earned.append((table["closeprice"] * table["accumadjfactor"]).pct_change())
    expected = pd.concat(earned, axis=1).mean(axis=1).reindex(map(str, account.days)).fillna(0.0)
    returns = benchmark_returns(run, account.days)
    np.testing.assert_allclose(returns, expected, rtol=1e-9, atol=1e-15)


def test_groups_show_their_paths(run: bf.Run, tmp_path: Path) -> None:
    copy = bf.open_run(shutil.copytree(run.url, tmp_path / run.id))
    save_rule(copy.store, Validation(windows="groups", groups=4))
    section = fold_section(copy, read_folds(copy.stored, with_costs=True))
    assert section is not None
    assert set(section.figures) == {"paths"}
    assert len(section.figures["paths"].data[0].x) == 3


def test_a_run_without_windows_has_no_section(sweep: bf.Run, parsed: Parse) -> None:
    assert fold_section(sweep, read_folds(sweep.stored, with_costs=True)) is None
    assert "Walk-forward" not in parsed(render_file(sweep_page(sweep))).words


def test_prices_out_of_reach_cost_the_benchmark_only(run: bf.Run, tmp_path: Path) -> None:
    data = Path(run.latest_submission().submission.data_path)
    away = data.rename(tmp_path / "away")
    try:
        section = fold_section(run, read_folds(run.stored, with_costs=True))
    finally:
        away.rename(data)
    assert section is not None
    assert [line.name for line in section.figures["stitched"].data] == [
        "chosen in training",
        "best of all sessions",
    ]
    assert section.missing.startswith("The benchmark is missing: ")


def test_damaged_windows_cost_the_section_only(run: bf.Run, tmp_path: Path, parsed: Parse) -> None:
    copy = bf.open_run(shutil.copytree(run.url, tmp_path / run.id))
    copy.store.replace(RULE, b"{}")
    text = " ".join(parsed(render_file(sweep_page(copy))).words)
    assert "The folds cannot be shown:" in text
    assert "Leaderboard" in text
