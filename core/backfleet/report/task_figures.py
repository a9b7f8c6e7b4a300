"""The figures of a task's report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from backfleet.report.downsample import MAX_POINTS, downsample
from backfleet.report.task_account import TaskAccount, local_times
from backfleet.report.task_data import Details, Task, TaskMarketData
from backfleet.report.task_holdings import (
    OTHERS,
    Holdings,
    exposure_by_bar,
    monthly_turnover,
)
from backfleet.report.task_prices import TaskPrices
from backfleet.report.task_tables import closed_trades

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["price_panels", "task_figures"]

MAX_PANELS = 12
"""Symbols of a portfolio whose prices are drawn: those with the most fills."""

PANEL_POINTS = 750
"""Bars of each price chart if there are several."""


def price_panels(task: Task, prices: TaskPrices) -> Mapping[str, str]:
    """Return the symbol of each price figure, by the figure's id."""
    names = [name for name, frame in prices.frames.items() if len(frame)]
    if task.details is not None:
        fills = task.details.fills["symbol"].value_counts()
        # Sorting is stable: symbols with equally many fills stay in the order of the run.
        names.sort(key=lambda name: -int(fills.get(name, 0)))
    return {f"price-{at}": name for at, name in enumerate(names[:MAX_PANELS])}


def task_figures(
    task: Task, market: TaskMarketData, held: TaskAccount | None, holdings: Holdings | None
) -> Mapping[str, go.Figure]:
    """Return the figures by their ids.

    Parameters
    ----------
    held
        The account of the benchmark, if it can be had.
    holdings
        What a portfolio held, if it is one and its prices can be had.
    """
    assert task.details is not None
    return {
        **_account_figures(task, market, held),
        **_price_figures(task, task.details, market.prices),
        **_trade_figures(task.details),
        **(_portfolio_figures(task, task.details, market, holdings)),
    }


def _account_figures(
    task: Task, market: TaskMarketData, held: TaskAccount | None
) -> Mapping[str, go.Figure]:
    from backfleet.report.figures import account as draw

    account, label = market.account, market.benchmark.label
    figures = {
        "account": draw.account_figure(
            downsample(account.value),
            None if held is None else downsample(held.value).rename(label),
        ),
        "drawdown": draw.drawdown_figure(downsample(account.drawdown)),
        "years": draw.yearly_figure(
            account.monthly()["year"],
            None if held is None else held.monthly()["year"].rename(label),
        ),
    }
    if account.window is not None:
        periods = account.periods_per_year
        risk_free = task.run.manifest.identity.results.risk_free_rate / periods
        sharpe = draw.rolling_sharpe(account.returns - risk_free, periods, account.window)
        figures["rolling-sharpe"] = draw.rolling_sharpe_figure(sharpe, account.window)
    return figures


def _price_figures(task: Task, details: Details, prices: TaskPrices) -> Mapping[str, go.Figure]:
    from backfleet.report.figures.trading import price_figure

    figures = {}
    fills = details.fills.assign(time=local_times(task.run.manifest, details.fills["time"]))
    panels = price_panels(task, prices)
    # Only one price chart of several is shown at a time, but all are in the page.
    points = MAX_POINTS if len(panels) == 1 else PANEL_POINTS
    for panel, symbol in panels.items():
        frame, own = prices.frames[symbol], fills[fills["symbol"] == symbol]
        # Fills are in traded prices, and the chart has adjusted ones.
        # A night in which clocks are set back has some local times twice.
        scale = frame["scale"][~frame.index.duplicated()]
        own = own.assign(price=own["price"] * scale.reindex(own["time"]).to_numpy())
        # The rows with the highest and the lowest close stay, so it is the last column.
        drawn = downsample(frame[["high", "low", "close"]], points)
        figures[panel] = price_figure(drawn, own, symbol)
    return figures


def _trade_figures(details: Details) -> Mapping[str, go.Figure]:
    from backfleet.report.figures.trading import excursion_figure, trade_results_figure

    closed = closed_trades(details.trades)
    if not len(closed):
        return {}
    figures = {"trade-results": trade_results_figure(closed["return"])}
    for column, title in (
        ("mae", "maximum adverse excursion"),
        ("mfe", "maximum favorable excursion"),
    ):
        if closed[column].notna().any():
            figures[column] = excursion_figure(closed, column, title)
    return figures


def _portfolio_figures(
    task: Task, details: Details, market: TaskMarketData, holdings: Holdings | None
) -> Mapping[str, go.Figure]:
    from backfleet.report.figures import portfolio as draw

    if not task.run.manifest.is_portfolio:
        return {}
    figures = {
        "exposure": draw.exposure_figure(downsample(exposure_by_bar(details, market.account))),
        "turnover": draw.turnover_figure(
            monthly_turnover(task.run.manifest, details, market.account)
        ),
    }
    if holdings is not None:
        weights = downsample(holdings.largest(), PANEL_POINTS)
        figures["holdings"] = draw.holdings_figure(weights, OTHERS)
    return figures
