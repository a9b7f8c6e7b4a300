"""The returns, trades and fees of points in a window: slices of accounts over all sessions, or
accounts that begin with the window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from backfleet.job.windowed_points import Window
from backfleet.plan.windows import CutWindows
from backfleet.results.daily import DailyReturns

__all__ = ["FlatSeries", "FoldSeries", "RunningSeries", "WindowReturns"]

Days = NDArray[np.datetime64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class WindowReturns:
    """The returns and costs of points in a window.

    Attributes
    ----------
    days
        datetime64[D]: the sessions of the window on which the points have a return.
    returns
        float64 of shape (days, points); NaN for points of which a task failed or is missing.
    trades, fees
        float64 of shape (days, points): trades that closed, and commissions paid. None if they are
        not stored, or if nobody asked for them.
    """

    days: Days
    returns: Floats
    trades: Floats | None = None
    fees: Floats | None = None


class FoldSeries(Protocol):
    """The points of one symbol, or of all symbols in equal weights."""

    @property
    def symbol(self) -> str | None:
        """The symbol; None for all symbols."""

    def window(self, parts: Sequence[range]) -> WindowReturns:
        """Return what the points earn in a window, given as ranges of sessions."""


@dataclass(frozen=True, eq=False)
class RunningSeries:
    """Windows are slices of one account per point.

    Attributes
    ----------
    windows
        Numbers the sessions.
    daily
        Returns over all sessions.
    trades, fees
        float64 of shape (days, points), on the days of `daily`.
    """

    windows: CutWindows
    daily: DailyReturns
    trades: Floats | None = None
    fees: Floats | None = None

    @property
    def symbol(self) -> str | None:
        return self.daily.symbol

    def window(self, parts: Sequence[range]) -> WindowReturns:
        """Return the slices of the accounts."""
        # Parts are numbered by sessions of the union of all symbols, some of which this symbol
        # lacks.
        days = np.concatenate([self.windows.days[part.start : part.stop] for part in parts])
        at = np.flatnonzero(np.isin(self.daily.days, days))
        trades, fees = (None if one is None else one[at] for one in (self.trades, self.fees))
        return WindowReturns(self.daily.days[at], self.daily.returns[at], trades, fees)


@dataclass(frozen=True, eq=False)
class FlatSeries:
    """Every window has accounts of its own.

    Attributes
    ----------
    windows
        Numbers the sessions.
    symbol
        The symbol; None for all symbols.
    by_span
        What the points earn in each window, by its first and last session.
    """

    windows: CutWindows
    symbol: str | None
    by_span: Mapping[Window, WindowReturns]

    def window(self, parts: Sequence[range]) -> WindowReturns:
        """Return the accounts of a window. Raises KeyError if the run has no such window."""
        # Only windows of groups have several parts, and a job's groups cannot begin flat.
        (part,) = parts
        return self.by_span[self.windows.span(part)]
