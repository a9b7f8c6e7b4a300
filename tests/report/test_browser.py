"""Reports in a real Chromium: what is drawn, sorted and filtered, and what stays text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

import backfleet as bf
from backfleet.cli.report import report as report_command
from backfleet.report.comparison_page import comparison_page
from backfleet.report.page import Page as Report
from backfleet.report.page import render_file
from backfleet.report.sweep_page import sweep_page
from backfleet.report.task_page import task_page
from finished_runs import run_here
from sample_job import job_of

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.testbed

Visit = Callable[..., Any]
STRATEGY_OF_LONG_NAMES = '''
import backtrader as bt


class Long(bt.Strategy):
    """Buys and sells."""

    params = (("{name}", 5),)

    def next(self):
        if len(self) % self.p.{name} == 0:
            self.close() if self.position else self.buy(size=1)
'''
PHONE = {"viewport": {"width": 360, "height": 740}}
BODY = "[data-table=leaderboard] tbody tr"


@pytest.fixture
def look_at(visit: Visit, tmp_path: Path) -> Callable[..., Any]:
    """Open a report from its file, without a network."""

    def call(report: Report, **options: Any) -> Page:
        file = tmp_path / "report.html"
        file.write_text(render_file(report), encoding="utf-8")
        page: Page = visit(file.as_uri(), **options)
        page.context.set_offline(True)
        return page

    return call


def draw_all(page: Page) -> int:
    """Scroll to every figure until it is drawn, and return how many there are."""
    places = page.query_selector_all("[data-figure]")
    for place in places:
        place.scroll_into_view_if_needed()
        page.wait_for_function("place => place.dataset.drawn === 'yes'", arg=place)
    return len(places)


def column(page: Page, name: str) -> list[str]:
    """The texts of a column of the leaderboard, as shown."""
    headings = [
        heading.inner_text() for heading in page.query_selector_all("[data-table=leaderboard] th")
    ]
    at = headings.index(name)
    return [row.query_selector_all("td")[at].inner_text() for row in page.query_selector_all(BODY)]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_figures_of_a_sweep_are_drawn(
    look_at: Callable[..., Page], sweep: bf.Run, scheme: str
) -> None:
    report = sweep_page(sweep)
    page = look_at(report, color_scheme=scheme)
    assert draw_all(page) == len(report.figures) == 6
    assert page.query_selector_all(".plot .main-svg")


def test_all_figures_of_a_task_and_of_a_comparison_are_drawn(
    look_at: Callable[..., Page], sweep: bf.Run
) -> None:
    for report in (task_page(sweep, 2), comparison_page(sweep, sweep)):
        assert draw_all(look_at(report)) == len(report.figures)


def test_a_page_with_a_linked_library_draws_its_figures(
    visit: Visit, sweep: bf.Run, tmp_path: Path
) -> None:
    file = tmp_path / "page.html"
    done = CliRunner().invoke(
        report_command, [sweep.url, "2", "--assets", "linked", "-o", str(file)]
    )
    assert done.exit_code == 0
    page = visit(file.as_uri())
    page.context.set_offline(True)
    assert draw_all(page) > 3


def test_the_numbers_shown_are_the_stores(look_at: Callable[..., Page], sweep: bf.Run) -> None:
    page = look_at(sweep_page(sweep))
    best = sweep.results().sort_values("sharpe", ascending=False)
    assert column(page, "Sharpe") == [f"{value:.3f}" for value in best["sharpe"]]
    assert column(page, "Total return") == [f"{value:.2%}" for value in best["total_return"]]
    assert column(page, "Task") == [str(task) for task in best["task"]]
    cells = page.query_selector_all(f"{BODY} td.number[data-value]")
    values = {float(str(cell.get_attribute("data-value"))) for cell in cells}
    assert set(best["sharpe"]) <= values


def test_a_heading_sorts_one_way_and_then_the_other(
    look_at: Callable[..., Page], sweep: bf.Run
) -> None:
    page = look_at(sweep_page(sweep))
    rows = sweep.results()
    head = page.locator("th[data-column=trades]")
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    assert column(page, "Trades") == [str(count) for count in sorted(rows["trades"], reverse=True)]
    head.locator("button").press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    assert column(page, "Trades") == [str(count) for count in sorted(rows["trades"])]
    assert page.locator("th[data-column=sharpe]").get_attribute("aria-sort") == "none"


def test_a_filter_keeps_the_rows_for_which_it_holds(
    look_at: Callable[..., Page], sweep: bf.Run
) -> None:
    page = look_at(sweep_page(sweep))
    rows = sweep.results()
    field = page.get_by_label("Filter")

    def tasks_of(text: str, count: int) -> set[int]:
        field.fill(text)
        page.wait_for_function(
            f"() => document.querySelectorAll('{BODY}:not(.none)').length === {count}"
        )
        return {int(task) for task in column(page, "Task")} if count else set()

    expected = rows[(rows["period"] >= 10) & (rows["symbol"] == "600519")]
    assert tasks_of("period >= 10, 600519", len(expected)) == set(expected["task"])
    expected = rows[rows["total_return"] > 0.5]
    assert tasks_of("total_return > 50%", len(expected)) == set(expected["task"])
    expected = rows[rows["status"] == "suspicious"]
    assert tasks_of("status = suspicious and period > 0", len(expected)) == set(expected["task"])
    assert tasks_of("nothing like this", 0) == set()
    field.fill("perod > 10")
    page.get_by_text("there is no column perod").wait_for()


def test_the_map_follows_its_axes_and_the_filter(
    look_at: Callable[..., Page], sweep: bf.Run
) -> None:
    page = look_at(sweep_page(sweep))
    draw_all(page)
    page.locator("#map-form [name=measure]").select_option("trades")
    cells = page.evaluate("document.querySelector('[data-figure=parameter-map]').data[0].z")
    rows = sweep.results()
    table = rows.pivot_table("trades", index="symbol", columns="period")
    assert cells == table.to_numpy().tolist()
    page.get_by_label("Filter").fill("period > 10")
    page.get_by_text("The mean over the filter's 4 tasks.").wait_for()
    across = page.evaluate("document.querySelector('[data-figure=parameter-map]').data[0].x")
    assert across == ["15", "20"]
    kinds = page.evaluate(
        "['xaxis', 'yaxis'].map(each => "
        "document.querySelector('[data-figure=parameter-map]')._fullLayout[each].type)"
    )
    assert kinds == ["category", "category"]


def test_the_map_shows_the_mean_the_median_or_the_worst(
    look_at: Callable[..., Page], tmp_path: Path
) -> None:
    params = {"fast": [5, 8], "slow": [20, 30]}
    run = run_here(job_of(tmp_path, strategy="dual-moving-average", params=params))
    page = look_at(sweep_page(run))
    draw_all(page)
    page.locator("#map-form [name=y]").select_option("symbol")
    page.locator("#map-form [name=measure]").select_option("volatility")
    groups = run.results().groupby(["symbol", "fast"])["volatility"]
    # Volatility is better if it is smaller, so the worst is the largest.
    for statistic, expected in (("median", groups.median()), ("worst", groups.max())):
        page.locator("#map-form [name=statistic]").select_option(statistic)
        page.get_by_text(f"The {statistic} over all 8 tasks.").wait_for()
        cells = page.evaluate("document.querySelector('[data-figure=parameter-map]').data[0].z")
        assert cells == expected.unstack().to_numpy().tolist()
    page.locator("#map-form [name=x]").select_option("symbol")
    page.get_by_text("Choose two different axes.").wait_for()


def test_parallel_coordinates_need_no_webgl_and_follow_the_filter(
    look_at: Callable[..., Page], sweep: bf.Run
) -> None:
    page = look_at(sweep_page(sweep))
    place = page.locator("[data-parallel]")
    place.scroll_into_view_if_needed()
    assert place.get_attribute("data-lines") == "8"
    inked = """() => { const canvas = document.querySelector("[data-parallel] canvas");
        return canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height)
            .data.some((value) => value > 0); }"""
    assert page.evaluate(inked)
    box = place.bounding_box()
    assert box is not None
    x, top, bottom = box["x"] + 44, box["y"] + 60, box["y"] + 210
    page.mouse.move(x, top)
    page.mouse.down()
    page.mouse.move(x, bottom)
    page.mouse.up()
    assert page.get_by_label("Filter").input_value().startswith("period >= 1")
    rows = sweep.results()
    assert place.get_attribute("data-lines") == str((rows["period"] >= 15).sum())
    page.mouse.click(x, top)
    assert page.get_by_label("Filter").input_value() == ""
    assert place.get_attribute("data-lines") == "8"


def test_a_tasks_number_opens_all_its_values(look_at: Callable[..., Page], sweep: bf.Run) -> None:
    page = look_at(sweep_page(sweep))
    page.get_by_role("button", name="Details of Task 3", exact=True).click()
    dialog = page.get_by_role("dialog")
    assert dialog.get_by_role("heading").inner_text() == "Task 3: 600519"
    assert f"backfleet report {sweep.url} 3" in dialog.inner_text()
    assert f"{sweep.results()['volatility'][3]:.2%}" in dialog.inner_text()
    page.keyboard.press("Escape")
    assert not dialog.is_visible()


def test_a_trade_zooms_the_price_chart(look_at: Callable[..., Page], sweep: bf.Run) -> None:
    page = look_at(task_page(sweep, 2))
    trade = sweep.trades(2).iloc[1]
    page.get_by_role("button", name="Show the price during Trade 1", exact=True).click()
    page.get_by_text("Trade 1. Double-click the chart").wait_for()
    low, high = page.evaluate(
        "document.querySelector('[data-figure=price-0]').layout.xaxis.range.map(Number)"
    )
    times = [moment.timestamp() * 1000 for moment in (trade["opened_local"], trade["closed_local"])]
    assert low < times[0] <= times[1] < high
    assert high - low < 5 * (times[1] - times[0]) + 60 * 86_400_000


def test_the_price_chart_of_another_symbol_is_drawn_when_it_is_chosen(
    look_at: Callable[..., Page], tmp_path: Path
) -> None:
    job = job_of(tmp_path, params={"period": 15})
    data = job.data.model_copy(update={"universe": "portfolio"})
    run = run_here(job.model_copy(update={"data": data}))
    page = look_at(task_page(run, 0))
    draw_all(page)
    title = "document.querySelector('[data-figure^=price-]').layout.yaxis.title.text"
    select = page.locator("#price-symbol")
    names = select.locator("option").all_text_contents()
    assert page.evaluate(title) == f"{names[0]}, adjusted price"
    select.select_option(names[1])
    page.wait_for_function(f"{title} === '{names[1]}, adjusted price'")
    symbols = run.trades(0)["symbol"].tolist()
    first = symbols.index(names[0])
    page.locator("[data-table=trades] select").select_option("250")
    page.get_by_role("button", name=f"Show the price during Trade {first}", exact=True).click()
    page.get_by_text(f"Trade {first} of {names[0]}.").wait_for()
    assert page.evaluate(title) == f"{names[0]}, adjusted price"


def test_formulas_show_to_the_mouse_and_to_the_keyboard(
    look_at: Callable[..., Page], sweep: bf.Run
) -> None:
    page = look_at(task_page(sweep, 2))
    tip = page.get_by_role("tooltip")
    assert not tip.is_visible()
    term = page.locator(".tiles .term", has_text="Sharpe")
    term.hover()
    assert "(mean(r) - f / p) / s * sqrt(p)" in tip.inner_text()
    page.keyboard.press("Escape")
    page.locator(".tiles .term", has_text="CAGR").focus()
    assert "calendar days" in tip.inner_text()


def test_the_theme_can_be_changed(look_at: Callable[..., Page], sweep: bf.Run) -> None:
    page = look_at(task_page(sweep, 2), color_scheme="light")
    draw_all(page)
    line = "document.querySelector('[data-figure=account]').data[0].line.color"
    assert page.evaluate(line) == "#0072B2"
    ground = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(ground)
    page.get_by_role("button", name="Change to the dark theme").click()
    assert page.evaluate(ground) != before
    assert page.evaluate(line) == "#56B4E9"
    page.get_by_role("button", name="Change to the light theme").click()
    assert page.evaluate(ground) == before


def test_a_number_that_rounds_to_zero_has_no_sign(
    look_at: Callable[..., Page], sweep: bf.Run
) -> None:
    page = look_at(sweep_page(sweep))
    small = "['percent', 'money', 'ratio', 'count'].map((form) => backfleet.format(form, -0.00001))"
    assert page.evaluate(small) == ["0.00%", "0.00", "0.000", "0"]
    assert page.evaluate("backfleet.format('percent', -0.1234)") == "-12.34%"


def test_the_first_key_reaches_the_content(look_at: Callable[..., Page], sweep: bf.Run) -> None:
    page = look_at(sweep_page(sweep))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"


def test_nothing_is_wider_than_a_phone(look_at: Callable[..., Page], sweep: bf.Run) -> None:
    for report in (sweep_page(sweep), task_page(sweep, 2), comparison_page(sweep, sweep)):
        page = look_at(report, **PHONE)
        draw_all(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_long_names_make_nothing_wider_than_a_phone(
    look_at: Callable[..., Page], tmp_path: Path
) -> None:
    name = "a_name_that_somebody_chose_to_say_everything_about_it"
    strategy = STRATEGY_OF_LONG_NAMES.format(name=name)
    (tmp_path / "long.py").write_text(strategy)
    lines = [
        f"2020-{day // 28 + 1:02}-{day % 28 + 1:02},10,13,9,{10 + day % 3},1" for day in range(99)
    ]
    for number in range(2):
        bars = "\n".join(["date,open,high,low,close,volume", *lines, ""])
        (tmp_path / f"{name}_{number}.csv").write_text(bars)
    run = run_here(
        job_of(
            tmp_path / "runs",
            strategy=f"{tmp_path}/long.py:Long",
            params={name: [5, 10, 20]},
            data={"source": "csv", "path": str(tmp_path), "symbols": "a_*"},
        )
    )
    for report in (sweep_page(run), task_page(run, 2)):
        page = look_at(report, **PHONE)
        draw_all(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        ends = page.evaluate(
            """() => [...document.querySelectorAll(".main-svg text")].filter(
              (text) => text.textContent.includes("…")
            ).map((text) => {
              const inner = text.getBoundingClientRect();
              const outer = text.closest(".plot").getBoundingClientRect();
              return Math.max(outer.left - inner.left, inner.right - outer.right);
            })"""
        )
        assert max(ends) <= 2


def test_hostile_texts_run_nothing_and_are_shown_as_they_are(
    look_at: Callable[..., Page], hostile: bf.Run
) -> None:
    name = hostile.manifest.symbols[0].name
    for report in (sweep_page(hostile), task_page(hostile, 0), task_page(hostile, 2)):
        page = look_at(report)
        draw_all(page)
        assert page.evaluate("window.hacked") is None
        assert page.query_selector("main script, main img[onerror], b") is None
        assert name in page.inner_text("main")
    page = look_at(sweep_page(hostile))
    assert column(page, "Symbol") == [name] * 6
    page.get_by_role("button", name="Details of Task 2", exact=True).click()
    assert "</script><script>window.hacked=2</script>" in page.get_by_role("dialog").inner_text()
    assert page.evaluate("window.hacked") is None
