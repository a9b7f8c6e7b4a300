"""The report of one task: its numbers are the store's."""

from __future__ import annotations

import csv
import math
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import backfleet as bf
from backfleet.errors import RunNotFound
from backfleet.metrics import Metrics
from backfleet.report.page import render_file
from backfleet.report.task_page import task_page

Parse = Callable[[str], Any]
TASK = 2
"""600519 at the period 15, the reference."""


@pytest.fixture(scope="module")
def html(sweep: bf.Run) -> str:
    return render_file(task_page(sweep, TASK))


def test_the_metrics_are_those_of_the_store(html: str, parsed: Parse, sweep: bf.Run) -> None:
    page = parsed(html)
    row = sweep.results().iloc[TASK]
    shown = {
        each["data-metric"]: each["data-value"]
        for _, each in page.elements
        if "data-metric" in each
    }
    assert list(shown) == list(Metrics._fields)
    for name, text in shown.items():
        assert float(text) == row[name], name
    assert page.value("sharpe") == f"{row['sharpe']:.3f}"


def test_every_trade_and_order_is_there(html: str, parsed: Parse, sweep: bf.Run) -> None:
    page = parsed(html)
    trades, orders = sweep.trades(TASK), sweep.orders(TASK)
    assert page.column("trades", "pnl_net") == trades["pnl_net"].tolist()
    assert page.column("trades", "opened") == [
        f"{time.tz_convert('Asia/Shanghai'):%Y-%m-%d}" for time in trades["opened"]
    ]
    assert page.column("orders", "status") == orders["status"].tolist()


def test_rejected_orders_are_counted_by_reason(html: str, parsed: Parse, sweep: bf.Run) -> None:
    text = parsed(html).text
    reasons = sweep.orders(TASK)["reason"].value_counts()
    at_fill = reasons["cash_at_fill"]
    assert at_fill > 0
    assert f"due to insufficient cash at the fill {at_fill} " in text


def test_months_multiply_to_the_total_return(html: str, sweep: bf.Run) -> None:
    table = html[html.index('<table class="months">') :]
    cells = re.findall(r'title="([^"]+)"', table[: table.index("</table>")])
    months, years = [], []
    rows = re.findall(r"<tr>.*?</tr>", table[: table.index("</table>")], re.DOTALL)[1:]
    for row in rows:
        found = [float(each) for each in re.findall(r'title="([^"]+)"', row)]
        months += found[:-1]
        years.append(found[-1])
    total = sweep.results()["total_return"][TASK]
    assert len(cells) == len(months) + len(years)
    assert math.prod(1 + each for each in months) - 1 == pytest.approx(total, rel=1e-12)
    assert math.prod(1 + each for each in years) - 1 == pytest.approx(total, rel=1e-12)


def test_the_benchmark_is_the_symbol_bought_and_held(sweep: bf.Run, sample_data: Path) -> None:
    page = task_page(sweep, TASK)
    strategy, held = page.figures["account"].data
    assert list(strategy.y) == sweep.equity(TASK)["value"].tolist()
    with (sample_data / "600519.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    closes = [float(row["closeprice"]) * float(row["accumadjfactor"]) for row in rows]
    assert held.y[0] == 100_000
    assert held.y[-1] == pytest.approx(100_000 * closes[-1] / closes[0])


def test_fills_are_marked_in_the_price(sweep: bf.Run) -> None:
    figure = task_page(sweep, TASK).figures["price-0"]
    fills = sweep.fills(TASK)
    bought, sold = figure.data[-2:]
    assert list(bought.y) == fills[fills["size"] > 0]["price"].tolist()
    assert list(sold.y) == fills[fills["size"] < 0]["price"].tolist()


def test_the_deepest_drawdown_of_the_figure_is_the_metric(sweep: bf.Run) -> None:
    figure = task_page(sweep, TASK).figures["drawdown"]
    assert min(figure.data[0].y) == sweep.results()["max_drawdown"][TASK]


def test_without_its_data_a_task_has_no_price_and_says_why(
    make_job: Callable[..., bf.Job],
    run_job: Callable[[bf.Job], bf.Run],
    tmp_path: Path,
    sample_data: Path,
    parsed: Parse,
) -> None:
    data = shutil.copytree(sample_data, tmp_path / "data")
    job = make_job(tmp_path / "runs", params={"period": 15})
    job = job.model_copy(update={"data": job.data.model_copy(update={"path": str(data)})})
    run = run_job(job)
    shutil.rmtree(data)
    page = parsed(render_file(task_page(run, 0)))
    assert "the run's data cannot be read here" in page.text
    assert str(data) in page.text
    assert "figure-account" in page.blocks
    assert "figure-price-0" not in page.blocks


def test_a_portfolio_names_its_symbols(
    make_job: Callable[..., bf.Job],
    run_job: Callable[[bf.Job], bf.Run],
    tmp_path: Path,
    parsed: Parse,
) -> None:
    job = make_job(tmp_path, params={"period": 15})
    data = job.data.model_copy(update={"universe": "portfolio"})
    run = run_job(job.model_copy(update={"data": data}))
    page = task_page(run, 0)
    text = parsed(render_file(page)).text
    assert "Portfolio of 2 symbols" in text
    assert {"price-0", "price-1", "account"} <= set(page.figures)
    assert set(parsed(render_file(page)).column("orders", "symbol")) == {"600519", "600559"}


def test_a_failed_task_shows_its_error_as_text(hostile: bf.Run, parsed: Parse) -> None:
    html = render_file(task_page(hostile, 2))
    assert "ValueError: </script><script>window.hacked=2</script>" in parsed(html).text
    assert "<script>window" not in html
    assert "<img" not in html


def test_hostile_names_stay_text(hostile: bf.Run, parsed: Parse) -> None:
    html = render_file(task_page(hostile, 0))
    assert "<script>window.hacked=1<!--" in parsed(html).text
    assert "<b>mine</b>" in parsed(html).text
    assert "<script>window" not in html
    assert "<b>" not in html


def test_a_task_without_a_result_says_how_to_compute_it(planned: Callable[..., bf.Run]) -> None:
    with pytest.raises(RunNotFound, match="task 3 has no result yet; 'backfleet resume"):
        task_page(planned(), 3)
    with pytest.raises(IndexError, match="tasks 0 to 7, no task 8"):
        task_page(planned(), 8)
