"""Support for the tests of strategies, executors and markets in other packages.

Authors of plugins subclass `StrategyConformance` (`strategy.py`), `ExecutorConformance`
(`executor.py`) or `MarketConformance` (`market.py`). `markets.py` builds synthetic daily bars, the
same every time, with trends, gaps, halts and splits; pytest finds the fixtures of `plugin.py` by
itself. `probes.py` holds strategies with a known behavior, which workers can import on every
executor.

The names below are imported when they are first used, so a pytest without such tests pays nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from backfleet.testing.executor import ExecutorConformance
    from backfleet.testing.market import MarketConformance
    from backfleet.testing.markets import MARKETS, synthetic_bars
    from backfleet.testing.strategy import StrategyConformance, run_strategy

__all__ = [
    "MARKETS",
    "ExecutorConformance",
    "MarketConformance",
    "StrategyConformance",
    "run_strategy",
    "synthetic_bars",
]

# Public name to the module that defines it.
_HOMES = {
    "ExecutorConformance": "backfleet.testing.executor",
    "MARKETS": "backfleet.testing.markets",
    "MarketConformance": "backfleet.testing.market",
    "StrategyConformance": "backfleet.testing.strategy",
    "run_strategy": "backfleet.testing.strategy",
    "synthetic_bars": "backfleet.testing.markets",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'backfleet.testing' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
