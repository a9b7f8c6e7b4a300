"""Strategies that read, write and copy what backtrader shows them, on both engines."""

# mypy: allow-subclassing-any

from __future__ import annotations

import copy
import pickle
import random
import re
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backfleet.engines.bt import bt
from cerebro_runs import same_as_stock

DEFAULT_CASES, MANY_CASES = 60, 5000
FEEDS = ("d0", "d1")
RUNS: tuple[dict[str, Any], ...] = ({}, {}, {}, {"stdstats": False}, {"runonce": False})
COPIES: tuple[Callable[[Any], Any], ...] = (
    copy.copy,
    copy.deepcopy,
    lambda part: pickle.loads(pickle.dumps(part)),
)


def shown(part: object) -> Any:
    """All that a script can print of an object, without its address."""
    text = re.sub(r" at 0x[0-9a-f]+", "", f"{type(part).__module__} {part!r}")
    if isinstance(part, (bt.Position, bt.order.OrderData, bt.order.OrderExecutionBit)):
        return [text, {name: shown(value) for name, value in vars(part).items()}, str(part)[:9]]
    if isinstance(part, bt.Order):
        names = {name: shown(value) for name, value in vars(part).items() if name not in UNSHOWN}
        parameters = vars(part.params)
        plain = {name: repr(value) for name, value in parameters.items() if name in PLAIN}
        return [text, list(vars(part)), names, list(parameters), plain]
    if isinstance(part, dict):
        return [type(part).__name__, [shown(value) for value in part.values()]]
    if isinstance(part, (list, tuple, deque)):
        return [type(part).__name__, *map(shown, part)]
    if type(part).__module__ in ("builtins", "numpy", "datetime"):
        return text
    return type(part).__name__


UNSHOWN = ("params", "p", "comminfo")
PLAIN = ("size", "price", "pricelimit", "exectype", "valid", "tradeid", "transmit", "histnotify")


class Quiet(bt.Analyzer):
    """An analyzer to assign listeners to."""


class Pokes(bt.Strategy):
    """Reads, writes and copies at random whatever is public."""

    params = (("seed", 0), ("calm", False))

    def __init__(self) -> None:
        self.chance = random.Random(self.p.seed)
        self.seen: list[Any] = []
        self.kept: list[Any] = []
        self.writes = [name for name in dir(self) if name.startswith("write_")]
        self.reads = [name for name in dir(self) if name.startswith("read_")]
        if self.p.calm:
            self.writes = self.chance.sample(self.writes, 2)

    def notify_order(self, order: bt.Order) -> None:
        self.kept.append(order)
        if self.chance.random() < 0.3:
            self.seen.append(shown(order))

    def prenext(self) -> None:
        self.next()

    def next(self) -> None:
        broker = self.broker
        self.seen.append([len(self), shown([broker.get_cash(), broker.get_value()])])
        for names, share in ((self.reads, 0.6), (self.writes, 0.15), (("trade",), 0.5)):
            if self.chance.random() < share:
                self.attempt(self.chance.choice(names))

    def attempt(self, name: str) -> None:
        data = self.chance.choice(self.datas)
        try:
            result = getattr(self, name)(data)
        except Exception as error:
            result = f"{type(error).__name__}: {error}"
        self.seen.append([name, shown(result)])

    # Trades and reads

    def trade(self, data: bt.DataBase) -> Any:
        if not len(data):
            return None
        options: dict[str, Any] = {"data": data, "size": self.chance.choice([1, 10, 0.5, 3000])}
        options |= self.chance.choice(
            [{}, {}, {}, {"exectype": bt.Order.Market}, {"note": 1}, {"tradeid": 1}]
        )
        if self.chance.random() < 0.2:
            options |= {"exectype": bt.Order.Limit, "price": data.close[0]}
        order = self.chance.choice([self.buy, self.sell, self.buy])(**options)
        self.kept.append(order)
        return order if self.chance.random() < 0.3 else None

    def read_account(self, data: bt.DataBase) -> Any:
        broker = self.broker
        return [
            broker.cash, broker.startingcash, broker.get_leverage(), broker.fundvalue,
            broker.fundshares, broker.getvalue([data]), broker.getvalue(mkt=True),
            broker.getvalue(lever=True), broker.getvalue(self.datas),
        ]  # fmt: skip

    def read_position(self, data: bt.DataBase) -> Any:
        position = self.getposition(data)
        return [position, len(position), bool(position), position.clone(), str(position)]

    def read_datetime(self, data: bt.DataBase) -> Any:
        return self.getposition(data).datetime

    def read_copied_position(self, data: bt.DataBase) -> Any:
        copied = self.chance.choice(COPIES)(self.getposition(data))
        copied.update(3, 7.0)
        return copied

    def read_positions(self, data: bt.DataBase) -> Any:
        return [self.broker.positions, copy.copy(self.broker.positions), self.positions]

    def read_order(self, data: bt.DataBase) -> Any:
        return self.chance.choice(self.kept)

    def read_order_text(self, data: bt.DataBase) -> Any:
        return re.sub(r"0x\w+", "", str(self.chance.choice(self.kept)))

    def read_copied_order(self, data: bt.DataBase) -> Any:
        return copy.copy(self.chance.choice(self.kept))

    def read_clone(self, data: bt.DataBase) -> Any:
        return self.chance.choice(self.kept).clone()

    def read_created(self, data: bt.DataBase) -> Any:
        order = self.chance.choice(self.kept)
        return [self.chance.choice(COPIES)(part) for part in (order.created, order.executed)]

    def read_parameters(self, data: bt.DataBase) -> Any:
        order = self.chance.choice(self.kept)
        return [type(order.params).__name__, list(vars(copy.copy(order.params)))]

    def read_ticks(self, data: bt.DataBase) -> Any:
        names = ("open", "high", "low", "close", "volume", "openinterest", "last")
        return [len(data), *(getattr(data, f"tick_{name}") for name in names)]

    def read_schemes(self, data: bt.DataBase) -> Any:
        schemes = self.broker.comminfo
        return [copy.copy(schemes), list(schemes), type(schemes).__name__]

    # Writes

    def write_order(self, data: bt.DataBase) -> Any:
        order = self.chance.choice(self.kept)
        vars(order)["my_note"] = len(self)
        order.my_mark = 1
        return order

    def write_cash(self, data: bt.DataBase) -> None:
        self.broker.setcash(self.chance.choice([20_000, 5_000.0]))

    def write_cash_directly(self, data: bt.DataBase) -> None:
        self.broker.cash = self.chance.choice([20_000, 5_000.0])

    def write_more_cash(self, data: bt.DataBase) -> None:
        self.broker.add_cash(self.chance.choice([100, -50.0]))

    def write_position(self, data: bt.DataBase) -> Any:
        position, size = self.getposition(data), self.chance.choice([5, -3, 2.5])
        if self.chance.random() < 0.5:
            return position.update(size, 20.0, self.datetime.datetime())
        return self.chance.choice([position.update, position.set, position.fix])(size, 20.0)

    def write_size(self, data: bt.DataBase) -> None:
        self.getposition(data).size = self.chance.choice([0, 4])

    def write_fields(self, data: bt.DataBase) -> None:
        vars(self.getposition(data))["price"] = 12.5

    def write_positions(self, data: bt.DataBase) -> None:
        positions = self.broker.positions
        action = self.chance.randrange(5)
        if action == 0:
            positions[data] = bt.Position(4, 21.0)
        elif action == 1:
            positions.clear()
        elif action == 2:
            positions.pop(data, None)
        elif action == 3:
            positions.update({data: bt.Position(-2, 19.0)})
        else:
            self.broker.positions = copy.copy(positions)

    def write_schemes(self, data: bt.DataBase) -> None:
        schemes, scheme = self.broker.comminfo, self.some_scheme()
        action = self.chance.randrange(5)
        if action == 0:
            schemes[None] = scheme
        elif action == 1:
            schemes.update(d0=scheme)
        elif action == 2:
            schemes.pop("d0", None)
        elif action == 3:
            self.broker.setcommission(commission=0.002, name=self.chance.choice([None, "d1"]))
        else:
            self.broker.comminfo = {None: scheme}

    def some_scheme(self) -> Any:
        return self.chance.choice(
            [
                bt.CommissionInfo(commission=0.003),
                bt.CommissionInfo(commission=2.0, margin=15.0, mult=2.0),
                bt.CommInfoBase(commission=0.001, interest=0.1, stocklike=True, percabs=True),
            ]
        )

    def write_terms(self, data: bt.DataBase) -> None:
        self.broker.set_slippage_fixed(self.chance.choice([0.0, 0.05]))

    def write_listener(self, data: bt.DataBase) -> None:
        owner = self.chance.choice([self, *self.analyzers])
        name = self.chance.choice(["cashvalue", "fund", "trade", "order"])
        number = len(self)
        setattr(owner, f"notify_{name}", lambda *args: self.seen.append([number, shown(args)]))

    def write_analyzer(self, data: bt.DataBase) -> None:
        number = len(self)
        for analyzer in self.analyzers:
            analyzer.next = lambda: self.seen.append(["next", number, len(self)])


def frame_of(seed: int, count: int, start: int) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    close = 20.0 * np.exp(np.cumsum(draw.normal(0.0, 0.02, count)))
    opened = close * np.exp(draw.normal(0.0, 0.01, count))
    frame = pd.DataFrame({"open": opened, "close": close})
    frame["high"], frame["low"] = frame.max(axis=1) * 1.01, frame.min(axis=1) * 0.99
    frame["volume"] = 100.0
    frame.index = pd.date_range("2020-01-01", periods=count + start, freq="D")[start:]
    return frame


def check(seed: int) -> None:
    chance = random.Random(seed)
    frames = [frame_of(seed, 30, 0), frame_of(seed + 1, 25, chance.choice([0, 4]))]
    cash = chance.choice([10_000, 10_000.0, 100_000])
    options = chance.choice(RUNS)

    def setup(cerebro: bt.Cerebro) -> None:
        for name, frame in zip(FEEDS, frames, strict=True):
            cerebro.adddata(bt.feeds.PandasData(dataname=frame), name=name)
        cerebro.broker.setcash(cash)
        cerebro.addstrategy(Pokes, seed=seed, calm=bool(seed % 3))
        for kind in (Quiet, bt.analyzers.DrawDown, bt.analyzers.TimeReturn):
            cerebro.addanalyzer(kind)

    same_as_stock(setup, witness=False, **options)


@pytest.mark.parametrize("seeds", [range(first, DEFAULT_CASES, 4) for first in range(4)])
def test_strategies_that_poke_see_what_backtrader_shows(seeds: range) -> None:
    for seed in seeds:
        check(seed)


@pytest.mark.exhaustive
def test_thousands_of_strategies_that_poke_see_what_backtrader_shows() -> None:
    for seed in range(MANY_CASES):
        check(seed)


class Acts(bt.Strategy):
    """Buys on the first bar, does one thing later, and writes down the account."""

    params = (("act", None),)

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def next(self) -> None:
        if len(self) == 1:
            self.sell(data=self.data0, size=3)
            self.buy(data=self.datas[-1], size=2)
        if len(self) == 6:
            self.seen.append(shown(self.p.act(self)))
        if len(self) == 9:
            self.close(data=self.data0)
        account = [self.broker.getcash(), self.broker.getvalue(), self.position]
        self.seen.append(shown(account))


def replace_position(strategy: bt.Strategy) -> None:
    strategy.broker.positions[strategy.data] = bt.Position(7, 21.0)


def change_scheme(strategy: bt.Strategy) -> None:
    scheme = bt.CommInfoBase(commission=0.001, interest=0.1, stocklike=True, percabs=True)
    strategy.broker.comminfo[None] = scheme


def listen_late(strategy: bt.Strategy) -> None:
    strategy.notify_cashvalue = lambda *account: strategy.seen.append(shown(account))


ACTIONS: dict[str, Callable[[Any], Any]] = {
    "cash stays as it is": lambda strategy: None,
    "a position is replaced": replace_position,
    "a position is updated": lambda strategy: strategy.position.update(4, 20.0),
    "positions are cleared": lambda strategy: strategy.broker.positions.clear(),
    "a scheme with interest replaces a plain one": change_scheme,
    "a position is copied deeply": lambda strategy: copy.deepcopy(strategy.position),
    "an order is inspected": lambda strategy: strategy.broker.orders[0],
    "a listener is assigned": listen_late,
}


@pytest.mark.parametrize("name", ACTIONS)
def test_what_a_strategy_does_by_itself_has_the_same_effects(name: str) -> None:
    frames = [frame_of(3, 20, 0), frame_of(4, 20, 0)]

    def setup(cerebro: bt.Cerebro) -> None:
        for feed, frame in zip(FEEDS, frames, strict=True):
            cerebro.adddata(bt.feeds.PandasData(dataname=frame), name=feed)
        cerebro.broker.setcash(10_000)
        cerebro.addstrategy(Acts, act=ACTIONS[name])

    assert same_as_stock(setup, witness=False).fallback is None


def test_ticks_of_a_feed_that_has_not_begun_are_missing() -> None:
    class LooksEarly(bt.Strategy):
        def prenext(self) -> None:
            self.seen = [getattr(data, "tick_close", "missing") for data in self.datas]

    def setup(cerebro: bt.Cerebro) -> None:
        for start in (0, 4):
            feed = bt.feeds.PandasData(dataname=frame_of(3, 10, start))
            cerebro.adddata(feed)
        cerebro.addstrategy(LooksEarly)

    (strategy,) = same_as_stock(setup, witness=False).strategies
    assert strategy.seen[1] == "missing"


@pytest.mark.parametrize(
    "columns", [{"close": 9}, {"close": "settle"}, {"datetime": 9}, {"volume": "name"}]
)
def test_a_bad_column_is_reported_as_by_backtrader(columns: dict[str, Any]) -> None:
    frame = frame_of(3, 10, 0).assign(name="text")

    def setup(cerebro: bt.Cerebro) -> None:
        cerebro.adddata(bt.feeds.PandasData(dataname=frame, **columns))
        cerebro.addstrategy(Quietly)

    same_as_stock(setup, witness=False)


class Quietly(bt.Strategy):
    """A strategy that does nothing."""
