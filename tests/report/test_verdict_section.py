"""The verdict comes first in the report of a run, with a reference beside each number."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backfleet as bf
from backfleet.report.comparison_page import comparison_page
from backfleet.report.page import Page, render_file
from backfleet.report.sweep_page import sweep_page
from backfleet.validation.cscv import Cscv
from backfleet.validation.sharpe import Deflated, annualize
from backfleet.validation.verdict import Verdict
from sample_job import job_of

Parse = Callable[[str], Any]

ENTRIES = list(range(2, 14))


def swept(store: Path, **changes: Any) -> bf.Run:
    usual: dict[str, Any] = {
        "strategy": "donchian-breakout",
        "params": {"entry": ENTRIES, "exit": 2},
    }
    control = bf.submit(job_of(store, **(usual | changes)))
    control.wait()
    return control.run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> bf.Run:
    return swept(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def page(run: bf.Run) -> Page:
    return sweep_page(run)


def test_verdict_is_the_first_section_and_has_every_sentence(
    run: bf.Run, page: Page, parsed: Parse
) -> None:
    html = render_file(page)
    ids = re.findall(r'<section id="([a-z-]+)"', html)
    assert ids[0] == "verdict"
    text = " ".join(parsed(html).text.split())
    for section in run.verdict().sections:
        assert section.title in text
        for paragraph in section.paragraphs:
            assert " ".join(paragraph.split()) in text
    assert "partly luck" not in text


def test_histogram_holds_every_trial_and_the_curve_is_that_of_luck(run: bf.Run, page: Page) -> None:
    verdict = run.verdict()
    traces = {trace.name: trace for trace in page.figures["luck"].data}
    point = verdict.best_point
    assert isinstance(point, Verdict)
    evidence, counted = point.evidence, point.counted
    assert isinstance(counted, Deflated)
    assert sum(traces["points"].y) == len(verdict.sharpe) == len(ENTRIES)
    mean, spread, shared, needed = (
        annualize(value, evidence.periods)
        for value in (
            counted.luck.mean,
            counted.luck.spread,
            counted.luck.shared,
            counted.needed,
        )
    )
    assert traces[f"stands out from here on: {needed:.2f}"].x[0] == needed
    assert traces[f"luck's average: {mean:.2f}"].x[0] == mean
    curve = traces[f"best of {counted.luck.trials:.0f} without skill"]
    x, density = np.array(curve.x), np.array(curve.y)
    generator = np.random.default_rng(5)
    across = generator.normal(0.0, spread, (100_000, int(counted.luck.trials))).max(axis=1)
    mark = np.quantile(across + generator.normal(0.0, shared, 100_000), 0.95)
    share = np.where(x <= mark, density, 0.0).sum() / density.sum()
    assert share == pytest.approx(0.95, abs=0.02)
    assert (x * density).sum() / density.sum() == pytest.approx(mean, rel=0.05)


def test_ranks_and_winners_are_those_of_the_choice(run: bf.Run, page: Page) -> None:
    choice = run.verdict().choice
    assert isinstance(choice, Cscv)
    bars, chance = page.figures["ranks"].data
    assert sum(bars.y) == pytest.approx(1.0)
    assert set(chance.y) == {1 / len(bars.y)}
    means = page.figures["winners"].data[-1]
    point = run.verdict().best_point
    assert isinstance(point, Verdict)
    scale = annualize(1.0, point.evidence.periods)
    assert means.x[0] == pytest.approx(choice.inside.mean() * scale)
    assert means.y[0] == pytest.approx(choice.outside.mean() * scale)


def test_symbols_stand_in_a_table(run: bf.Run, page: Page, parsed: Parse) -> None:
    text = parsed(render_file(page)).text
    symbols = run.verdict().symbols
    assert symbols is not None
    for verdict in symbols.verdicts:
        best = verdict.evidence.best
        assert best is not None
        assert f"{best.symbol} entry {best.params['entry']}" in " ".join(text.split())


def test_single_point_has_an_interval_and_no_curve_of_luck(tmp_path: Path, parsed: Parse) -> None:
    one = swept(tmp_path, params={"entry": 5, "exit": 2}, symbols=("600519",))
    page = sweep_page(one)
    assert "intervals" in page.figures
    assert not {"luck", "ranks", "winners"} & set(page.figures)
    assert "The only point has a Sharpe ratio of " in parsed(render_file(page)).text


def test_damaged_sums_leave_the_rest_of_the_page(
    run: bf.Run, tmp_path: Path, parsed: Parse
) -> None:
    copy = tmp_path / run.id
    shutil.copytree(run.url, copy)
    for header in run.chunk_index.headers():
        (copy / "blobs" / header.blobs["sums"]).write_bytes(b"damaged")
    page = sweep_page(bf.open_run(copy))
    assert "The verdict cannot be shown" in parsed(render_file(page)).text
    assert {"parameter-map", "fan"} <= set(page.figures)


def test_comparison_puts_verdicts_side_by_side(run: bf.Run, tmp_path: Path, parsed: Parse) -> None:
    other = swept(tmp_path, params={"entry": ENTRIES[:3], "exit": 2})
    text = " ".join(parsed(render_file(comparison_page(run, other))).text.split())
    assert "Is it luck?" in text
    assert "Trials in the run 24 6 " in text
