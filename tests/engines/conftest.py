"""Bars for the engines' tests, and the two engines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backfleet.bars import Bars, Prices
from backfleet.engine import BrokerSettings, Outcome, Simulation
from backfleet.engines.backtrader import BacktraderEngine
from backfleet.engines.backtrader_stock import BacktraderStockEngine

SAMPLE = Path(__file__).parents[2] / "examples" / "data" / "cn-daily"
DAY_NS = 86_400_000_000_000
SHANGHAI_NS = 8 * 3_600_000_000_000

ENGINES = {engine.name: engine for engine in (BacktraderStockEngine(), BacktraderEngine())}


@pytest.fixture(scope="session")
def make_bars() -> Callable[..., Bars]:
    """Daily bars from opens, highs, lows and closes; the times are Shanghai's midnights."""

    def make(
        open: Any,
        close: Any = None,
        high: Any = None,
        low: Any = None,
        *,
        symbol: str = "X",
        **fields: Any,
    ) -> Bars:
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

    return make


@pytest.fixture(scope="session")
def sample_bars(make_bars: Callable[..., Bars]) -> Callable[[str], Bars]:
    """The bars of a sample stock, adjusted to its last bar, read with pandas."""

    def sample(symbol: str) -> Bars:
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

    return sample


@pytest.fixture(scope="session", params=list(ENGINES))
def engine(request: pytest.FixtureRequest) -> Any:
    """Each of the engines in turn."""
    return ENGINES[request.param]


@pytest.fixture(scope="session")
def on_both() -> Callable[..., Outcome]:
    """Runs a task on both engines, checks that they agree bit for bit, and returns one outcome."""

    def run(
        strategy: type,
        *bars: Bars,
        cash: float = 100_000.0,
        commission: float = 0.0002,
        **params: Any,
    ) -> Outcome:
        simulation = Simulation(strategy, params, bars, BrokerSettings(cash, commission))
        stock, bulk = (each.run(simulation) for each in ENGINES.values())
        for part in ("equity", "orders", "fills", "trades"):
            assert getattr(stock, part).tobytes() == getattr(bulk, part).tobytes(), part
        assert stock.metrics == bulk.metrics
        return bulk

    return run
