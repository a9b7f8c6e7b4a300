"""The holdings of a portfolio task over time, and what each symbol contributed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backfleet.plan.manifest import Manifest
from backfleet.report.data_table import Heading, data_table
from backfleet.report.task_account import TaskAccount, local_times
from backfleet.report.task_data import Details
from backfleet.report.task_prices import TaskPrices

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Holdings",
    "contributions_table",
    "exposure_by_bar",
    "monthly_turnover",
    "task_holdings",
]

Floats = NDArray[np.float64]

MAX_NAMED = 10
"""Symbols with an area of their own; the others share one."""

OTHERS = "others"

CONTRIBUTIONS = (
    Heading("symbol", "Symbol"),
    Heading("trades", "Closed trades", "count"),
    Heading(
        "contribution",
        "Contribution",
        "money",
        "Profit and loss after fees, open positions included.",
    ),
    Heading("part", "Of the initial cash", "percent", "Contribution / initial cash."),
    Heading("fees", "Fees", "money"),
    Heading(
        "weight", "Mean weight", "percent", "Mean over the bars of value held / account value."
    ),
    Heading("held", "Time held", "percent", "Fraction of the bars with a position."),
)


@dataclass(frozen=True, eq=False)
class Holdings:
    """The positions of a portfolio over time.

    Attributes
    ----------
    weights
        Value held / account value after each bar, by symbol, indexed by local time. Negative
        weights are short positions.
    contributions
        By symbol: profit and loss after fees, in the currency of the prices.
    """

    weights: pd.DataFrame
    contributions: pd.Series

    def largest(self) -> pd.DataFrame:
        """Return the weights of the symbols with the largest mean, and of the others together."""
        order = self.weights.abs().mean().sort_values(ascending=False, kind="stable").index
        named = self.weights[list(order[:MAX_NAMED])]
        if len(order) > MAX_NAMED:
            named = named.assign(**{OTHERS: self.weights[list(order[MAX_NAMED:])].sum(axis=1)})
        return named


def task_holdings(
    manifest: Manifest, details: Details, account: TaskAccount, prices: TaskPrices
) -> Holdings | None:
    """Return what a task held, None if it never traded or if its prices cannot be had.

    Sizes are counted in adjusted shares, so a split changes no holding, and a dividend counts as
    part of the symbol that paid it.
    """
    import pandas as pd

    fills = details.fills
    symbols = [name for name in prices.frames if (fills["symbol"] == name).any()]
    # If a symbol that was traded has no prices, the weights do not add up.
    if not symbols or any(not len(prices.frames[name]) for name in symbols):
        return None
    fills = fills.assign(at=local_times(manifest, fills["time"]))
    weights, contributions = {}, {}
    for name in symbols:
        own = fills[fills["symbol"] == name]
        held, paid = _held_and_paid(own, prices.frames[name], account.times)
        weights[name] = held / account.value.to_numpy()
        # What is still held is valued at the last bar, so open positions are included.
        contributions[name] = float(held[-1] - paid)
    return Holdings(pd.DataFrame(weights, index=account.value.index), pd.Series(contributions))


def _held_and_paid(
    fills: pd.DataFrame, prices: pd.DataFrame, times: pd.DatetimeIndex
) -> tuple[Floats, float]:
    """Return the value held after each bar, and the money paid for it, fees included."""
    # A night in which clocks are set back has some local times twice.
    prices = prices[~prices.index.duplicated(keep="last")]
    # Adjusted price / traded price, at the last bar up to each fill.
    scale = prices["scale"].reindex(fills["at"], method="ffill").bfill().to_numpy(np.float64)
    # Traded shares, negative for a sale. Divided by the scale, they are adjusted shares.
    sizes = fills["size"].to_numpy(np.float64)
    shares = np.concatenate(([0.0], np.cumsum(sizes / scale)))
    # Number of fills up to each bar, those of the bar included; fills are in the order of time.
    place = np.searchsorted(fills["at"].to_numpy(), times.to_numpy(), "right")
    # 0 before the symbol's first bar, when none of it is held.
    closes = prices["close"].reindex(times, method="ffill").fillna(0.0).to_numpy(np.float64)
    paid = float((sizes * fills["price"].to_numpy(np.float64)).sum() + fills["commission"].sum())
    held: Floats = shares[place] * closes
    # Sums of fractions leave rounding behind where nothing is held.
    held[np.abs(held) < 1e-9 * np.abs(held).max(initial=0.0)] = 0.0
    return held, paid


def contributions_table(holdings: Holdings, details: Details, cash: float) -> Mapping[str, Any]:
    """Return one row per symbol that was traded."""
    import pandas as pd

    names = list(holdings.contributions.index)
    closed = details.trades[details.trades["closed"].notna()]["symbol"].value_counts()
    fees = details.fills.groupby("symbol", observed=True)["commission"].sum()
    frame = pd.DataFrame(
        {
            "symbol": names,
            "trades": [int(closed.get(name, 0)) for name in names],
            "contribution": holdings.contributions.to_numpy(),
            "part": holdings.contributions.to_numpy() / cash,
            "fees": fees.reindex(names).to_numpy(),
            "weight": holdings.weights[names].mean().to_numpy(),
            "held": (holdings.weights[names] != 0.0).mean().to_numpy(),
        }
    )
    return data_table(frame, CONTRIBUTIONS)


def exposure_by_bar(details: Details, account: TaskAccount) -> pd.Series:
    """Return the gross value of all positions / account value, after each bar."""
    exposure: pd.Series = account.value.copy()
    # The stored exposure is an amount of money.
    exposure[:] = details.equity["exposure"].to_numpy() / account.value.to_numpy()
    return exposure


def monthly_turnover(manifest: Manifest, details: Details, account: TaskAccount) -> pd.Series:
    """Return traded value / (2 * mean account value) of each month, indexed by its first day."""
    import pandas as pd

    # Buying and selling a position once is a turnover of 1, hence the factor of 2.
    traded = (details.fills["size"].abs() * details.fills["price"]).to_numpy()
    months = local_times(manifest, details.fills["time"]).to_period("M")
    value = account.value.groupby(account.times.to_period("M")).mean()
    sums = pd.Series(traded).groupby(months).sum().reindex(value.index, fill_value=0.0)
    turnover: pd.Series = sums / (2.0 * value)
    return turnover.set_axis(pd.PeriodIndex(value.index).to_timestamp())
