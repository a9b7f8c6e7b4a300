"""Runs a script on backtrader's Cerebro and on the fast one, and compares all that can be seen."""

# mypy: allow-subclassing-any

from __future__ import annotations

import datetime
import io
import itertools
from array import array
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from backfleet.engines.bt import bt
from backfleet.engines.fast.cerebro import Cerebro

__all__ = ["Ran", "Setup", "make_frame", "same_as_stock"]

Setup = Callable[[Any], Any]
POSITION = ("size", "price", "price_orig", "adjbase", "upopened", "upclosed")
BROKER = ("_value", "_valuemkt", "_valuelever", "_valuemktlever", "_leverage", "_unrealized")

ORDER = (
    "ref", "info", "triggered", "_active", "status", "_plimit", "plimit", "exectype", "size",
    "created", "_limitoffset", "executed", "position", "valid", "dteos", "broker", "plen",
    "comminfo",
)  # fmt: skip
"""What `bt.Order` sets in an order, beside the parameters; `plen` comes with the submission."""
DATA = (
    "pclose", "p1", "p2", "dt", "size", "remsize", "price", "pricelimit", "trailamount",
    "trailpercent", "plimit", "value", "comm", "margin", "pnl", "psize", "pprice",
)  # fmt: skip
"""What `bt.order.OrderData` has, beside the execution bits."""


class Witness(bt.Analyzer):
    """Writes down all that a strategy could see, on every bar."""

    def start(self) -> None:
        self.seen: list[Any] = []
        self.broker = self.strategy.broker

    def notify_order(self, order: bt.Order) -> None:
        self.seen.append(("order", len(self.strategy), facts(order)))

    def notify_trade(self, trade: bt.Trade) -> None:
        self.seen.append(("trade", len(self.strategy), facts(trade)))

    def notify_cashvalue(self, cash: float, value: float) -> None:
        self.seen.append(("account", plain((cash, value))))

    def notify_fund(self, cash: float, value: float, fundvalue: float, shares: float) -> None:
        self.seen.append(("fund", plain((cash, value, fundvalue, shares))))

    def next(self) -> None:
        broker = self.broker
        account = [broker.getcash(), broker.getvalue(), *(getattr(broker, name) for name in BROKER)]
        feeds = [
            (len(data), data.close[0], data.datetime[0], data.tick_close)
            for data in self.datas
            if len(data)
        ]
        positions = [
            [getattr(position, name) for name in POSITION]
            + [vars(position).get("datetime", position.datetime)]
            for position in broker.positions.values()
            if position
        ]
        self.seen.append(("bar", len(self.strategy), plain((account, feeds, positions))))

    def get_analysis(self) -> Any:
        return self.seen


def plain(value: object) -> Any:
    """Nested lists of numbers and strings, in which floats are equal only if their bits are."""
    if isinstance(value, (bool, int, str, type(None))):
        return value
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, (float, np.floating)):
        return float(value).hex()
    if isinstance(value, Mapping):
        return [(plain(key), plain(item)) for key, item in value.items()]
    if isinstance(value, (list, tuple, deque, array)):
        return [plain(item) for item in value]
    if isinstance(value, (datetime.date, datetime.time, datetime.timedelta)):
        return str(value)
    return type(value).__name__


def facts(order: bt.Order | bt.Trade) -> dict[str, Any]:
    """Every attribute of an order or a trade, in those of its parts too."""
    if not isinstance(order, bt.Order):
        return {name: plain(value) for name, value in vars(order).items() if name != "data"} | {
            "data": order.data._name
        }
    # Where an order keeps an attribute, in itself, its class or its parameters, is its own affair.
    names = {*ORDER, *order.params._getkeys()} - {"data", "owner", "parent", "oco"}
    values = {name: getattr(order, name) for name in names} | own_attributes(order)
    for name in ("created", "executed"):
        part = values[name]
        values[name] = {name: getattr(part, name) for name in DATA}
        values[name]["exbits"] = [vars(bit) for bit in part.exbits]
    values["parent"] = getattr(order.parent, "ref", None)
    values["kind"] = type(order).__name__
    values["alive"] = order.alive()
    values["data"] = order.data._name
    return {name: plain(values[name]) for name in sorted(values)}


def own_attributes(order: bt.Order) -> dict[str, Any]:
    """What a strategy has set in an order."""
    return {name: value for name, value in vars(order).items() if name.startswith("my_")}


def lines_of(owner: bt.LineSeries) -> list[Any]:
    """All lines of a series, the whole of each, and where it stands."""
    return [(plain(line.array), len(line), line.idx, line.buflen()) for line in owner.lines]


def everything(cerebro: bt.Cerebro, strategies: list[Any]) -> dict[str, Any]:
    """All that is left after a run."""
    broker = cerebro.broker
    state: dict[str, Any] = {
        "account": plain([broker.getcash(), broker.getvalue(), broker.fundvalue]),
        "orders": [facts(order) for order in broker.orders],
        "pending": [order.ref for order in broker.pending if order is not None],
        "positions": [
            plain([position.size, position.price]) for position in broker.positions.values()
        ],
        "feeds": [lines_of(data) for data in cerebro.datas],
        "ticks": [
            plain([getattr(data, f"tick_{name}", "none") for name in ("close", "last", "volume")])
            for data in cerebro.datas
        ],
    }
    for number, strategy in enumerate(strategies):
        state[f"strategy {number}"] = {
            "seen": plain(getattr(strategy, "seen", None)),
            "lines": lines_of(strategy),
            # backtrader itself looks at the sign only.
            "status": (strategy._minperstatus > 0) - (strategy._minperstatus < 0),
            "indicators": [
                (
                    type(indicator).__name__,
                    plain(indicator.array) if hasattr(indicator, "array") else None,
                )
                for indicator in strategy.getindicators()
            ],
            "lengths": [len(indicator) for indicator in strategy.getindicators_lines()],
            "observers": [
                (type(observer).__name__, lines_of(observer))
                for observer in strategy.getobservers()
            ],
            "analyzers": [
                (name, plain(analyzer.get_analysis()))
                for name, analyzer in strategy.analyzers.getitems()
            ],
            "trades": [
                facts(trade)
                for by_id in strategy._trades.values()
                for trades in by_id.values()
                for trade in trades
            ],
        }
    return state


@dataclass(frozen=True)
class Ran:
    """A run of the fast Cerebro that gave what backtrader gives."""

    orders: int
    fallback: str | None
    strategies: list[Any]


def run(cerebro_class: type[bt.Cerebro], setup: Setup, **params: Any) -> tuple[Any, Any, Any]:
    """The cerebro after its run, its strategies or what it raised, and what it wrote."""
    bt.order.OrderBase.refbasis = itertools.count(1)
    bt.trade.Trade.refbasis = itertools.count(1)
    cerebro = cerebro_class(**params)
    written = io.StringIO()
    setup(cerebro)
    for number, (kind, args, options) in enumerate(cerebro.writers):
        cerebro.writers[number] = (kind, args, options | {"out": written})
    try:
        strategies = cerebro.run()
    except Exception as error:
        return cerebro, f"{type(error).__name__}: {error}", None
    return cerebro, strategies, written.getvalue()


def first_difference(left: object, right: object, path: str = "") -> str | None:
    """Where two nested structures differ first."""
    if isinstance(left, dict) and isinstance(right, dict) and left.keys() ^ right.keys():
        return f"{path}: only one has {sorted(left.keys() ^ right.keys())}"
    if isinstance(left, dict) and isinstance(right, dict):
        pairs = [(f"{path}/{key}", left[key], right[key]) for key in left]
    elif isinstance(left, (list, tuple)) and type(left) is type(right) and len(left) == len(right):
        pairs = [(f"{path}/{at}", *both) for at, both in enumerate(zip(left, right, strict=True))]
    else:
        return None if left == right else f"{path}: {str(left)[:300]} != {str(right)[:300]}"
    return next(filter(None, (first_difference(a, b, where) for where, a, b in pairs)), None)


def compare(setup: Setup, witness: bool, **params: Any) -> Ran:
    def with_witness(cerebro: bt.Cerebro) -> None:
        setup(cerebro)
        if witness:
            cerebro.addanalyzer(Witness)

    stock, expected, stock_text = run(bt.Cerebro, with_witness, **params)
    fast, result, fast_text = run(Cerebro, with_witness, **params)
    if isinstance(expected, str) or isinstance(result, str):
        assert (result if isinstance(result, str) else None) == expected
        return Ran(len(fast.broker.orders), fast.fallback, [])
    difference = first_difference(everything(stock, expected), everything(fast, result))
    assert difference is None, difference
    assert fast_text == stock_text
    return Ran(len(fast.broker.orders), fast.fallback, result)


def same_as_stock(setup: Setup, *, witness: bool | None = None, **params: Any) -> Ran:
    """Run a script's setup on both Cerebros, with a witness on every bar and without one."""
    if witness is None:
        compare(setup, True, **params)
    return compare(setup, bool(witness), **params)


def make_frame(
    count: int = 240,
    seed: int = 0,
    price: float = 20.0,
    tick: float | None = 0.01,
    freq: str = "D",
    volatility: float = 0.02,
) -> pd.DataFrame:
    """Return a random walk as a DataFrame for `PandasData`."""
    draw = np.random.default_rng(seed)
    close = price * np.exp(np.cumsum(draw.normal(0.0, volatility, count)))
    opened = close * np.exp(draw.normal(0.0, volatility / 2, count))
    high = np.maximum(opened, close) * (1 + np.abs(draw.normal(0.0, volatility / 3, count)))
    low = np.minimum(opened, close) * (1 - np.abs(draw.normal(0.0, volatility / 3, count)))
    columns = {"open": opened, "high": high, "low": low, "close": close}
    if tick:
        columns = {name: np.round(values / tick) * tick for name, values in columns.items()}
    index = pd.date_range("2018-01-01", periods=count, freq=freq)
    volume = np.round(draw.lognormal(10.0, 1.0, count))
    return pd.DataFrame({**columns, "volume": volume}, index=index)
