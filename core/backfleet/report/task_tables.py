"""The tables of a task's report: trades, orders, why orders were rejected, and analyzers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from backfleet.engine import RejectReason
from backfleet.metrics.task_status import REJECTIONS
from backfleet.plan.manifest import Manifest
from backfleet.report.data_table import Heading, data_table
from backfleet.report.task_account import local_times

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["analyzers_table", "closed_trades", "orders_table", "rejections", "trades_table"]

TRADES = (
    Heading("number", "Trade", "count"),
    Heading("symbol", "Symbol"),
    Heading("side", "Side"),
    Heading("opened", "Opened", "time"),
    Heading("closed", "Closed", "time", "Empty while the trade is open."),
    Heading("bars", "Bars", "count", "Bars held."),
    Heading("size", "Size", "number", "The largest position held; negative is short."),
    Heading("price", "Entry", "price", "Mean price of the entry."),
    Heading("exit_price", "Exit", "price", "Mean price of the exit."),
    Heading("return", "Return", "percent", "Net result / (size × entry price)."),
    Heading("mae", "MAE", "percent", "Maximum adverse excursion from the entry price."),
    Heading("mfe", "MFE", "percent", "Maximum favorable excursion from the entry price."),
    Heading("pnl_net", "Net P&L", "money", "After fees, in the currency of the prices."),
    Heading("commission", "Fees", "money"),
)
ORDERS = (
    Heading("number", "Order", "count"),
    Heading("symbol", "Symbol"),
    Heading("created", "Created", "time", "The bar in which the strategy placed it."),
    Heading("closed", "Closed", "time", "Empty while the order is alive."),
    Heading("type", "Type"),
    Heading("size", "Size", "number", "Ordered size; negative means sell."),
    Heading("status", "Status"),
    Heading("reason", "Reject reason"),
    Heading("filled", "Filled", "number"),
    Heading("fill_price", "Fill price", "price"),
    Heading("commission", "Fees", "money"),
)
ANALYZERS = (
    Heading("number", "Line", "count"),
    Heading("analyzer", "Analyzer"),
    Heading("key", "Key"),
    Heading("local_time", "Time", "time", "The date or time that the analyzer gives the value."),
    Heading("row", "Row", "count", "In a list of lists, counted from 0."),
    Heading("column", "Column", "count", "In a list, counted from 0."),
    Heading("value", "Value", "number"),
    Heading("text", "Text"),
)


def closed_trades(trades: pd.DataFrame) -> pd.DataFrame:
    """Return the closed trades, with their numbers among all trades."""
    numbered = trades.assign(number=range(len(trades)))
    return numbered[trades["closed"].notna()]


def trades_table(manifest: Manifest, trades: pd.DataFrame) -> Mapping[str, Any]:
    """Return all trades, for the page's script."""
    frame = trades.assign(
        number=range(len(trades)),
        opened=_moments(manifest, trades["opened"]),
        closed=_moments(manifest, trades["closed"]),
    )
    return data_table(frame, _headings(TRADES, manifest))


def orders_table(manifest: Manifest, orders: pd.DataFrame) -> Mapping[str, Any]:
    """Return all orders, for the page's script."""
    frame = orders.assign(
        created=_moments(manifest, orders["created"]),
        closed=_moments(manifest, orders["closed"]),
        reason=orders["reason"].astype(str).map(_why),
    )
    return data_table(frame, _headings(ORDERS, manifest))


def analyzers_table(analyzers: pd.DataFrame) -> Mapping[str, Any]:
    """Return the tables of analyzers, for the page's script, without empty columns."""
    frame = analyzers.assign(
        number=range(len(analyzers)), local_time=_local_texts(analyzers["local_time"])
    )
    # Most analyzers fill only some of the columns that describe the place of a value.
    used = {
        "key": bool((frame["key"] != "").any()),
        "row": bool(frame["row"].any()),
        "column": bool(frame["column"].any()),
        "text": bool(frame["text"].notna().any()),
    }
    return data_table(frame, [heading for heading in ANALYZERS if used.get(heading.name, True)])


def rejections(orders: pd.DataFrame) -> Sequence[tuple[str, int, float]]:
    """Return each reason of rejections with its count and share of all orders, by frequency."""
    counts = orders["reason"].value_counts()
    return [
        (_why(reason) or "", int(count), int(count) / len(orders))
        for reason, count in counts.items()
        if count and _why(str(reason))
    ]


def _headings(headings: Sequence[Heading], manifest: Manifest) -> Sequence[Heading]:
    """Return the headings, without the symbol if there is only one."""
    return [heading for heading in headings if heading.name != "symbol" or manifest.is_portfolio]


def _why(reason: object) -> str | None:
    # None for an order that was not rejected.
    return REJECTIONS.get(RejectReason[str(reason).upper()])


def _moments(manifest: Manifest, times: pd.Series) -> pd.Series:
    return _local_texts(local_times(manifest, times).to_series(index=times.index))


def _local_texts(times: pd.Series) -> pd.Series:
    """Return local times as text that sorts, without a time of day if it is always midnight."""
    daily = bool((times.dropna() == times.dropna().dt.normalize()).all())
    texts: pd.Series = times.dt.strftime("%Y-%m-%d" if daily else "%Y-%m-%d %H:%M:%S")
    return texts
