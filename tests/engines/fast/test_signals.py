"""Signal strategies beside backtrader's."""

# mypy: allow-subclassing-any

from __future__ import annotations

import random

import pytest

from backfleet.engines.bt import bt
from cerebro_runs import make_frame, same_as_stock

KINDS = [
    getattr(bt, name)
    for name in dir(bt)
    if name.startswith("SIGNAL_") and name not in ("SIGNAL_NONE", "SIGNAL_TYPES")
]


class RandomSignal(bt.Indicator):
    """Up, down, nothing, or not a number."""

    lines = ("signal",)
    params = (("seed", 0),)

    def once(self, start: int, end: int) -> None:
        draw = random.Random(self.p.seed)
        values = [1.0, -2.0, 0.0, -0.0, float("nan")]
        for bar in range(start, end):
            self.line.array[bar] = draw.choices(values, (6, 6, 2, 1, 1))[0]


class Decides(bt.SignalStrategy):
    """Has a `next` of its own, and changes its mind about which signals it has."""

    def next(self) -> None:
        if len(self) == 40:
            self._signals[bt.SIGNAL_LONGEXIT_ANY] = [self.data.close - 100.0]


@pytest.mark.parametrize("seed", range(12))
def test_random_signals_give_the_orders_that_they_give_on_backtrader(seed: int) -> None:
    draw = random.Random(seed)
    kinds = draw.choices(KINDS, k=draw.randint(1, 5))

    def setup(cerebro: bt.Cerebro) -> None:
        cerebro.adddata(bt.feeds.PandasData(dataname=make_frame(60)), name="d0")
        for number, kind in enumerate(kinds):
            cerebro.add_signal(kind, RandomSignal, seed=seed * 10 + number)
        cerebro.signal_accumulate(seed % 2 == 0)
        cerebro.signal_concurrent(seed % 3 == 0)
        if seed % 4 == 0:
            cerebro.signal_strategy(Decides)

    ran = same_as_stock(setup)
    assert ran.fallback is None
