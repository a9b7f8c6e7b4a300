"""A strategy that places random orders, and random bars for it."""

# mypy: allow-subclassing-any

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import numpy as np

from backfleet.bars import Bars
from backfleet.engines.bt import bt
from engine_tasks import make_bars

__all__ = ["RandomOrders", "random_bars"]


class RandomOrders(bt.Strategy):
    """Orders of every kind, cancels and brackets, as a seed has it."""

    params = (("seed", 0),)

    def __init__(self) -> None:
        self.random = random.Random(self.p.seed)
        self.made: list[Any] = []

    def prenext(self) -> None:
        self.next()

    def next(self) -> None:
        self.act()

    def act(self) -> None:
        chance = self.random
        data = chance.choice([data for data in self.datas if len(data)])
        if self.made and chance.random() < 0.15:
            self.cancel(chance.choice(self.made))
        if chance.random() < 0.1:
            self.made += self.buy_bracket(data=data, size=5, price=data.close[0] * 0.99)
        if chance.random() < 0.1:
            self.made.append(self.close(data=data))
        if chance.random() < 0.7:
            self.made.append(self.place(data))
        self.made = [order for order in self.made if order is not None]

    def place(self, data: bt.DataBase) -> bt.Order:
        chance, order = self.random, bt.Order
        kinds = (order.Market, order.Close, order.Limit, order.Stop, order.StopLimit)
        kind = chance.choice((*kinds, order.StopTrail, order.Market))
        close = data.close[0]
        options: dict[str, Any] = {"data": data, "size": chance.randint(1, 120), "exectype": kind}
        options["tradeid"] = chance.choice((0, 0, 0, 1))
        if kind in (order.Limit, order.Stop, order.StopLimit):
            options["price"] = close * chance.uniform(0.97, 1.03)
            options["valid"] = chance.choice((None, timedelta(days=2)))
        if kind == order.StopLimit:
            options["plimit"] = close * chance.uniform(0.97, 1.03)
        if kind == order.StopTrail:
            options["trailamount"] = close * 0.02
        return chance.choice((self.buy, self.sell))(**options)


def random_bars(seed: int, count: int, symbol: str = "X") -> Bars:
    """A random walk in which a tenth of the days is suspended."""
    draw = np.random.default_rng(seed)
    close = 20.0 * np.exp(np.cumsum(draw.normal(0.0, 0.03, count)))
    open_ = close * np.exp(draw.normal(0.0, 0.02, count))
    high = np.maximum(open_, close) * (1.0 + draw.random(count) * 0.02)
    low = np.minimum(open_, close) * (1.0 - draw.random(count) * 0.02)
    tradable = draw.random(count) > 0.1
    tradable[0] = True
    return make_bars(open_, close, high, low, symbol=symbol, tradable=tradable)
