"""The prices a task ran on, read again from the run's source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from backfleet.bars import Bars
from backfleet.errors import BackfleetError, error_line
from backfleet.plan.manifest import TaskKey
from backfleet.plugins import row_hooks
from backfleet.runs.run import Run
from backfleet.worker.task_bars import BarsLoader

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["TaskPrices", "price_frame", "reason_of", "task_prices"]


@dataclass(frozen=True, eq=False)
class TaskPrices:
    """Adjusted prices by symbol, from the job's start on, without bars that cannot be traded.

    Attributes
    ----------
    frames
        Columns high, low, close and scale, by what the prices of fills are multiplied in these;
        indexed by local time; empty where they cannot be had.
    missing
        Why they cannot be had.
    """

    frames: Mapping[str, pd.DataFrame]
    missing: str = ""


def task_prices(run: Run, key: TaskKey) -> TaskPrices:
    """Return the prices of a task, or why they cannot be read, such as data that has changed."""
    try:
        names = [plugin.name for plugin in run.manifest.identity.plugins]
        # The same loader as in a worker: with the market, the hooks and the check of the data's
        # digest.
        bars = BarsLoader(run.task_context(), row_hooks(names)).of(key).bars
    except Exception as error:
        # A plugin that changes bars may raise anything; the rest of the report stands without it.
        return TaskPrices({}, reason_of(error))
    return TaskPrices({symbol_bars.symbol: price_frame(symbol_bars) for symbol_bars in bars})


def reason_of(error: Exception) -> str:
    """Return why bars cannot be read, as a clause without a full stop."""
    text = str(error) if isinstance(error, BackfleetError) else error_line(error)
    return text.rstrip(".")


def price_frame(bars: Bars) -> pd.DataFrame:
    """Return high, low, close and scale of tradable bars from the job's start on, by local time."""
    import pandas as pd

    zone = bars.timezone
    # Nanoseconds since the epoch in UTC become local times without a zone.
    index = pd.DatetimeIndex(bars.time.view("M8[ns]"), tz="UTC").tz_convert(zone).tz_localize(None)
    scale = bars.seen_scale
    columns = {"high": bars.high, "low": bars.low, "close": bars.close, "scale": scale}
    # Strategies neither trade in warm-up bars nor in bars of a halt.
    shown = bars.tradable & (np.arange(len(bars)) >= bars.warmup)
    return pd.DataFrame(columns, index=index)[shown]
