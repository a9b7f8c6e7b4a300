"""What every peer's script is given and prints. It needs numpy only: each peer has its own Python.

A script is called as `python NAME.py CASE DATA`, with the path of a file that `market.py` made, and
prints one line of JSON. The cases: `one`, a backtest of the reference strategy with period 15 over
a symbol's bars; `sweep`, every period of every symbol. The reference strategy buys as many whole
shares as the cash pays for when the close is above its simple average, and sells all when it is
below; orders fill at the next open.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["CASH", "COMMISSION", "PERIOD", "PERIODS", "Market", "Work", "first_of", "serve"]

CASH = 100_000.0
COMMISSION = 0.0002
PERIOD = 15
PERIODS = tuple(range(5, 205, 10))

MAX_SECONDS = 5.0
"""After a first time that warms up, a case is repeated until it has taken so long, or as often as
`MAX_TIMES`."""

MAX_TIMES = 15


@dataclass(frozen=True)
class Market:
    """Prices of float64, of shape (symbols, bars), at times that all symbols share."""

    times: Any
    open: Any
    high: Any
    low: Any
    close: Any

    @classmethod
    def load(cls, path: str) -> Market:
        with np.load(path, allow_pickle=False) as arrays:
            return cls(*(arrays[name] for name in ("times", "open", "high", "low", "close")))

    def only(self, symbol: int) -> Market:
        """One symbol, as a market of its own."""
        prices = (self.open, self.high, self.low, self.close)
        return Market(self.times, *(column[symbol : symbol + 1] for column in prices))

    def frame(self, symbol: int, *, capitals: bool = False) -> Any:
        """A symbol's bars as a DataFrame, by time."""
        import pandas as pd

        columns = {
            "open": self.open[symbol],
            "high": self.high[symbol],
            "low": self.low[symbol],
            "close": self.close[symbol],
            "volume": np.full(len(self.times), 1e6),
        }
        if capitals:
            columns = {name.capitalize(): values for name, values in columns.items()}
        index = pd.DatetimeIndex(self.times.astype("datetime64[ns]"), name="date")
        return pd.DataFrame(columns, index=index)


@dataclass(frozen=True)
class Work:
    """A case, ready to be measured.

    Attributes
    ----------
    run
        Runs all its tasks once, and returns the final value of the first.
    tasks
        How many there are. A peer to which a whole sweep would take hours runs a part of it.
    """

    run: Callable[[], float]
    tasks: int


def first_of(values: list[float]) -> float:
    """The first of values that were all computed."""
    return values[0]


def serve(name: str, prepare: Callable[[str, Market], Work]) -> None:
    """Measure the case that the command line names, on one core, after a run that warms up."""
    case, path = sys.argv[1:]
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    market = Market.load(path)
    work = prepare(case, market)
    final = work.run()
    taken: list[float] = []
    while not taken or (sum(taken) < MAX_SECONDS and len(taken) < MAX_TIMES):
        began = time.perf_counter()
        work.run()
        taken.append(time.perf_counter() - began)
    print(
        json.dumps(
            {
                "name": name,
                "seconds": min(taken),
                "tasks": work.tasks,
                "final": float(final),
                "memory": _peak_memory(),
            }
        )
    )


def _peak_memory() -> float:
    """In MB; what `resource` says begins with the memory of the process that started this one."""
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024
