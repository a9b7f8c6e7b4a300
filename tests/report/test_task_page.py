"""The report of one task: its numbers are the store's."""

from __future__ import annotations

import csv
import math
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import backfleet as bf
import backfleet.results.read as reading
from backfleet.errors import RunNotFound
from backfleet.metrics import Metrics
from backfleet.report.against_benchmark import measure_benchmark
from backfleet.report.page import render_file
from backfleet.report.task_account import TaskAccount, task_account
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
        attributes["data-metric"]: attributes["data-value"]
        for _, attributes in page.elements
        if "data-metric" in attributes
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
        values = [float(value) for value in re.findall(r'title="([^"]+)"', row)]
        months += values[:-1]
        years.append(values[-1])
    total = sweep.results()["total_return"][TASK]
    assert len(cells) == len(months) + len(years)
    assert math.prod(1 + growth for growth in months) - 1 == pytest.approx(total, rel=1e-12)
    assert math.prod(1 + growth for growth in years) - 1 == pytest.approx(total, rel=1e-12)


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


def test_a_long_price_keeps_its_highest_and_its_lowest_close(
    sweep: bf.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = task_page(sweep, TASK).figures["price-0"].data[2]
    monkeypatch.setattr("backfleet.report.task_figures.MAX_POINTS", 20)
    drawn = task_page(sweep, TASK).figures["price-0"].data[2]
    assert drawn.name == "close"
    assert len(drawn.y) <= 20 < len(whole.y)
    assert (min(drawn.y), max(drawn.y)) == (min(whole.y), max(whole.y))


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


def test_the_benchmark_is_measured_by_the_formulas_of_the_results(sweep: bf.Run) -> None:
    key = sweep.manifest.task(TASK)
    account = task_account(sweep.manifest, key, sweep.equity(TASK))
    row = sweep.results().iloc[TASK]
    for name, value in measure_benchmark(account, 0.0).items():
        assert value == pytest.approx(row[name], rel=1e-12), name


def test_the_account_stands_against_the_benchmark(html: str, sweep: bf.Run) -> None:
    page = task_page(sweep, TASK)
    strategy, held = (np.array(trace.y) for trace in page.figures["account"].data)
    returns = [np.diff(values) / values[:-1] for values in (strategy, held)]
    beta = np.cov(*returns)[0, 1] / np.var(returns[1], ddof=1)
    correlation = np.corrcoef(*returns)[0, 1]
    shown = dict(re.findall(r'data-compared="([a-z_]+)">([^<]*)<', html))
    assert shown["beta"] == f"{beta:.3f}"
    assert shown["correlation"] == f"{correlation:.3f}"
    row = re.search(r'data-compared="total_return">[^<]*</td><td class="number">([^<]*)<', html)
    assert row is not None
    assert row[1] == f"{held[-1] / 100_000 - 1:.2%}"


def test_years_of_the_account_and_of_the_benchmark_are_bars(sweep: bf.Run) -> None:
    strategy, held = task_page(sweep, TASK).figures["years"].data
    total = sweep.results()["total_return"][TASK]
    assert math.prod(1 + growth for growth in strategy.y) - 1 == pytest.approx(total)
    account = task_page(sweep, TASK).figures["account"].data[1]
    assert math.prod(1 + growth for growth in held.y) == pytest.approx(account.y[-1] / 100_000)


def test_drawdowns_are_listed_with_their_dates_the_deepest_first() -> None:
    days = pd.date_range("2024-01-01", periods=8)
    values = [100.0, 90.0, 95.0, 110.0, 111.0, 99.9, 88.8, 100.0]
    first, second = TaskAccount(pd.Series(values, days), 100.0, 252.0).drawdowns(5)
    assert first.depth == pytest.approx(-0.2)
    assert (first.start, first.bottom, first.recovered) == (days[4], days[6], None)
    assert second.depth == pytest.approx(-0.1)
    assert (second.start, second.bottom, second.recovered) == (days[0], days[1], days[3])
    assert len(TaskAccount(pd.Series(values, days), 100.0, 252.0).drawdowns(1)) == 1


def test_excursions_of_all_closed_trades_are_drawn(sweep: bf.Run) -> None:
    page, trades = task_page(sweep, TASK), sweep.trades(TASK)
    closed = trades[trades["closed"].notna()]
    for name in ("mae", "mfe"):
        drawn = [value for trace in page.figures[name].data for value in trace.x]
        assert sorted(drawn) == sorted(closed[name])


@pytest.fixture(scope="module")
def portfolio(
    make_job: Callable[..., bf.Job],
    run_job: Callable[[bf.Job], bf.Run],
    tmp_path_factory: pytest.TempPathFactory,
) -> bf.Run:
    job = make_job(tmp_path_factory.mktemp("portfolio"), params={"period": 15})
    data = job.data.model_copy(update={"universe": "portfolio"})
    return run_job(job.model_copy(update={"data": data}))


def test_a_portfolio_names_its_symbols(portfolio: bf.Run, parsed: Parse) -> None:
    page = task_page(portfolio, 0)
    text = parsed(render_file(page)).text
    assert "Portfolio of 2 symbols" in text
    assert {"price-0", "price-1", "account"} <= set(page.figures)
    assert set(parsed(render_file(page)).column("orders", "symbol")) == {"600519", "600559"}


def test_only_one_price_chart_of_a_portfolio_is_shown_at_once(
    portfolio: bf.Run, parsed: Parse
) -> None:
    page = parsed(render_file(task_page(portfolio, 0)))
    places = [
        attributes["data-figure"]
        for _, attributes in page.elements
        if attributes.get("data-figure")
    ]
    assert [name for name in places if name.startswith("price-")] == ["price-0"]
    assert [attributes["value"] for tag, attributes in page.elements if tag == "option"] == [
        "price-0",
        "price-1",
    ]


def test_contributions_of_the_symbols_add_up_to_the_profit(
    portfolio: bf.Run, parsed: Parse
) -> None:
    page = parsed(render_file(task_page(portfolio, 0)))
    profit = portfolio.results()["final_value"][0] - 100_000
    assert sum(page.column("contributions", "contribution")) == pytest.approx(profit)
    fees = portfolio.results()["fees"][0]
    assert sum(page.column("contributions", "fees")) == pytest.approx(fees)


def test_holdings_add_up_to_the_exposure(portfolio: bf.Run) -> None:
    figures = task_page(portfolio, 0).figures
    weights = np.sum([trace.y for trace in figures["holdings"].data], axis=0)
    equity = portfolio.equity(0)
    assert weights == pytest.approx((equity["exposure"] / equity["value"]).to_numpy(), abs=1e-9)
    assert list(figures["exposure"].data[0].y) == (equity["exposure"] / equity["value"]).tolist()


def test_turnover_of_the_months_is_what_was_traded(portfolio: bf.Run) -> None:
    (trace,) = task_page(portfolio, 0).figures["turnover"].data
    fills, equity = portfolio.fills(0), portfolio.equity(0)
    value = equity.groupby(equity["local_time"].dt.to_period("M"))["value"].mean()
    traded = (np.array(trace.y) * 2 * value.to_numpy()).sum()
    assert traded == pytest.approx((fills["size"].abs() * fills["price"]).sum())


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


def test_a_task_of_a_run_of_millions_has_a_page(
    sweep: bf.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although such a run is not read with all columns."""
    expected = dict(sweep.results().iloc[5])
    monkeypatch.setattr(reading, "MAX_TABLE_TASKS", 4)
    page = task_page(sweep, 5)
    values = {words.name: value for words, _, value in page.context["metrics"]}
    assert values == {name: expected[name] for name in values}


def test_a_task_without_a_result_says_how_to_compute_it(planned: Callable[..., bf.Run]) -> None:
    with pytest.raises(RunNotFound, match="task 3 has no result yet; 'backfleet resume"):
        task_page(planned(), 3)
    with pytest.raises(IndexError, match="tasks 0 to 7, no task 8"):
        task_page(planned(), 8)
