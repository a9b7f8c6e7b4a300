"""Random walks for the comparison with peers, the same for all of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

__all__ = ["write_market"]

FIRST_DAY = np.datetime64("1700-01-03", "D")
RECENT_DAY = np.datetime64("2010-01-04", "D")


def write_market(path: Path, symbols: int, bars: int) -> None:
    """Write prices of so many symbols; they have ticks of a hundredth and gaps between days."""
    draw = np.random.default_rng(20_240)
    shape = (symbols, bars)
    drift, width = (0.0003, 0.02) if bars < 10_000 else (0.0, 0.004)
    close = np.round(50.0 * np.exp(np.cumsum(draw.normal(drift, width, shape), axis=1)), 2)
    before = np.concatenate([close[:, :1], close[:, :-1]], axis=1)
    opened = np.round(before * np.exp(draw.normal(0.0, width / 4, shape)), 2)
    # Weekdays: some peers trade on no others.
    start = RECENT_DAY if bars < 10_000 else FIRST_DAY
    days = np.busday_offset(start, np.arange(bars), roll="forward")
    np.savez(
        path,
        days=days,
        open=opened,
        high=np.maximum(opened, close),
        low=np.minimum(opened, close),
        close=close,
    )
