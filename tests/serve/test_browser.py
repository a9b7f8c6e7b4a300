"""The server's pages in a real Chromium, while a run is under way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import backfleet as bf

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.testbed

Serve = Callable[..., Any]
Visit = Callable[..., Any]
TOKEN = "correct-horse"

STRATEGY = '''
import os
import time

import backtrader as bt


class Waits(bt.Strategy):
    """Goes on for good once a file says so; its first points do not wait."""

    params = (("k", 1), ("gate", ""))

    def next(self):
        if len(self) == 5:
            self.buy(size=self.p.k)

    def stop(self):
        while self.p.k > 3 and not os.path.exists(self.p.gate):
            time.sleep(0.02)
'''


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """The file that lets tasks under way end."""
    return tmp_path / "gate"


@pytest.fixture
def under_way(make_job: Callable[..., bf.Job], tmp_path: Path, gate: Path) -> Callable[[], bf.Run]:
    """Start a run of six tasks, of which three wait for the gate."""
    (tmp_path / "waits.py").write_text(STRATEGY)

    def start() -> bf.Run:
        job = make_job(tmp_path / "runs", name="waiting")
        data = job.data.model_copy(update={"symbols": ("600519",)})
        strategy = f"{tmp_path}/waits.py:Waits"
        params = {"k": [1, 2, 3, 4, 5, 6], "gate": str(gate)}
        changes = {"strategy": strategy, "params": params, "data": data}
        return bf.submit(job.model_copy(update=changes)).run

    return start


def state_of(page: Page, run: bf.Run) -> str:
    row = page.locator("[data-table=runs] tbody tr", has_text=run.id)
    return str(row.locator(".state").inner_text())


def test_a_run_under_way_is_followed_to_its_report(
    serve: Serve, visit: Visit, under_way: Callable[[], bf.Run], gate: Path, tmp_path: Path
) -> None:
    server = serve(str(tmp_path / "runs"))
    run = under_way()
    page: Page = visit(server.url)
    row = page.locator("[data-table=runs] tbody tr", has_text=run.id)
    row.locator(".state.running").wait_for()
    page.wait_for_function(
        "() => document.querySelector('[data-table=runs] progress')?.value === 0.5"
    )
    row.get_by_role("link", name=run.id).click()
    page.get_by_text("3 of 6 tasks are done.").wait_for()
    page.get_by_text("The run is in progress: the page shows the results so far.").wait_for()
    assert page.locator("[data-table=leaderboard] tbody tr").count() == 3
    gate.touch()
    bf.RunControl(run).wait()
    page.locator(".eyebrow .state.complete").wait_for()
    tasks = page.locator("[data-table=leaderboard] tbody tr td[data-value]:first-child")
    assert tasks.count() == 6
    shown = page.locator("[data-table=leaderboard] td:nth-child(6)").all_inner_texts()
    expected = run.results().sort_values("sharpe", ascending=False)["total_return"]
    assert shown == [f"{value:.2%}" for value in expected]
    page.get_by_role("link", name="backfleet").click()
    page.locator("[data-table=runs] .state.complete").wait_for()


def test_a_task_is_reached_from_its_run(
    serve: Serve, visit: Visit, store_url: str, finished: tuple[bf.Run, bf.Run]
) -> None:
    run = finished[0]
    page: Page = visit(f"{serve(store_url).url}/runs/{run.id}")
    page.get_by_role("button", name="Details of Task 1", exact=True).click()
    page.get_by_role("link", name="Open the report of this task").click()
    page.get_by_role("heading", name="600519", exact=True).wait_for()
    assert page.locator("[data-metric=final_value]").inner_text() == "164,109.44"
    page.get_by_role("link", name=run.id).click()
    page.get_by_role("heading", name="Leaderboard").wait_for()


def test_two_ticked_runs_are_compared(
    serve: Serve, visit: Visit, store_url: str, finished: tuple[bf.Run, bf.Run]
) -> None:
    page: Page = visit(serve(store_url).url)
    button = page.get_by_role("button", name="Compare")
    boxes = page.get_by_role("checkbox")
    boxes.nth(0).check()
    assert button.is_disabled()
    # The list is drawn anew meanwhile: what is ticked stays so.
    with page.expect_response("**/api/runs"):
        pass
    boxes.nth(1).check()
    button.click()
    page.get_by_text("Run comparison").wait_for()
    page.get_by_text("all are equal").wait_for()
    # The table shows what has changed until its filter is cleared.
    page.locator("[data-table=pairs]").get_by_label("Filter").fill("")
    page.wait_for_function(
        "() => document.querySelectorAll('[data-table=pairs] tbody tr').length === 2"
    )


@pytest.mark.parametrize("width", [1400, 390])
def test_every_column_of_the_runs_is_within_the_page(
    serve: Serve, visit: Visit, make_job: Callable[..., bf.Job], tmp_path: Path, width: int
) -> None:
    name = "a-name-that-says-everything-about-the-run-and-its-author"
    bf.run(make_job(tmp_path / "runs", name=name), progress=None)
    page: Page = visit(serve(str(tmp_path / "runs")).url, viewport={"width": width, "height": 900})
    page.locator("[data-table=runs] .state.complete").wait_for()
    for cell in page.locator("[data-table=runs] td").all():
        box = cell.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= width


def test_the_list_is_filtered(serve: Serve, visit: Visit, store_url: str) -> None:
    page: Page = visit(serve(store_url).url)
    page.get_by_label("Filter").fill("name = other")
    page.wait_for_function(
        "() => document.querySelectorAll('[data-table=runs] tbody tr').length === 1"
    )
    assert "other" in page.locator("[data-table=runs] tbody td:first-child").inner_text()


def test_the_token_of_the_address_opens_all_pages(
    serve: Serve, visit: Visit, store_url: str, finished: tuple[bf.Run, bf.Run]
) -> None:
    server = serve(store_url, "localhost", TOKEN)
    page: Page = visit(f"{server.url}/?token={TOKEN}")
    assert page.url == f"{server.url}/"
    page.get_by_role("link", name=finished[0].id).click()
    page.get_by_role("heading", name="Leaderboard").wait_for()
