"""The prices a task ran on, read again from the run's source, and the benchmark made from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from backfleet.bars import Bars
from backfleet.errors import BackfleetError
from backfleet.plan.manifest import TaskKey
from backfleet.plugins import row_hooks
from backfleet.runs.run import Run
from backfleet.worker.task_bars import BarsLoader

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["TaskPrices", "buy_and_hold", "task_prices"]


@dataclass(frozen=True, eq=False)
class TaskPrices:
    """Adjusted prices by symbol, from the job's start on, without bars that cannot be traded.

    Attributes
    ----------
    frames
        Columns high, low, close, indexed by local time; empty where they cannot be had.
    missing
        Why they cannot be had.
    """

    frames: Mapping[str, pd.DataFrame]
    missing: str = ""


def task_prices(run: Run, key: TaskKey) -> TaskPrices:
    """The bars of a task, where the run's data is within reach and unchanged."""
    try:
        names = [each["name"] for each in run.manifest.identity["plugins"]]
        bars = BarsLoader(run.work_plan(), row_hooks(names)).of(key).bars
    except BackfleetError as error:
        return TaskPrices({}, str(error))
    except Exception as error:
        # A plugin that changes bars may raise anything; the rest of the report stands without it.
        return TaskPrices({}, f"{type(error).__name__}: {error}")
    return TaskPrices({each.symbol: _frame(each) for each in bars})


def _frame(bars: Bars) -> pd.DataFrame:
    import pandas as pd

    zone = bars.timezone
    index = pd.DatetimeIndex(bars.time.view("M8[ns]"), tz="UTC").tz_convert(zone).tz_localize(None)
    columns = {"high": bars.high, "low": bars.low, "close": bars.close}
    shown = bars.tradable & (np.arange(len(bars)) >= bars.warmup)
    return pd.DataFrame(columns, index=index)[shown]


def buy_and_hold(prices: TaskPrices, index: pd.DatetimeIndex, cash: float) -> pd.Series | None:
    """The account that buys all symbols for equal parts of the cash at their first close, and
    holds them, without costs; None without prices.

    A part is cash until its symbol's first bar.
    """
    frames = [frame["close"] for frame in prices.frames.values() if len(frame)]
    if not frames:
        return None
    growth = [
        (close / close.iloc[0]).reindex(index, method="ffill").fillna(1.0) for close in frames
    ]
    total: pd.Series = sum(growth[1:], growth[0]) * (cash / len(growth))
    return total
