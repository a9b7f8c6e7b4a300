"""What a strategy can keep of its orders, do to them, and make of them later."""

# mypy: allow-subclassing-any

from __future__ import annotations

import copy
import itertools
import pickle
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from backfleet.engines.bt import bt
from cerebro_runs import make_frame, same_as_stock

ATTRIBUTES = (
    "ref",
    "status",
    "size",
    "plen",
    "exectype",
    "tradeid",
    "dteos",
    "my_tag",
    "triggered",
)
DATA = ("dt", "size", "remsize", "price", "value", "comm", "pnl", "margin", "p1", "p2", "pclose")
Act = Callable[[Any], Any]


def facts(order: bt.Order) -> list[Any]:
    """What an order says of itself, with `my_tag`, which strategies here set."""
    parts = [[getattr(part, name) for name in DATA] for part in (order.created, order.executed)]
    bits = [[bit.size, bit.price, bit.pnl] for bit in order.executed.exbits]
    own = [getattr(order, name, "none") for name in ATTRIBUTES]
    return [own, parts, bits, list(order.info.items()), order.getstatusname(), order.isbuy()]


class Keeps(bt.Strategy):
    """Buys and sells by turns, tags some orders, keeps all it gets, and looks again at the end."""

    def __init__(self) -> None:
        self.kept: list[Any] = []
        self.seen: list[Any] = []

    def next(self) -> None:
        size = 10_000 if len(self) % 7 == 3 else 10
        order = (self.sell if len(self) % 2 else self.buy)(size=size, note=len(self))
        if len(self) % 3:
            order.my_tag = len(self)
        self.kept += [order, order.created, order.executed]
        self.keep_copies(order)

    def keep_copies(self, order: bt.Order) -> None:
        if len(self) % 5 == 0:
            self.kept += [order.clone(), copy.copy(order), *self.broker.get_orders_open(safe=True)]

    def notify_order(self, order: bt.Order) -> None:
        order.addinfo(status=order.status)
        self.seen.append(facts(order))
        self.kept += [order, order.executed]

    def stop(self) -> None:
        for item in self.kept:
            is_order = isinstance(item, bt.Order)
            self.seen.append(facts(item) if is_order else [getattr(item, name) for name in DATA])
            self.seen.append(len(item.executed if is_order else item))


class NamesLater(bt.Strategy):
    """Names an order that came alone, by itself or by a notification of it, in a later one."""

    params = (("come", "filled"), ("by", "parent"), ("copy", False))

    def __init__(self) -> None:
        self.notified: list[Any] = []
        self.seen: list[Any] = []

    def next(self) -> None:
        moment = len(self) % 8
        if moment == 1:
            size = 10_000 if self.p.come == "refused" else 10
            self.first = self.buy(size=size)
        elif moment == 2 and self.p.come == "canceled":
            self.cancel(self.first)
        if moment == (1 if self.p.come == "alive" else 3):
            self.name_it()
        if moment == 6:
            self.close()

    def name_it(self) -> None:
        named = self.notified[0] if self.p.copy and self.notified else self.first
        low, high = self.data.close[0] * 0.99, self.data.close[0] * 1.01
        for kind, price in ((bt.Order.Stop, low), (bt.Order.Limit, high)):
            self.sell(size=5, exectype=kind, price=price, **{self.p.by: named})
        self.sell(size=1, **{self.p.by: named})

    def notify_order(self, order: bt.Order) -> None:
        self.notified = [order, *self.notified][:4]
        self.seen.append([order.ref, order.status, order.executed.size])


def with_strategy(frame: pd.DataFrame, strategy: type[bt.Strategy], **params: Any) -> Act:
    def setup(cerebro: bt.Cerebro) -> None:
        cerebro.adddata(bt.feeds.PandasData(dataname=frame))
        cerebro.addstrategy(strategy, **params)

    return setup


@pytest.mark.parametrize("terms", [{}, {"shortcash": False}, {"coc": True}, {"checksubmit": False}])
def test_what_is_kept_of_an_order_reads_as_on_backtrader(terms: dict[str, Any]) -> None:
    keeps = with_strategy(make_frame(60), Keeps)

    def setup(cerebro: bt.Cerebro) -> None:
        keeps(cerebro)
        for name, value in terms.items():
            setattr(cerebro.broker.p, name, value)

    (strategy,) = same_as_stock(setup, witness=False).strategies
    assert len(strategy.kept) > 200


@pytest.mark.parametrize(
    ("come", "by", "copied"),
    list(
        itertools.product(
            ("alive", "filled", "canceled", "refused"), ("parent", "oco"), (False, True)
        )
    ),
)
def test_an_order_that_came_alone_can_be_named_later(come: str, by: str, copied: bool) -> None:
    setup = with_strategy(make_frame(60), NamesLater, come=come, by=by, copy=copied)
    assert same_as_stock(setup, witness=False).orders > 5


def test_an_order_can_be_pickled_without_its_surroundings() -> None:
    from backfleet import Cerebro

    cerebro = Cerebro()
    with_strategy(make_frame(30), Keeps)(cerebro)
    (strategy,) = cerebro.run()
    order = next(
        candidate for candidate in strategy._orders if candidate.status == bt.Order.Completed
    )
    again = pickle.loads(pickle.dumps((order.created, order.executed)))
    assert [getattr(part, name) for part in again for name in DATA] == [
        getattr(part, name) for part in (order.created, order.executed) for name in DATA
    ]
    assert [bit.price for bit in again[1].exbits] == [bit.price for bit in order.executed.exbits]
