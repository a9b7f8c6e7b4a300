"""The steps of a `SignalStrategy` on a bar.

backtrader goes through all thirteen kinds of signals, some of them three times, although a script
has one or two. Here the signals that exist are read once.

Must equal: the orders of `SignalStrategy`.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import backtrader as bt
from backtrader.strategy import SignalStrategy

from backfleet.engines.fast.lines import CursorBindings

__all__ = ["forget_ended_order", "read_signals_once"]

LONG = bt.SIGNAL_LONG, bt.SIGNAL_LONG_INV, bt.SIGNAL_LONG_ANY
SHORT = bt.SIGNAL_SHORT, bt.SIGNAL_SHORT_INV, bt.SIGNAL_SHORT_ANY
LONG_EXIT = bt.SIGNAL_LONGEXIT, bt.SIGNAL_LONGEXIT_INV, bt.SIGNAL_LONGEXIT_ANY
SHORT_EXIT = bt.SIGNAL_SHORTEXIT, bt.SIGNAL_SHORTEXIT_INV, bt.SIGNAL_SHORTEXIT_ANY
"""The kinds that are taken as they are, inverted, and with any value but zero."""


def read_signals_once(strategy: Any, bindings: CursorBindings) -> None:
    """Let a strategy that reads its signals as backtrader does read them once per bar."""
    if (
        isinstance(strategy, SignalStrategy)
        and type(strategy)._next_signal is SignalStrategy._next_signal
        and "_next_signal" not in vars(strategy)
    ):
        # For this run only: `restore` takes the attribute away.
        bindings.attribute(strategy, "_next_signal", partial(_next_signal, strategy))


def forget_ended_order(strategy: Any) -> None:
    """`SignalStrategy._notify` without that of `Strategy`: after its order has ended, a strategy
    may place the next one."""
    if strategy._sentinel is not None:
        for order in strategy._orderspending:
            # Orders are equal if their references are, and a notification has a copy.
            if order == strategy._sentinel and not order.alive():
                strategy._sentinel = None
                break


def _next_signal(strategy: Any) -> None:
    """`SignalStrategy._next_signal`."""
    # An order is waiting, and only one at a time is allowed.
    if strategy._sentinel is not None and not strategy.p._concurrent:
        return
    now = _Indications(strategy._signals)
    target = strategy._dtarget
    size = strategy.getposition(target).size
    # The order of the following cases is backtrader's: a position is closed before the opposite one
    # is opened.
    up, down = bt.SIGNAL_LONGSHORT in now.up, bt.SIGNAL_LONGSHORT in now.down
    enters_long, enters_short = now.rise(LONG), now.fall(SHORT)
    if not size:
        if up or enters_long:
            strategy._sentinel = strategy.buy(target)
        elif down or enters_short:
            strategy._sentinel = strategy.sell(target)
    elif size > 0:
        # Signals to exit replace those to enter the other way.
        reverses = not strategy._longexit and enters_short
        leaves = not strategy._longexit and now.fall(LONG)
        if down or reverses or leaves or now.fall(LONG_EXIT):
            strategy.close(target)
        if down or reverses:
            strategy._sentinel = strategy.sell(target)
        if (up or enters_long) and strategy.p._accumulate:
            strategy._sentinel = strategy.buy(target)
    else:
        reverses = not strategy._shortexit and enters_long
        leaves = not strategy._shortexit and now.rise(SHORT)
        if up or reverses or leaves or now.rise(SHORT_EXIT):
            strategy.close(target)
        if up or reverses:
            strategy._sentinel = strategy.buy(target)
        if (down or enters_short) and strategy.p._accumulate:
            strategy._sentinel = strategy.sell(target)


class _Indications:
    """The kinds whose signals are all above zero, all below it, and all other than zero."""

    __slots__ = ("down", "other", "up")

    def __init__(self, signals: dict[int, list[Any]]) -> None:
        self.up: list[int] = []
        self.down: list[int] = []
        self.other: list[int] = []
        for kind, members in signals.items():
            # Without signals of a kind, backtrader takes 0, which says nothing.
            if not members:
                continue
            values = [member[0] for member in members]
            if all(value > 0.0 for value in values):
                self.up.append(kind)
            elif all(value < 0.0 for value in values):
                self.down.append(kind)
            # A NaN is not 0: it counts as a value of any kind, and neither as above nor as below
            # zero.
            if all(values):
                self.other.append(kind)

    def rise(self, kinds: tuple[int, int, int]) -> bool:
        """Whether the signals of one of the kinds say that prices rise."""
        plain, inverted, any_value = kinds
        return plain in self.up or inverted in self.down or any_value in self.other

    def fall(self, kinds: tuple[int, int, int]) -> bool:
        """Whether the signals of one of the kinds say that prices fall."""
        plain, inverted, any_value = kinds
        return plain in self.down or inverted in self.up or any_value in self.other
