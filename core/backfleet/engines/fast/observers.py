"""The standard observers, moved when there is something to see.

`Broker`, `BuySell`, `Trades` and `DataTrades` share one cursor. The first gets two numbers per
bar; the others are only called on bars with orders or trades, since on all others they write
nothing.
Other observers are stepped as backtrader does.

Must equal: every line of every observer, and its length, whenever a strategy can look.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable
from typing import Any

from backtrader.brokers.bbroker import BackBroker
from backtrader.lineiterator import LineIterator
from backtrader.observers import Broker, BuySell, DataTrades, Trades
from backtrader.order import Order

from backfleet.engines.fast.lines import BarCursor, CursorBindings
from backfleet.engines.fast.listeners import PHASES, Step, bar_listeners

__all__ = ["Observers"]


class Observers:
    """All observers of one strategy.

    Attributes
    ----------
    any
        Whether there is one at all.
    """

    def __init__(self, strategy: Any, bindings: CursorBindings) -> None:
        self._strategy = strategy
        self._cursor = BarCursor()
        self._account: list[tuple[Any, Any]] = []
        self._arrays: list[tuple[Any, Any]] = []
        self._of_orders: list[Any] = []
        self._of_trades: list[Any] = []
        self._others: list[Any] = []
        self._bound: list[Any] = []
        self._analyzers: dict[str, list[list[Step]]] = {}
        observers = strategy._lineiterators[LineIterator.ObsType]
        for observer in observers:
            self._sort(observer, bindings)
        # backtrader's `_once` has given the lines as many values as the first feed has bars.
        self._room = strategy.data.buflen()
        self._added = 0
        self.any = bool(observers)

    def _sort(self, observer: Any, bindings: CursorBindings) -> None:
        kind = type(observer)
        # A method on the object is a script's own, and analyzers of an observer must be called on
        # each bar.
        simple = not observer._analyzers and not {"next", "prenext"} & set(observer.__dict__)
        if not simple or not bindings.can_bind_series(observer):
            self._others.append(observer)
        # In fund mode it shows the value of a fund share.
        elif kind is Broker and not observer._fundmode and self._has_known_broker():
            self._bind(observer, bindings)
            value, cash = observer.lines.value, observer.lines.cash
            # Other lines that take the same values are written through the line.
            direct = not (value.bindings or cash.bindings)
            pair = (value.array, cash.array) if direct else (value, cash)
            (self._arrays if direct else self._account).append(pair)
        elif kind is BuySell:
            self._of_orders.append(observer)
            self._bind(observer, bindings)
        elif kind in (Trades, DataTrades):
            self._of_trades.append(observer)
            self._bind(observer, bindings)
        else:
            self._others.append(observer)

    def find_listeners(self) -> None:
        """Look for what the observers' own analyzers do on a bar."""
        self._analyzers = {
            phase: [bar_listeners(observer._analyzers, phase) for observer in self._others]
            for phase in PHASES
        }

    def _has_known_broker(self) -> bool:
        return isinstance(self._strategy.broker, BackBroker)

    def _bind(self, observer: Any, bindings: CursorBindings) -> None:
        bindings.lines_of(observer, self._cursor)
        self._bound.append(observer)

    def step(self, status: int) -> None:
        """`Strategy._next_observers`; `status` is below, at or above 0 after, at or before the
        minimum period."""
        strategy = self._strategy
        self._cursor.bar = bar = self._cursor.bar + 1
        # With several feeds, a strategy can have more bars than its first feed.
        if bar == self._room:
            self._lengthen(1)
        self._note_account(bar)
        # Without orders and trades of this bar, these observers would write nothing.
        if strategy._orderspending:
            for observer in self._of_orders:
                _show_fills(observer, strategy._orderspending)
        if strategy._tradespending:
            for observer in self._of_trades:
                observer.next()
        if self._others:
            self._step_others(status)

    def _note_account(self, bar: int) -> None:
        if self._arrays or self._account:
            broker = self._strategy.broker
            # Once for all observers, and only if there is one
            value, cash = broker.getvalue(), broker.getcash()
            for values, cashes in self._arrays:
                values[bar] = value
                cashes[bar] = cash
            for value_line, cash_line in self._account:
                value_line[0] = value
                cash_line[0] = cash

    def _step_others(self, status: int) -> None:
        # backtrader's phases by the minimum period
        phase = "next" if status < 0 else "prenext" if status else "nextstart"
        for observer, steps in zip(self._others, self._analyzers[phase], strict=True):
            for step in steps:
                step()
            self._step_as_stock(observer, phase)

    def _step_as_stock(self, observer: Any, phase: str) -> None:
        # As `Strategy._next_observers` with `once`
        if len(self._strategy) > len(observer):
            observer.forward()
        if phase != "prenext" or len(observer):
            getattr(observer, phase)()

    def _lengthen(self, count: int) -> None:
        """Add this number of values to the lines on the cursor."""
        self._room += count
        self._added += count
        for observer in self._bound:
            for line in observer.lines.lines:
                line.array.extend(array("d", [math.nan]) * count)

    def finish(self) -> None:
        """Lengthen the lines on the cursor as backtrader does: it appends a value on every bar,
        though the buffers begin with the length of the first feed."""
        self._lengthen(self._cursor.bar + 1 - self._added)


class GrowingObservers(Observers):
    """All observers of a strategy that goes bar by bar: their lines grow with their clocks."""

    def __init__(self, strategy: Any, bindings: CursorBindings) -> None:
        self._growing: list[_Growing] = []
        super().__init__(strategy, bindings)

    def _bind(self, observer: Any, bindings: CursorBindings) -> None:
        # A cursor for each: their clocks may be feeds of different lengths.
        growing = _Growing(observer)
        bindings.lines_of(observer, growing.cursor)
        self._growing.append(growing)

    def step(self, status: int) -> None:
        strategy = self._strategy
        for growing in self._growing:
            growing.step(strategy)
        # `Broker` has the strategy for its clock.
        bar = len(strategy) - 1
        self._note_account(bar)
        if self._others:
            self._step_others(status)

    def _step_as_stock(self, observer: Any, phase: str) -> None:
        observer._next()

    def finish(self) -> None:
        """Nothing is left to do: the lines have grown with the bars."""


class _Growing:
    """An observer on a cursor of its own, which follows its clock."""

    def __init__(self, observer: Any) -> None:
        self.cursor = BarCursor()
        self._clock = observer._clock
        self._lines = observer.lines.lines
        self._observer = observer
        kind = type(observer)
        self._of_orders, self._of_trades = kind is BuySell, kind in (Trades, DataTrades)

    def step(self, strategy: Any) -> None:
        """`LineIterator._next`, without `next` where that writes nothing."""
        length = len(self._clock)
        # As `_clk_update`: at most one bar per call
        grows = length > self.cursor.bar + 1
        if grows:
            self.cursor.bar += 1
            for line in self._lines:
                line.array.append(math.nan)
        if not length:
            return
        if self._of_orders:
            # On a bar that has been there before, it averages what it wrote with itself.
            if strategy._orderspending or not grows:
                _show_fills(self._observer, strategy._orderspending)
        elif self._of_trades and strategy._tradespending:
            self._observer.next()


def _show_fills(observer: Any, orders: list[Any]) -> None:
    """`BuySell.next`, which first makes lists of the fills of all orders."""
    data = observer.data
    bought: list[float] = []
    sold: list[float] = []
    for order in orders:
        if order.status > Order.Accepted and order.data is data and order.executed.size:
            (bought if order.ordtype == Order.Buy else sold).append(order.executed.price)
    lines, distance = observer.lines, observer.p.bardist
    observer.curbuylen = _show_side(
        observer, lines.buy, bought, "curbuylen", lambda: data.low[0] * (1 - distance)
    )
    observer.curselllen = _show_side(
        observer, lines.sell, sold, "curselllen", lambda: data.high[0] * (1 + distance)
    )


def _show_side(
    observer: Any, line: Any, prices: list[float], name: str, beside: Callable[[], float]
) -> int:
    """Show the mean price of a bar's fills, or a mark beside the bar; returns their number."""
    # `BuySell.next` adds to what it has shown on this bar before.
    total, count = line[0], len(prices)
    if total != total:  # not a number: nothing is shown yet
        if not count:
            return 0
        total = 0.0
    else:
        count += getattr(observer, name)
    total += math.fsum(prices)
    # NaN if nothing was filled, as in backtrader
    value = total / float(count or "NaN")
    if not observer.p.barplot:
        line[0] = value
    elif value == value:
        line[0] = beside()
    return count
