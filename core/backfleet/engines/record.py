"""How a run of backtrader is recorded as an `Outcome`."""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backfleet.engine import (
    EQUITY,
    FILL,
    NOT_YET,
    ORDER,
    TRADE,
    OrderKind,
    OrderStatus,
    Outcome,
    Records,
    RejectReason,
    Scalar,
)
from backfleet.engines.bt import bt
from backfleet.engines.feed import FeedColumns

__all__ = ["Recorder", "record"]

STATUS = {getattr(bt.Order, each.name.title()): each for each in OrderStatus}
ALIVE = (bt.Order.Created, bt.Order.Submitted, bt.Order.Accepted, bt.Order.Partial)
WITH_LIMIT = (OrderKind.STOP_LIMIT, OrderKind.STOP_TRAIL_LIMIT)


class Recorder(bt.Analyzer):
    """Keeps what backtrader forgets: the account bar by bar, and which orders were accepted.

    Attributes
    ----------
    account
        Value, cash and gross position value, three numbers a bar.
    orders
        The latest state of every order by its reference, in the order of creation.
    accepted
        References of the orders that passed the check at submission.
    fills
        Order and execution bit, in the order of execution.
    """

    NAME = "backfleet"

    def start(self) -> None:
        self.account: array[float] = array("d")
        self.orders: dict[int, Any] = {}
        self.accepted: set[int] = set()
        self.fills: list[tuple[Any, Any]] = []
        self._add = self.account.extend
        self.broker = self.strategy.broker
        self._step_where_too_short()

    def _step_where_too_short(self) -> None:
        """With fewer bars than the longest indicator needs, backtrader's vectorised mode fails with
        an IndexError; its stepwise mode never calls `next`, which is what was meant."""
        periods = zip(self.strategy._minperiods, self.datas, strict=True)
        if any(period > data.buflen() for period, data in periods):
            self.strategy.cerebro._disable_runonce()

    def next(self) -> None:
        broker = self.broker
        exposure = getattr(broker, "exposure", None)
        if exposure is None:
            exposure = self._exposure()
        self._add((broker.getvalue(), broker.getcash(), exposure))

    def _exposure(self) -> float:
        gross = 0.0
        for data, position in self.broker.positions.items():
            if position.size:
                gross += abs(position.size * data.close[0])
        return gross

    def notify_order(self, order: Any) -> None:
        self.orders[order.ref] = order
        if order.status == bt.Order.Accepted:
            self.accepted.add(order.ref)
        elif order.executed.size:
            self.fills.extend((order, bit) for bit in order.executed.iterpending())

    def catch_up(self) -> None:
        """Take the notifications that backtrader did not deliver, those of the last bar."""
        while (order := self.broker.get_notification()) is not None:
            self.notify_order(order)


@dataclass(frozen=True, eq=False)
class Clock:
    """Turns backtrader's times back into `Bars.time`: `numbers` ascend, `time` belongs to them."""

    numbers: NDArray[np.float64]
    time: NDArray[np.int64]

    @classmethod
    def of(cls, columns: Sequence[FeedColumns]) -> Clock:
        numbers = np.concatenate([each.numbers for each in columns])
        time = np.concatenate([each.time for each in columns])
        if len(columns) == 1:
            return cls(numbers, time)
        unique, first = np.unique(numbers, return_index=True)
        return cls(unique, time[first])

    def times(self, numbers: Sequence[float | None]) -> NDArray[np.int64]:
        """int64 nanoseconds; None is NOT_YET."""
        found = np.full(len(numbers), NOT_YET, np.int64)
        known = np.array([number is not None for number in numbers], np.bool_)
        wanted = np.array([number for number in numbers if number is not None], np.float64)
        found[known] = self.time[np.searchsorted(self.numbers, wanted)]
        return found


def record(strategy: Any, columns: Sequence[FeedColumns], traded: int) -> Outcome:
    """All that a strategy's run left behind.

    Parameters
    ----------
    strategy
        The strategy after the run, with a `Recorder` among its analyzers.
    columns
        What its feeds were made from, in the same order.
    traded
        How many of them, the first ones, are the task's symbols; the others are only looked at.

    Raises
    ------
    ValueError
        Where one that is not to be traded was.
    TypeError
        Where the strategy's `metrics` is no mapping of names to scalars.
    """
    recorder = strategy.analyzers.getbyname(Recorder.NAME)
    recorder.catch_up()
    clock = Clock.of(columns)
    _check_traded(recorder, strategy.datas[traded:])
    symbols = {id(data): position for position, data in enumerate(strategy.datas)}
    numbers = {ref: number for number, ref in enumerate(sorted(recorder.orders))}
    return Outcome(
        equity=_equity(strategy, recorder.account, clock, columns[:traded]),
        orders=_orders(recorder, numbers, symbols, clock),
        fills=_fills(recorder, numbers, symbols, clock),
        trades=_trades(strategy, recorder, symbols, clock),
        metrics=_scalars(getattr(strategy, "metrics", None)),
        strategy=strategy,
    )


def _check_traded(recorder: Recorder, others: Sequence[Any]) -> None:
    names = {id(data): data._name for data in others}
    for order in recorder.orders.values() if names else ():
        if id(order.data) in names:
            raise ValueError(
                f"data.auxiliary.{names[id(order.data)]} is a feed to look at, and cannot be traded"
            )


def _equity(
    strategy: Any, account: array[float], clock: Clock, traded: Sequence[FeedColumns]
) -> Records:
    values = np.frombuffer(account, np.float64).reshape(-1, 3)
    equity = np.empty(len(values), EQUITY)
    equity["time"] = clock.times(strategy.lines.datetime.array[: len(values)])
    equity["value"], equity["cash"], equity["exposure"] = values.T
    counts = equity["time"] >= min(each.start for each in traded)
    if len(traded) < len(strategy.datas):
        counts &= np.isin(equity["time"], np.concatenate([each.time for each in traded]))
    return equity[counts]


def _orders(
    recorder: Recorder, numbers: Mapping[int, int], symbols: Mapping[int, int], clock: Clock
) -> Records:
    made = [recorder.orders[ref] for ref in numbers]
    wanted, done = [order.created for order in made], [order.executed for order in made]
    orders = np.empty(len(made), ORDER)
    orders["number"] = np.arange(len(made))
    orders["symbol"] = [symbols[id(order.data)] for order in made]
    orders["kind"] = [order.exectype for order in made]
    orders["status"] = [STATUS[order.status] for order in made]
    orders["reason"] = [_reason(order.status, order.ref in recorder.accepted) for order in made]
    orders["created"] = clock.times([each.dt for each in wanted])
    orders["closed"] = clock.times([None if o.status in ALIVE else o.executed.dt for o in made])
    orders["size"] = [each.size for each in wanted]
    orders["price"] = [each.price for each in wanted]
    orders["limit"] = [
        order.created.pricelimit if order.exectype in WITH_LIMIT else math.nan for order in made
    ]
    orders["filled"] = [each.size for each in done]
    orders["fill_price"] = [each.price if each.size else math.nan for each in done]
    orders["commission"] = [each.comm for each in done]
    return orders


def _reason(status: int, accepted: bool) -> RejectReason:
    if status == bt.Order.Rejected:
        return RejectReason.BROKER
    if status != bt.Order.Margin:
        return RejectReason.NONE
    return RejectReason.CASH_AT_FILL if accepted else RejectReason.CASH_AT_SUBMISSION


def _fills(
    recorder: Recorder, numbers: Mapping[int, int], symbols: Mapping[int, int], clock: Clock
) -> Records:
    rows = [
        (
            numbers[order.ref],
            symbols[id(order.data)],
            NOT_YET,
            bit.size,
            bit.price,
            bit.comm,
            bit.pnl,
        )
        for order, bit in recorder.fills
    ]
    fills = np.array(rows, FILL)
    fills["time"] = clock.times([bit.dt for _, bit in recorder.fills])
    return fills


def _trades(strategy: Any, recorder: Recorder, symbols: Mapping[int, int], clock: Clock) -> Records:
    largest = _largest_positions(recorder.fills)
    found = [
        (trade, size)
        for data, by_id in strategy._trades.items()
        for trade_id, trades in by_id.items()
        for trade, size in zip(trades, largest[id(data), trade_id], strict=True)
    ]
    found.sort(key=lambda each: each[0].ref)
    trades = np.array([_trade(trade, size, symbols) for trade, size in found], TRADE)
    trades["opened"] = clock.times([trade.dtopen for trade, _ in found])
    trades["closed"] = clock.times([t.dtclose if t.isclosed else None for t, _ in found])
    return trades


def _trade(trade: Any, largest: float, symbols: Mapping[int, int]) -> tuple[float, ...]:
    # While a trade is open, backtrader's barlen is that of its last fill.
    bars = trade.barlen if trade.isclosed else len(trade.data) - trade.baropen
    return (
        symbols[id(trade.data)],
        NOT_YET,
        NOT_YET,
        largest,
        trade.price,
        trade.pnl,
        trade.pnlcomm,
        trade.commission,
        bars,
    )


def _largest_positions(
    fills: Sequence[tuple[Any, Any]],
) -> dict[tuple[int, int], list[float]]:
    """The largest signed position of each trade, by its data and trade id, in backtrader's order.

    backtrader's trades forget it, so their fills are followed once more, as in
    `backtrader.Strategy._addnotification`.
    """
    held: dict[tuple[int, int], float] = {}
    largest: dict[tuple[int, int], list[float]] = {}
    for order, bit in fills:
        data = order.data if order.data._compensate is None else order.data._compensate
        key = (id(data), order.tradeid)
        trades = largest.setdefault(key, [0.0])
        for part, opens in ((bit.closed, False), (bit.opened, True)):
            if not part:
                continue
            if opens and not held.get(key) and trades[-1]:
                trades.append(0.0)
            held[key] = held.get(key, 0.0) + part
            trades[-1] = max(trades[-1], held[key], key=abs)
    return largest


def _scalars(metrics: object) -> dict[str, Scalar]:
    """The strategy's own metrics, numpy's scalars made Python's."""
    if metrics is None:
        return {}
    if not isinstance(metrics, Mapping):
        raise TypeError(f"the strategy's metrics must be a dict, not {type(metrics).__name__}")
    return {_name(key): _scalar(key, value) for key, value in metrics.items()}


def _name(key: object) -> str:
    if not isinstance(key, str):
        raise TypeError(f"the strategy's metrics: the key {key!r} is not a str")
    return key


def _scalar(key: object, value: object) -> Scalar:
    plain = value.item() if isinstance(value, np.generic) else value
    if plain is None or isinstance(plain, (bool, int, float, str)):
        return plain
    raise TypeError(
        f"the strategy's metrics[{key!r}] must be a bool, int, float, str or None, "
        f"not {type(value).__name__}"
    )
