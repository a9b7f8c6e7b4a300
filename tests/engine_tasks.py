"""Bars for the engines' tests, and tasks that run on both engines."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from backfleet.bars import Bars, Prices
from backfleet.engine import BrokerSettings, Outcome, Simulation
from backfleet.engines.backtrader import BacktraderEngine
from backfleet.engines.backtrader_stock import BacktraderStockEngine

__all__ = ["DAY_NS", "ENGINES", "SHANGHAI_NS", "make_bars", "run_on_both", "sample_bars"]

SAMPLE = Path(__file__).parents[1] / "examples" / "data" / "cn-daily"
DAY_NS = 86_400_000_000_000
SHANGHAI_NS = 8 * 3_600_000_000_000

ENGINES = {engine.name: engine for engine in (BacktraderStockEngine(), BacktraderEngine())}


def make_bars(
    open: ArrayLike,
    close: ArrayLike | None = None,
    high: ArrayLike | None = None,
    low: ArrayLike | None = None,
    *,
    symbol: str = "X",
    **fields: Any,
) -> Bars:
    """Return daily bars from opens, highs, lows and closes; the times are Shanghai's midnights."""
    opens = np.array(open, np.float64)
    closes = np.array(opens if close is None else close, np.float64)
    highs = np.maximum(opens, closes) if high is None else np.array(high, np.float64)
    lows = np.minimum(opens, closes) if low is None else np.array(low, np.float64)
    prices = Prices(opens, highs, lows, closes)
    count = len(opens)
    session = np.datetime64("2020-01-01", "D") + np.arange(count)
    fields.setdefault("session", session)
    fields.setdefault("time", session.astype(np.int64) * DAY_NS - SHANGHAI_NS)
    fields.setdefault("tradable", np.ones(count, np.bool_))
    fields.setdefault("extra", MappingProxyType({}))
    return Bars(
        symbol=symbol,
        prices=prices,
        raw=prices,
        volume=np.full(count, 1000.0),
        factor=np.ones(count),
        **fields,
    )


def sample_bars(symbol: str) -> Bars:
    """Return the bars of a sample stock, adjusted to its last bar, read with pandas."""
    frame = pd.read_csv(SAMPLE / f"{symbol}.csv")
    factor = frame["accumadjfactor"].to_numpy()
    names = ("openprice", "closeprice", "highestprice", "lowestprice")
    adjusted = (frame[name].to_numpy() * factor / factor[-1] for name in names)
    session = frame["tradedate"].to_numpy("datetime64[D]")
    return make_bars(
        *adjusted,
        symbol=symbol,
        session=session,
        time=session.astype(np.int64) * DAY_NS - SHANGHAI_NS,
    )


def run_on_both(
    strategy: type,
    *bars: Bars,
    cash: float = 100_000.0,
    commission: float = 0.0002,
    **params: Any,
) -> Outcome:
    """Run a task on both engines, check that they agree bit for bit, and return the outcome."""
    simulation = Simulation(strategy, params, bars, BrokerSettings(cash, commission))
    stock, bulk = (engine.run(simulation) for engine in ENGINES.values())
    for part in ("equity", "orders", "fills", "trades"):
        assert getattr(stock, part).tobytes() == getattr(bulk, part).tobytes(), part
    assert stock.metrics == bulk.metrics
    return bulk
