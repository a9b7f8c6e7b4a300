"""A task's account over time: its value by bar and by session, and what follows from that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from backfleet.plan.manifest import Manifest, TaskKey
from backfleet.sources.bar_cache import sessions_per_year

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Drawdown", "TaskAccount", "local_times", "task_account"]

WINDOWS = (126, 63, 21)
"""Sessions of the rolling Sharpe: half a year where there are twice as many, else a quarter, a
month."""


@dataclass(frozen=True)
class Drawdown:
    """A time in which an account was below its running maximum.

    Attributes
    ----------
    depth
        Lowest value over the running maximum, minus 1.
    start, bottom
        The last session at the maximum, or the first of all, and the session of the lowest value.
    recovered
        The first session that reached the maximum again; None if the account has not recovered.
    """

    depth: float
    start: pd.Timestamp
    bottom: pd.Timestamp
    recovered: pd.Timestamp | None


@dataclass(frozen=True, eq=False)
class TaskAccount:
    """An account's value after each bar, indexed by the data's local time."""

    value: pd.Series
    cash: float
    periods_per_year: float

    @cached_property
    def by_session(self) -> pd.Series:
        """The value after each session's last bar."""
        # Intraday bars of a session share its midnight.
        return self.value.groupby(self.times.normalize()).last()

    @property
    def times(self) -> pd.DatetimeIndex:
        """The time of each bar, in the data's time zone."""
        import pandas as pd

        return pd.DatetimeIndex(self.value.index)

    @property
    def drawdown(self) -> pd.Series:
        """Value / (the highest value until then, the initial cash included) - 1, by bar."""
        # An account that loses from the first bar on is below its initial cash, not at a new
        # maximum.
        return self.value / self.value.cummax().clip(lower=self.cash) - 1.0

    @cached_property
    def returns(self) -> pd.Series:
        """Simple returns by session; the first session has none."""
        # The metrics begin with the second session, too: an order needs another bar to be filled.
        return self.by_session.pct_change().iloc[1:]

    @property
    def window(self) -> int | None:
        """The number of sessions of the rolling Sharpe ratio; None if the task has too few."""
        return next((window for window in WINDOWS if len(self.returns) >= 2 * window), None)

    def drawdowns(self, limit: int) -> Sequence[Drawdown]:
        """Return the deepest drawdowns by session, the deepest first."""
        values = self.by_session
        peaks = values.cummax().clip(lower=self.cash)
        below = (values < peaks).to_numpy()
        # Each run of sessions below the peak is one drawdown. It began in the session before.
        edges = np.flatnonzero(np.diff(below.astype(np.int8), prepend=0, append=0))
        depths = (values / peaks - 1.0).to_numpy()
        days = values.index
        drawdowns = []
        for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            bottom = start + int(depths[start:end].argmin())
            recovered = days[end] if end < len(days) else None
            drawdowns.append(
                Drawdown(float(depths[bottom]), days[max(start - 1, 0)], days[bottom], recovered)
            )
        return sorted(drawdowns, key=lambda drawdown: drawdown.depth)[:limit]

    def monthly(self) -> pd.DataFrame:
        """Return the returns by calendar month: rows by year, columns 1 to 12 and `year`.

        NaN stands for months without a session.

        The first month counts from the initial cash, every other from the end of the one before.
        """
        import pandas as pd

        index = pd.DatetimeIndex(self.by_session.index)
        ends = self.by_session.groupby([index.year, index.month]).last()
        # Years become rows and months columns; `reindex` adds months that no year has.
        months = (ends / ends.shift(1, fill_value=self.cash) - 1.0).unstack()
        months = months.reindex(columns=range(1, 13))
        years = self.by_session.groupby(index.year).last()
        months["year"] = years / years.shift(1, fill_value=self.cash) - 1.0
        return pd.DataFrame(months)


def task_account(manifest: Manifest, key: TaskKey, equity: pd.DataFrame) -> TaskAccount:
    """Return the account of a task from its equity, which has at least one bar."""
    value = equity.set_index(local_times(manifest, equity["time"]))["value"]
    value.index.name = None
    # The same order as for the row: the job's number, the symbol's own, or the sessions of a
    # portfolio.
    periods = manifest.periods_per_year
    if periods is None and len(key.symbols) == 1:
        periods = key.symbols[0].sessions_per_year
    if periods is None:
        days = np.unique(value.index.to_numpy().astype("datetime64[D]"))
        periods = sessions_per_year(days)
    return TaskAccount(value, manifest.broker.cash, periods)


def local_times(manifest: Manifest, times: pd.Series) -> pd.DatetimeIndex:
    """Convert UTC times to the data's local times, without a zone."""
    import pandas as pd

    zone = manifest.identity.data.timezone
    # Without a zone, plotly and the tables show the times as they are.
    return pd.DatetimeIndex(times.dt.tz_convert(zone).dt.tz_localize(None))
