"""Random walks for the comparison with peers, the same for all of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["write_market"]

FIRST_DAY = np.datetime64("2010-01-04", "D")
HOURS_A_DAY = 4


def write_market(path: Path, symbols: int, bars: int) -> None:
    """Write prices of some symbols; they have ticks of a hundredth and gaps between days."""
    draw = np.random.default_rng(20_240)
    shape = (symbols, bars)
    drift, width = (0.0003, 0.02) if bars < 10_000 else (0.0, 0.004)
    close = np.round(50.0 * np.exp(np.cumsum(draw.normal(drift, width, shape), axis=1)), 2)
    before = np.concatenate([close[:, :1], close[:, :-1]], axis=1)
    opened = np.round(before * np.exp(draw.normal(0.0, width / 4, shape)), 2)
    np.savez(
        path,
        times=_times(bars),
        open=opened,
        high=np.maximum(opened, close),
        low=np.minimum(opened, close),
        close=close,
    )


def _times(bars: int) -> NDArray[np.datetime64]:
    """Weekdays, since some peers trade on no others; of very many bars, four hours of each."""
    if bars < 10_000:
        return np.busday_offset(FIRST_DAY, np.arange(bars), roll="forward").astype("datetime64[h]")
    at = np.arange(bars)
    days = np.busday_offset(FIRST_DAY, at // HOURS_A_DAY, roll="forward")
    hours = (10 + at % HOURS_A_DAY).astype("timedelta64[h]")
    times: NDArray[np.datetime64] = days.astype("datetime64[h]") + hours
    return times
