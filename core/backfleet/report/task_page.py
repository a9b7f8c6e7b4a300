"""The report of one task: its account, its market, its trades, its orders, its metrics."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from backfleet.chunks.column_names import FIXED_COLUMNS, METRICS, parameter_column
from backfleet.report.against_benchmark import ComparedMetric, compare_accounts
from backfleet.report.metric_labels import MetricLabel, format_value, metric_label, notation
from backfleet.report.page import Page
from backfleet.report.run_facts import PageFacts, page_facts
from backfleet.report.task_account import TaskAccount
from backfleet.report.task_data import Task, TaskMarketData, market_data, read_task
from backfleet.report.task_figures import price_panels, task_figures
from backfleet.report.task_holdings import Holdings, contributions_table, task_holdings
from backfleet.report.task_tables import analyzers_table, orders_table, rejections, trades_table
from backfleet.results.row_problems import describe_problems
from backfleet.runs.run import Run

__all__ = ["task_page"]

TILES = ("final_value", "total_return", "cagr", "sharpe", "max_drawdown", "trades")
MAX_DRAWDOWNS = 5


def task_page(run: Run, index: int, benchmark: str | None = None) -> Page:
    """Return the report of task `index`, with another `benchmark` than the job's if one is given.

    Raises IndexError for a task that the run does not have, RunNotFound for one without a result,
    DataError if the given benchmark cannot be read, CorruptObject, StoreError.
    """
    task = read_task(run, index)
    facts = page_facts(run)
    market = market_data(task, benchmark)
    held = _held(market) if market else None
    holdings = _holdings(task, market) if market else None
    return Page(
        template="task.html",
        title=f"{task.key.name} · {run.manifest.name} · backfleet",
        context=_context(task, facts, market, held),
        data=_tables(task, market, holdings),
        figures=task_figures(task, market, held, holdings) if market else {},
        scripts=("filter.js", "table.js", "task.js"),
    )


def _held(market: TaskMarketData) -> TaskAccount | None:
    """Return the account of the benchmark."""
    value = market.benchmark.value
    # The same cash and sessions per year, so that both are measured alike.
    return None if value is None else replace(market.account, value=value)


def _holdings(task: Task, market: TaskMarketData) -> Holdings | None:
    manifest = task.run.manifest
    if task.details is None or not manifest.is_portfolio:
        return None
    return task_holdings(manifest, task.details, market.account, market.prices)


def _context(
    task: Task, facts: PageFacts, market: TaskMarketData | None, held: TaskAccount | None
) -> Mapping[str, Any]:
    run, values = task.run, task.values
    name = shlex.quote(run.url)
    more = {
        "Run it in this process": f"backfleet debug {name} {task.key.index}",
        "Show its output": f"backfleet logs {name} {task.key.index}",
    }
    return {
        # Warnings are about the run; its own page shows them.
        "facts": replace(facts, warnings=(), commands={**facts.commands, **more}),
        "key": task.key,
        "is_portfolio": run.manifest.is_portfolio,
        "error": values["error"],
        "notes": describe_problems(task.row),
        "tiles": [(metric_label(name), values[name]) for name in TILES],
        "metrics": _metrics(task),
        "custom": _custom(task),
        "notation": notation(),
        "account": market and market.account,
        "benchmark": market and market.benchmark,
        "compared": _compared(task, market, held) if market and held else [],
        "monthly": _monthly(market.account) if market else [],
        "drawdowns": market.account.drawdowns(MAX_DRAWDOWNS) if market else [],
        "prices_missing": market and market.prices.missing,
        "panels": price_panels(task, market.prices) if market else {},
        "keeps_detail": run.manifest.keeps_detail,
        "rejections": rejections(task.details.orders) if task.details else [],
        "trades": len(task.details.trades) if task.details else 0,
        "orders": len(task.details.orders) if task.details else 0,
        "analyzers": _has_analyzers(task),
    }


def _has_analyzers(task: Task) -> bool:
    tables = None if task.details is None else task.details.analyzers
    return tables is not None and len(tables) > 0


def _compared(task: Task, market: TaskMarketData, held: TaskAccount) -> Sequence[ComparedMetric]:
    rate = task.run.manifest.identity.results.risk_free_rate
    return compare_accounts(task.values, market.account, held, rate)


def _metrics(task: Task) -> Sequence[tuple[MetricLabel, str, Any]]:
    """Return the label of each metric, the number as shown, and as stored."""
    values = task.values
    return [
        (metric_label(name), format_value(name, values[name]), values[name]) for name in METRICS
    ]


def _custom(task: Task) -> Sequence[tuple[str, str]]:
    """Return the metrics of the strategy and of plugins."""
    fixed = FIXED_COLUMNS | {parameter_column(name) for name in task.key.params}
    return [
        (name, f"{value:,.6g}" if isinstance(value, float) else str(value))
        for name, value in task.values.items()
        if name not in fixed and value is not None
    ]


def _monthly(account: TaskAccount) -> Sequence[tuple[int, Sequence[float | None]]]:
    """Return each year with the returns of its twelve months and of the year."""
    return [
        (int(year), [None if value != value else float(value) for value in row])
        for year, row in zip(account.monthly().index, account.monthly().to_numpy(), strict=True)
    ]


def _tables(
    task: Task, market: TaskMarketData | None, holdings: Holdings | None
) -> Mapping[str, Any]:
    if task.details is None:
        return {}
    manifest = task.run.manifest
    tables = {
        "trades": trades_table(manifest, task.details.trades),
        "orders": orders_table(manifest, task.details.orders),
    }
    if task.details.analyzers is not None:
        tables["analyzers"] = analyzers_table(task.details.analyzers)
    if holdings is not None:
        tables["contributions"] = contributions_table(holdings, task.details, manifest.broker.cash)
    return tables
