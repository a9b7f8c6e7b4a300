"""What the account of a task is drawn beside."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import backfleet as bf
from backfleet.errors import DataError
from backfleet.report.page import Page, render_file
from backfleet.report.task_page import task_page

Parse = Callable[[str], Any]
Beside = Callable[..., Page]

DAYS = {f"2020-01-0{day}": 10.0 + day for day in range(1, 8)}
MINUTES = {f"2020-01-0{day} 10:0{minute}": 10.0 for day in (2, 3) for minute in (1, 2)}


def write(file: Path, closes: dict[str, float]) -> None:
    lines = [f"{time},{close},{close},{close},{close}\n" for time, close in closes.items()]
    file.write_text("date,open,high,low,close\n" + "".join(lines))


def held(page: Page) -> list[float]:
    """The benchmark's account, which starts with 100."""
    _, benchmark = page.figures["account"].data
    values: list[float] = benchmark.y.tolist()
    return values


@pytest.fixture
def beside(run_job: Callable[[bf.Job], bf.Run], tmp_path: Path) -> Beside:
    """The page of a task on `closes` beside a benchmark, SPY, of other closes."""

    def page(spy: dict[str, float], closes: dict[str, float] = DAYS, **data: Any) -> Page:
        write(tmp_path / "A.csv", closes)
        write(tmp_path / "SPY.csv", spy)
        values: dict[str, Any] = {
            "data": {"source": "csv", "path": str(tmp_path), "symbols": "A"} | data,
            "broker": {"cash": 100},
            "results": {"store": str(tmp_path / "runs"), "benchmark": "SPY"},
        }
        return task_page(run_job(bf.Job(strategy="buy-and-hold", **values)), 0)

    return page


def test_the_symbol_is_held_and_named_in_the_legend_and_the_key_figures(
    sweep: bf.Run, sample_data: Path, parsed: Parse
) -> None:
    page = task_page(sweep, 0, "600559")
    with (sample_data / "600559.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    closes = [float(row["closeprice"]) * float(row["accumadjfactor"]) for row in rows]
    growth = closes[-1] / closes[0]
    assert held(page)[0] == 100_000
    assert held(page)[-1] == pytest.approx(100_000 * growth)
    assert page.figures["account"].data[1].name == "600559 bought and held"
    text = parsed(render_file(page)).text
    assert f"600559 bought and held: {growth - 1:,.2%}" in text
    assert "the same cash in 600559, bought at its last close known at the first bar" in text


def test_buy_and_hold_can_be_asked_for(beside: Beside, tmp_path: Path) -> None:
    beside(DAYS)
    (run,) = (tmp_path / "runs").glob("[0-9a-f]*")
    page = task_page(bf.open_run(str(run)), 0, "buy-and-hold")
    assert page.figures["account"].data[1].name == "buy and hold"


def test_the_last_known_close_stands_where_the_benchmark_has_no_bar(
    beside: Beside, parsed: Parse
) -> None:
    spy = {"2019-12-30": 5.0, "2020-01-03": 6.0, "2020-01-04": 7.0, "2020-01-07": 10.0}
    page = beside(spy)
    assert held(page) == pytest.approx([100, 100, 120, 140, 140, 140, 200])
    assert "It has no bars" not in parsed(render_file(page)).text


def test_it_starts_with_the_task_and_not_with_the_warmup(beside: Beside) -> None:
    page = beside(DAYS, start="2020-01-03", warmup=2)
    assert held(page) == pytest.approx([100 * close / 13 for close in (13, 14, 15, 16, 17)])


def test_where_it_covers_a_part_only_the_page_says_so(beside: Beside, parsed: Parse) -> None:
    page = beside({"2020-01-03": 10.0, "2020-01-05": 11.0})
    assert held(page) == pytest.approx([100, 100, 100, 100, 110, 110, 110])
    text = parsed(render_file(page)).text
    assert "It has no bars before 2020-01-03, and is cash until then." in text
    assert "It has no bars after 2020-01-05, and stays as it was then." in text


def test_without_bars_in_the_period_it_is_left_out_with_the_reason(
    beside: Beside, parsed: Parse, tmp_path: Path
) -> None:
    page = beside({"2019-01-03": 10.0, "2019-01-04": 11.0})
    assert len(page.figures["account"].data) == 1
    assert "price-0" in page.figures
    reason = "SPY has no bars from 2020-01-01 to 2020-01-07; its bars go from 2019-01-03 to 2019-01"
    text = parsed(render_file(page)).text
    assert f"The benchmark, SPY, is left out, since it cannot be read here: {reason}" in text
    (run,) = (tmp_path / "runs").glob("[0-9a-f]*")
    with pytest.raises(DataError, match="SPY has no bars from 2020-01-01"):
        task_page(bf.open_run(str(run)), 0, "SPY")


def test_a_benchmark_that_is_gone_leaves_the_rest_of_the_page(
    beside: Beside, parsed: Parse, tmp_path: Path
) -> None:
    beside(DAYS)
    (tmp_path / "SPY.csv").unlink()
    (run,) = (tmp_path / "runs").glob("[0-9a-f]*")
    page = task_page(bf.open_run(str(run)), 0)
    assert {"account", "price-0"} <= set(page.figures)
    assert "is left out, since it cannot be read here: symbol 'SPY': there is no" in (
        parsed(render_file(page)).text
    )


def test_a_daily_benchmark_is_known_to_intraday_bars_when_its_day_is_over(beside: Beside) -> None:
    page = beside({"2020-01-01": 10.0, "2020-01-02": 11.0, "2020-01-03": 99.0}, MINUTES)
    assert held(page) == pytest.approx([100, 100, 110, 110])


def test_an_intraday_benchmark_gives_daily_bars_the_close_of_their_day(beside: Beside) -> None:
    spy = {"2020-01-01 10:00": 9.0, "2020-01-01 15:00": 10.0, "2020-01-07 15:00": 12.0}
    assert held(beside(spy)) == pytest.approx([100] * 6 + [120])


def test_a_benchmark_needs_none_of_the_strategys_columns(beside: Beside, tmp_path: Path) -> None:
    beside(DAYS)
    lines = (tmp_path / "A.csv").read_text().splitlines()
    (tmp_path / "B.csv").write_text("\n".join([f"{lines[0]},pe", *(f"{x},7" for x in lines[1:])]))
    page = beside(DAYS, symbols="B", columns=["pe"])
    assert held(page)[-1] == pytest.approx(100 * 17 / 11)


@pytest.mark.parametrize(("factor", "kind"), [(False, "price return"), (True, "total return")])
def test_in_a_market_the_benchmark_says_whether_dividends_are_in_its_prices(
    factor: bool, kind: str, run_job: Callable[[bf.Job], bf.Run], tmp_path: Path
) -> None:
    for name in ("600000", "000300.SH"):
        rows = [f"2024-01-0{day},10,10,10,10,{1 + factor * day / 100}" for day in (2, 3, 4)]
        lines = "\n".join(["date,open,high,low,close,factor", *rows])
        (tmp_path / f"{name}.csv").write_text(lines)
    source = {"source": "csv", "path": str(tmp_path), "symbols": "600000"}
    job = bf.Job(
        strategy="buy-and-hold",
        data={**source, "options": {"factor": "factor"}},
        market={"rules": "cn-a"},
        results={"store": str(tmp_path / "runs"), "benchmark": "000300.SH"},
    )
    _, benchmark = task_page(run_job(job), 0).figures["account"].data
    assert benchmark.name == f"000300.SH bought and held ({kind})"
