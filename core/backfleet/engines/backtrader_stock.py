"""The engine `backtrader-stock`: plain backtrader, which the other engines are measured against."""

from __future__ import annotations

from typing import Any

from backfleet.engine import Engine, Outcome, Simulation
from backfleet.engines.bt import bt
from backfleet.engines.cerebro import simulate
from backfleet.engines.feed import FeedColumns, new_feed

__all__ = ["BacktraderStockEngine"]


class BacktraderStockEngine(Engine):
    """A plain `Cerebro` on a plain `PandasData`: slow, and right by definition."""

    name = "backtrader-stock"

    def run(self, simulation: Simulation) -> Outcome:
        return simulate(simulation, pandas_feed)


def pandas_feed(columns: FeedColumns) -> Any:
    """The feed of a symbol, read by backtrader row by row from a DataFrame."""
    # pandas takes a while to import, and the other engines do without it.
    import pandas as pd

    frame = pd.DataFrame(dict(columns.lines), index=pd.DatetimeIndex(columns.stamps))
    # `nocase` would take an extra column `Open` for the line `open`.
    return new_feed(bt.feeds.PandasData, columns, {"dataname": frame, "nocase": False})
