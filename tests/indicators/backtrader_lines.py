"""backtrader's indicators, each over arrays of prices, as the oracle."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import backtrader as bt
import numpy as np
from numpy.typing import NDArray

__all__ = ["Floats", "Lines", "lines_of"]

Floats = NDArray[np.float64]
Lines = tuple[Floats, ...]

ENOUGH_BARS = 200
"""More than any indicator of these tests needs before its first value."""


class ArrayFeed(bt.feed.DataBase):  # backtrader has no types
    """A feed whose bars come from arrays."""

    params = (("prices", None),)

    def start(self) -> None:
        super().start()
        self.position = 0

    def _load(self) -> bool:
        if self.position >= len(self.p.prices["close"]):
            return False
        for name in ("high", "low", "close"):
            getattr(self.lines, name)[0] = self.p.prices[name][self.position]
        self.lines.open[0] = self.lines.close[0]
        self.lines.volume[0] = self.lines.openinterest[0] = 0.0
        self.lines.datetime[0] = 700_000.0 + self.position
        self.position += 1
        return True


def lines_of(indicator: Callable[[Any], Any], prices: Mapping[str, Floats]) -> Lines | None:
    """All lines of an indicator, made from a feed, run by a plain Cerebro with `runonce`.

    None where backtrader stops at a division by zero.
    """
    count = len(prices["close"])
    try:
        return tuple(line[:count] for line in _run(indicator, prices))
    except ZeroDivisionError:
        return None
    except IndexError:
        # There are fewer bars than the indicator needs: backtrader wants more, which change nothing
        # in those that there are.
        return lines_of_first(count, indicator, prices)


def lines_of_first(
    count: int, indicator: Callable[[Any], Any], prices: Mapping[str, Floats]
) -> Lines | None:
    more = np.tile([1.0, 1.02, 0.99, 1.01], ENOUGH_BARS // 4)
    longer = {name: np.concatenate([line, line[-1] * more]) for name, line in prices.items()}
    lines = lines_of(indicator, longer)
    return lines and tuple(line[:count] for line in lines)


def _run(indicator: Callable[[Any], Any], prices: Mapping[str, Floats]) -> Lines:
    class Holder(bt.Strategy):  # backtrader has no types
        def __init__(self) -> None:
            self.indicator = indicator(self.data)

    cerebro = bt.Cerebro(runonce=True, stdstats=False)
    cerebro.adddata(ArrayFeed(prices=prices))
    cerebro.addstrategy(Holder)
    (strategy,) = cerebro.run()
    return tuple(np.array(line.array, np.float64) for line in strategy.indicator.lines)
