"""Bars of the tests of markets, with raw prices and a factor."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backfleet.bars import Bars, Prices

__all__ = ["bars_of", "flat_bars"]


def bars_of(
    symbol: str,
    sessions: Sequence[str],
    rows: Sequence[tuple[float, float, float, float]],
    *,
    volume: float | Sequence[float] = 1e6,
    factor: Sequence[float] | None = None,
    tradable: Sequence[bool] | None = None,
) -> Bars:
    """Return daily bars from sessions and open, high, low, close."""
    days = np.array(sessions, "datetime64[D]")
    prices = Prices(*np.array(rows, np.float64).T.copy())
    return Bars(
        symbol=symbol,
        time=days.astype("M8[ns]").view(np.int64),
        session=days,
        prices=prices,
        raw=prices,
        volume=np.array(np.broadcast_to(volume, len(days)), np.float64),
        factor=np.ones(len(days)) if factor is None else np.array(factor, np.float64),
        tradable=np.array(np.broadcast_to(True if tradable is None else tradable, len(days))),
    )


def flat_bars(symbol: str, first: str, close: float = 10.0, count: int = 2) -> Bars:
    """Return weekday bars of one price, the first of them on a day."""
    days = np.busday_offset(np.datetime64(first), np.arange(count))
    return bars_of(symbol, days.astype(str).tolist(), [(close,) * 4] * count)
