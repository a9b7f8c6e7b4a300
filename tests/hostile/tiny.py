"""A folder of tiny bars and strategies, in which the fuzzers run jobs."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

__all__ = ["STRATEGIES", "SYMBOLS", "write_tiny"]

SYMBOLS = ("AAA", "BBB", "C-1")
BARS = 12

STRATEGIES = '''
import backtrader as bt


class Quiet(bt.Strategy):
    """Has a parameter of each kind."""

    params = (("a", 1), ("b", 0.5), ("c", True), ("d", "text"), ("e", None), ("f", (1, 2)))

    def next(self):
        pass
'''


def write_tiny(folder: Path) -> Path:
    """Write `data/SYMBOL.csv` and `mine.py`, and return the folder."""
    (folder / "data").mkdir(parents=True)
    (folder / "mine.py").write_text(STRATEGIES)
    for number, symbol in enumerate(SYMBOLS, 1):
        days = (date(2024, 1, 1) + timedelta(day) for day in range(BARS))
        rows = (f"{day},1{number},13,9,1{day.day % 3},1000" for day in days)
        content = "\n".join(["date,open,high,low,close,volume", *rows, ""])
        (folder / "data" / f"{symbol}.csv").write_text(content)
    return folder
