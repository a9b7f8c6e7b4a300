"""What notebooks show of jobs, runs and results: escaped, and nothing of it is run."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from IPython.core.formatters import DisplayFormatter

import backfleet as bf
from backfleet.errors import RunNotFound, UserError
from backfleet.html import bar, facts_table, heading, rows_table

EVIL = "<script>alert(1)</script>"

STRATEGY = """
from backfleet_strategies.sma_crossover import SmaCrossover


class Worded(SmaCrossover):
    word: str = "plain"
    sizing = "fee-aware"

    def targets(self, bars):
        if "<" in self.word:
            raise ValueError(self.word)
        return super().targets(bars)
"""


@pytest.fixture(scope="module")
def evil_run(tmp_path_factory: pytest.TempPathFactory, sample_data: Path) -> bf.Run:
    """A run of which a parameter, and with it an error, is HTML; names cannot be."""
    folder = tmp_path_factory.mktemp("evil")
    (folder / "worded.py").write_text(STRATEGY)
    data = {"source": "cn-daily", "path": str(sample_data), "symbols": ["600519"]}
    settings: dict[str, Any] = {
        "strategy": f"{folder / 'worded.py'}:Worded",
        "params": {"period": [5, 10], "word": ["plain", EVIL]},
        "data": {**data, "timezone": "Asia/Shanghai"},
        "results": {"store": str(folder / "runs")},
    }
    return bf.run(bf.Job(**settings), progress=None)


def tags(html: str) -> set[str]:
    return set(re.findall(r"<([a-z]+)", html))


HARMLESS = {"div", "b", "code", "progress", "table", "tr", "th", "td"}


def test_everything_is_escaped() -> None:
    html = heading(EVIL, EVIL) + facts_table({EVIL: EVIL}) + rows_table([EVIL], [[EVIL]])
    html += bar(1, 2, EVIL)
    assert tags(html) <= HARMLESS
    assert html.count("&lt;script&gt;") == 7


def test_numbers_are_short_and_texts_are_cut() -> None:
    html = rows_table(["a"], [[0.123456789], [None], [7], [True], ["x" * 1000]])
    assert "0.123457" in html
    assert "<td" in html
    assert len(html) < 1500


def test_a_run_shows_its_best_tasks(evil_run: bf.Run) -> None:
    html = evil_run._repr_html_()
    assert tags(html) <= HARMLESS
    assert "&lt;script&gt;" in html
    assert "4 of 4 tasks, 2 failed" in html
    assert "sharpe" in html


def test_a_job_shows_its_keys(evil_run: bf.Run) -> None:
    job = bf.Job(strategy=f"{EVIL}.py:X", name="x", data={"source": EVIL, "path": EVIL})
    assert tags(job._repr_html_()) <= HARMLESS
    assert "data.source" in job._repr_html_()


def test_a_run_without_rows_is_shown_too(evil_run: bf.Run, tmp_path: Path) -> None:
    copy = tmp_path / evil_run.id
    copy.mkdir()
    shutil.copy(Path(evil_run.url, "manifest.json"), copy)
    html = bf.open_run(copy)._repr_html_()
    assert "0 of 4 tasks" in html
    assert "sharpe" not in html


def test_results_are_a_frame_that_escapes_too(evil_run: bf.Run) -> None:
    html = evil_run.results()._repr_html_()
    assert "&lt;script&gt;" in html
    assert "<script" not in html


def test_figures_suit_the_run(evil_run: bf.Run) -> None:
    assert [trace.type for trace in bf.plot(evil_run).data] == ["heatmap"]
    assert bf.plot(evil_run, metric="trades").data[0].type == "heatmap"
    (account,) = bf.plot(evil_run, 0).data
    assert list(account.y) == evil_run.equity(0)["value"].tolist()
    assert [trace.type for trace in bf.plot(evil_run, x="symbol").data] == ["heatmap"]


def test_a_shown_figure_has_html_for_exports(evil_run: bf.Run) -> None:
    shown, _ = DisplayFormatter().format(bf.plot(evil_run))
    assert "Plotly.newPlot" in shown["text/html"]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"metric": "sharp"}, "no column of numbers 'sharp'; did you mean 'sharpe'"),
        ({"metric": "status"}, "no column of numbers 'status'"),
        ({"x": "symbols"}, "'symbols' is neither a parameter nor 'symbol'; did you mean 'symbol'"),
        ({"x": "sharpe", "y": "symbol"}, "'sharpe' is neither a parameter"),
        ({"x": "symbol", "y": "symbol"}, "'symbol' is named twice"),
    ],
)
def test_figures_of_other_columns_are_refused(
    evil_run: bf.Run, columns: dict[str, str], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        bf.plot(evil_run, **columns)  # A task is no text.


def test_figures_that_cannot_be_are_refused(evil_run: bf.Run) -> None:
    with pytest.raises(IndexError, match="no task 9"):
        bf.plot(evil_run, 9)


def test_details_that_are_not_there_are_said_to_be_missing(
    evil_run: bf.Run, tmp_path: Path
) -> None:
    copy = tmp_path / evil_run.id
    copy.mkdir()
    shutil.copy(Path(evil_run.url, "manifest.json"), copy)
    with pytest.raises(RunNotFound, match="task 0 has no result yet"):
        bf.plot(bf.open_run(copy), 0)
    with pytest.raises(UserError, match="no task has a sharpe yet"):
        bf.plot(bf.open_run(copy))
