"""The steps of one strategy on a bar.

`Strategy._oncepost` advances indicators, delivers notifications, calls the strategy, its analyzers
and its observers. Here, the work that this strategy needs is determined before the run.

Must equal: the order and the arguments of all calls that a user can see.
"""

from __future__ import annotations

import math
from typing import Any

from backtrader.lineiterator import LineIterator
from backtrader.order import Order
from backtrader.strategy import SignalStrategy, Strategy

from backfleet.engines.fast.lines import BarCursor, CursorBindings
from backfleet.engines.fast.listeners import (
    PHASES,
    Listener,
    account_listeners,
    bar_listeners,
    event_listeners,
    method_of,
    take_first,
    with_children,
)
from backfleet.engines.fast.observers import Observers
from backfleet.engines.fast.signals import forget_ended_order, read_signals_once

__all__ = ["StrategyRun"]

ACCOUNT_METHODS = (("notify_cashvalue", 2), ("notify_fund", 4))


class StrategyRun:
    """A strategy on its way through the bars.

    Parameters
    ----------
    strategy
        The strategy, reset.
    bindings
        Has the cursors of its feeds, and takes its lines and indicators off theirs after the run.
    """

    def __init__(self, strategy: Any, bindings: CursorBindings) -> None:
        self.strategy = strategy
        self._cursor = BarCursor()
        self._lagging = self._bind_indicators(bindings)
        # Only the lines: `len(strategy)` reads them.
        bindings.lines_of(strategy, self._cursor)
        read_signals_once(strategy, bindings)
        times = strategy.lines.datetime
        self._add_time = times.array.append
        # Lines that a strategy has declared get a NaN on each bar, which `next` may replace.
        self._add_gap = [line.array.append for line in strategy.lines.lines if line is not times]
        # `_getminperstatus` without a call: how many bars each feed still lacks
        self._waits = list(zip(strategy._minperiods, strategy.datas, strict=True))
        self._waiting = True
        notify = type(strategy)._notify
        # A script's own `_notify` is called on every bar, as backtrader does.
        self._has_own_notify = notify not in (Strategy._notify, SignalStrategy._notify)
        self._awaits_order = notify is SignalStrategy._notify
        self._listening = [*strategy.analyzers, *strategy._slave_analyzers]
        # backfleet's recorder assigns no listeners.
        foreign = [
            analyzer
            for analyzer in with_children(self._listening)
            if not type(analyzer).__module__.startswith("backfleet.")
        ]
        # Only an analyzer of a script's own assigns listeners after the strategy's `next`.
        self._has_own_analyzers = any(
            not type(analyzer).__module__.startswith("backtrader.") for analyzer in foreign
        )
        # A listener may be assigned to an object at any time. Each one that is new adds a field, so
        # that comparing numbers of fields is enough.
        self._fields = vars(strategy)
        self._analyzer_fields = list(map(vars, foreign))
        self._observers = self._make_observers(bindings)
        self._find_listeners()
        self._observed = self._observers.any

    def _make_observers(self, bindings: CursorBindings) -> Observers:
        return Observers(self.strategy, bindings)

    def _bind_indicators(self, bindings: CursorBindings) -> list[Any]:
        """Put indicators on the cursors of their feeds; the others are returned."""
        strategy = self.strategy
        cerebro = strategy.env
        if cerebro.p.cheat_on_open or cerebro._timers or cerebro._timerscheat:
            # `next_open` and `notify_timer` see indicators that have not reached the bar yet.
            return list(strategy._lineiterators[LineIterator.IndType])
        return _bind_indicators(strategy, bindings)

    def _find_listeners(self) -> None:
        strategy, listening = self.strategy, self._listening
        self._field_count = len(self._fields)
        self._analyzer_field_count = sum(map(len, self._analyzer_fields))
        self._of_orders = event_listeners(listening, "order")
        self._of_trades = event_listeners(listening, "trade")
        self._of_account = _account_listeners_of(strategy, listening)
        # With somebody who listens to the account, bars without orders are notified as well.
        self._listens = self._has_own_notify or bool(self._of_account)
        self._analyzers = {phase: bar_listeners(strategy.analyzers, phase) for phase in PHASES}
        # The list of nearly all bars, without a lookup
        self._after_next = self._analyzers["next"]
        self._observers.find_listeners()

    def notice_listeners(self) -> None:
        """Look for listeners again if an attribute was added: it may be one."""
        analyzer_fields = sum(map(len, self._analyzer_fields))
        if len(self._fields) != self._field_count or analyzer_fields != self._analyzer_field_count:
            self._find_listeners()

    def open(self) -> None:
        """Call the strategy before the broker has gone through the bar, for cheat-on-open."""
        self.strategy._oncepost_open()
        self.notice_listeners()

    def step(self, moment: float) -> None:
        """Go through the bar at a time, which feeds and broker have reached."""
        strategy = self.strategy
        if self._lagging:
            self._advance_lagging()
        # In the order of `_oncepost`: the bar, notifications, `next`, analyzers, observers
        self._cursor.bar += 1
        self._add_time(moment)
        for append in self._add_gap:
            append(math.nan)
        self._act(strategy)

    def _act(self, strategy: Any) -> None:
        """Call the strategy and those that watch it, when its lines have reached the bar."""
        if self._has_own_analyzers:
            self.notice_listeners()
        if strategy._orderspending or strategy._tradespending or self._listens:
            self._notify(strategy)
        # Once `next` was called, the minimum period is reached on all later bars.
        if self._waiting:
            self._step_waiting()
        else:
            strategy.next()
            # The usual answer of `notice_listeners` without a call, which each bar would pay for.
            if self._analyzer_fields or len(self._fields) != self._field_count:
                self.notice_listeners()
            for step in self._after_next:
                step()
            if self._observed:
                self._observers.step(-1)
        if strategy._orderspending or strategy._tradespending:
            strategy.clear()

    def _advance_lagging(self) -> None:
        for indicator in self._lagging:
            if len(indicator._clock) > len(indicator):
                indicator.advance()

    def _step_waiting(self) -> None:
        """A bar on which the strategy's minimum period may not be reached yet."""
        status = max(period - len(feed) for period, feed in self._waits)
        # `_oncepost_open` of the next bar reads it.
        self.strategy._minperstatus = status
        # Negative after the minimum period, and 0 on its last bar
        self._waiting = status >= 0
        phase = "next" if status < 0 else "prenext" if status else "nextstart"
        getattr(self.strategy, phase)()
        self.notice_listeners()
        for step in self._analyzers[phase]:
            step()
        if self._observed:
            self._observers.step(status)

    def _notify(self, strategy: Any) -> None:
        """`Strategy._notify`."""
        if self._has_own_notify:
            strategy._notify()
            return
        if self._awaits_order:
            forget_ended_order(strategy)
        for order in strategy._orderspending:
            # Orders of a history are notified only if the script asked for it.
            if order.exectype != Order.Historical or order.histnotify:
                strategy.notify_order(order)
            for listen in self._of_orders:
                listen(order)
        for trade in strategy._tradespending:
            strategy.notify_trade(trade)
            for listen in self._of_trades:
                listen(trade)
        self.notice_listeners()
        if self._of_account:
            self._notify_account()

    def _notify_account(self) -> None:
        broker = self.strategy.broker
        # Once for all listeners
        cash, value = broker.getcash(), broker.getvalue()
        fund_value, shares = broker.fundvalue, broker.fundshares
        for listen in self._of_account:
            listen(cash, value, fund_value, shares)

    def finish(self) -> None:
        """Leave the strategy as backtrader would have."""
        # `step` does not write `_minperstatus` on the bars after the minimum period.
        self.strategy._getminperstatus()
        self._observers.finish()


def _bind_indicators(strategy: Any, bindings: CursorBindings) -> list[Any]:
    """Put the strategy's indicators on the cursors of their feeds; those that cannot be are
    returned, to be advanced one by one."""
    lagging = []
    for indicator in strategy._lineiterators[LineIterator.IndType]:
        cursor = None if indicator._clock is None else bindings.cursor_of(indicator._clock)
        if cursor is None:
            lagging.append(indicator)
        elif bindings.can_bind(indicator):
            bindings.line(indicator, cursor)
        elif hasattr(indicator.lines, "lines") and bindings.can_bind_series(indicator):
            bindings.series(indicator, cursor)
        else:
            lagging.append(indicator)
    return lagging


def _account_listeners_of(strategy: Any, analyzers: list[Any]) -> list[Listener]:
    """The strategy itself, if it listens, and its analyzers."""
    own = [
        take_first(method_of(strategy, name), count)
        for name, count in ACCOUNT_METHODS
        if getattr(type(strategy), name) is not getattr(Strategy, name) or name in vars(strategy)
    ]
    return own + account_listeners(analyzers)
