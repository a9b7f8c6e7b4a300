"""Made-up daily bars as CSV files: a random walk, the same every time."""

from __future__ import annotations

import os
from datetime import date, timedelta
from pathlib import Path

import numpy as np

__all__ = ["write_job", "write_symbols"]

FIRST = date(2010, 1, 4)
LONG_AGO = 1_500_000_000
"""A time of modification at which a file's fingerprint is trusted at once."""

JOB = """
strategy = "{strategy}"
engine = "{engine}"

[params]
period = {{ start = 2, stop = {last}, step = 1 }}

[data]
source = "csv"
path = "{data}"
symbols = "*"

[broker]
cash = 100_000
commission = 0.0002

[results]
store = "{store}"
detail = "{detail}"
"""


def write_symbols(folder: Path, symbols: int, bars: int) -> Path:
    """One CSV file a symbol, S0000.csv and on, and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    days = _weekdays(bars)
    for number in range(symbols):
        file = folder / f"S{number:04}.csv"
        file.write_text("\n".join(["date,open,high,low,close,volume", *_lines(number, days)]))
        os.utime(file, (LONG_AGO, LONG_AGO))
    return folder


def write_job(
    file: Path,
    data: Path,
    points: int,
    *,
    strategy: str = "sma-crossover",
    engine: str = "backtrader",
    detail: str = "full",
    store: Path | None = None,
) -> Path:
    """A sweep of a strategy over the given number of periods and all symbols of a folder."""
    file.write_text(
        JOB.format(
            data=data,
            strategy=strategy,
            last=points + 1,
            engine=engine,
            detail=detail,
            store=store or file.with_suffix(".runs"),
        )
    )
    return file


def _weekdays(count: int) -> list[str]:
    days = (FIRST + timedelta(days=offset) for offset in range(count * 2))
    return [day.isoformat() for day in days if day.weekday() < 5][:count]


def _lines(seed: int, days: list[str]) -> list[str]:
    draw = np.random.default_rng(seed)
    close = 50.0 * np.cumprod(1.0 + draw.normal(0.0003, 0.015, len(days)))
    opened = close * (1.0 + draw.normal(0.0, 0.004, len(days)))
    high = np.maximum(opened, close) * (1.0 + draw.uniform(0.0, 0.01, len(days)))
    low = np.minimum(opened, close) * (1.0 - draw.uniform(0.0, 0.01, len(days)))
    volume = draw.integers(100_000, 9_000_000, len(days))
    columns = zip(days, opened, high, low, close, volume, strict=True)
    return [f"{day},{o:.4f},{h:.4f},{lo:.4f},{c:.4f},{v}" for day, o, h, lo, c, v in columns]
