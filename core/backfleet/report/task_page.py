"""The report of one task: its account, its market, its trades, its orders, its metrics."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from backfleet.chunks.column_names import METRICS, parameter_column
from backfleet.errors import RunNotFound
from backfleet.plan.manifest import TaskKey
from backfleet.report.benchmark import Benchmark, task_benchmark
from backfleet.report.metric_words import MetricWords, format_value, metric_words, notation
from backfleet.report.page import Page
from backfleet.report.run_facts import RunFacts, read_facts
from backfleet.report.task_account import TaskAccount, local_times, task_account
from backfleet.report.task_prices import TaskPrices, task_prices
from backfleet.report.task_tables import orders_table, rejections, trade_results, trades_table
from backfleet.report.thinning import thinned
from backfleet.results.read import read_results
from backfleet.results.row_problems import describe_problems
from backfleet.runs.run import Run

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go
    import pyarrow as pa

__all__ = ["task_page"]

TILES = ("final_value", "total_return", "cagr", "sharpe", "max_drawdown", "trades")
MOST_PANELS = 12
"""Symbols of a portfolio whose prices are drawn: those with the most fills."""


@dataclass(frozen=True)
class Details:
    """A task's details, as the run keeps them."""

    equity: pd.DataFrame
    orders: pd.DataFrame
    fills: pd.DataFrame
    trades: pd.DataFrame


@dataclass(frozen=True, eq=False)
class Market:
    """A task's account, and what it is drawn beside."""

    account: TaskAccount
    prices: TaskPrices
    benchmark: Benchmark


@dataclass(frozen=True)
class Task:
    """A task with a row; `details` is None where it failed or the run keeps none."""

    run: Run
    key: TaskKey
    row: pa.Table
    details: Details | None

    @property
    def values(self) -> Mapping[str, Any]:
        """The row's columns."""
        found: Mapping[str, Any] = self.row.to_pylist()[0]
        return found


def task_page(run: Run, index: int, benchmark: str | None = None) -> Page:
    """The report of task `index`, with another `benchmark` than the job's if one is given.

    Raises IndexError for a task that the run does not have, RunNotFound for one without a result,
    DataError where the benchmark that is given cannot be had, CorruptObject, StoreError.
    """
    task = _read(run, index)
    facts = read_facts(run)
    market = _market(task, benchmark)
    return Page(
        template="task.html",
        title=f"{task.key.name} · {run.manifest.name} · backfleet",
        context=_context(task, facts, market),
        data=_tables(task),
        figures=_figures(task, market) if market else {},
        scripts=("filter.js", "table.js"),
    )


def _read(run: Run, index: int) -> Task:
    import pyarrow.compute as pc

    key = run.manifest.task(index)
    rows = read_results(run.store, run.chunk_index)
    row = rows.filter(pc.equal(rows["task"], index))
    if not row.num_rows:
        raise RunNotFound(
            f"task {index} has no result yet; 'backfleet resume {shlex.quote(run.url)}' computes it"
        )
    failed = row["status"][0].as_py() == "error"
    if failed or not run.manifest.keeps_detail:
        return Task(run, key, row, None)
    details = Details(run.equity(index), run.orders(index), run.fills(index), run.trades(index))
    return Task(run, key, row, details)


def _market(task: Task, benchmark: str | None) -> Market | None:
    """None for a task without an equity curve."""
    run = task.run
    if task.details is None or not len(task.details.equity):
        return None
    account = task_account(run.manifest, task.key, task.details.equity)
    prices = task_prices(run, task.key)
    return Market(account, prices, task_benchmark(run, account, prices, benchmark))


def _context(task: Task, facts: RunFacts, market: Market | None) -> Mapping[str, Any]:
    run, values = task.run, task.values
    name = shlex.quote(run.url)
    more = {
        "Run it in this process": f"backfleet debug {name} {task.key.index}",
        "Show its output": f"backfleet logs {name} {task.key.index}",
    }
    return {
        "facts": replace(facts, warnings=(), commands={**facts.commands, **more}),
        "key": task.key,
        "is_portfolio": run.manifest.is_portfolio,
        "error": values["error"],
        "notes": describe_problems(task.row),
        "tiles": [(metric_words(each), values[each]) for each in TILES],
        "metrics": _metrics(task),
        "custom": _custom(task),
        "notation": notation(),
        "account": market and market.account,
        "benchmark": market and market.benchmark,
        "monthly": _monthly(market.account) if market else [],
        "prices_missing": market and market.prices.missing,
        "panels": list(_panels(task, market.prices)) if market else [],
        "keeps_detail": run.manifest.keeps_detail,
        "rejections": rejections(task.details.orders) if task.details else [],
        "trades": len(task.details.trades) if task.details else 0,
        "orders": len(task.details.orders) if task.details else 0,
    }


def _metrics(task: Task) -> Sequence[tuple[MetricWords, str, Any]]:
    """Words, the number as shown, and as stored."""
    values = task.values
    return [
        (metric_words(name), format_value(name, values[name]), values[name]) for name in METRICS
    ]


def _custom(task: Task) -> Sequence[tuple[str, str]]:
    """What the strategy and plugins left of themselves."""
    names = {parameter_column(name) for name in task.key.params}
    fixed = {"task", "symbol", "status", "error", "seconds", "engine", "origin", *METRICS, *names}
    return [
        (name, f"{value:,.6g}" if isinstance(value, float) else str(value))
        for name, value in task.values.items()
        if name not in fixed and value is not None
    ]


def _monthly(account: TaskAccount) -> Sequence[tuple[int, Sequence[float | None]]]:
    """Year, and the returns of its twelve months and its own."""
    return [
        (int(year), [None if value != value else float(value) for value in row])
        for year, row in zip(account.monthly().index, account.monthly().to_numpy(), strict=True)
    ]


def _panels(task: Task, prices: TaskPrices) -> Mapping[str, str]:
    """The id of each price figure, to its symbol."""
    there = [name for name, frame in prices.frames.items() if len(frame)]
    if task.details is not None:
        fills = task.details.fills["symbol"].value_counts()
        there.sort(key=lambda name: -int(fills.get(name, 0)))
    return {f"price-{at}": name for at, name in enumerate(there[:MOST_PANELS])}


def _figures(task: Task, market: Market) -> Mapping[str, go.Figure]:
    from backfleet.report.figures import account as draw_account
    from backfleet.report.figures import trading as draw_trading

    assert task.details is not None
    account, prices, held = market.account, market.prices, market.benchmark.value
    figures = {
        "account": draw_account.account_figure(
            thinned(account.value),
            None if held is None else thinned(held).rename(market.benchmark.label),
        ),
        "drawdown": draw_account.drawdown_figure(thinned(account.drawdown)),
    }
    fills = task.details.fills
    fills = fills.assign(time=local_times(task.run.manifest, fills["time"]))
    for panel, symbol in _panels(task, prices).items():
        frame, own = prices.frames[symbol], fills[fills["symbol"] == symbol]
        # Fills are in traded prices, and the chart has adjusted ones.
        # A night in which clocks are set back has some local times twice.
        scale = frame["scale"][~frame.index.duplicated()]
        own = own.assign(price=own["price"] * scale.reindex(own["time"]).to_numpy())
        figures[panel] = draw_trading.price_figure(thinned(frame), own, symbol)
    if account.window is not None:
        sharpe = draw_account.rolling_sharpe(
            account.returns, account.periods_per_year, account.window
        )
        figures["rolling-sharpe"] = draw_account.rolling_sharpe_figure(sharpe, account.window)
    results = trade_results(task.details.trades)
    if len(results):
        figures["trade-results"] = draw_trading.trade_results_figure(results)
    return figures


def _tables(task: Task) -> Mapping[str, Any]:
    if task.details is None:
        return {}
    manifest = task.run.manifest
    return {
        "trades": trades_table(manifest, task.details.trades),
        "orders": orders_table(manifest, task.details.orders),
    }
