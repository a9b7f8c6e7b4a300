"""`Signals`: what a strategy wants, bar by bar, before a broker makes anything of it.

Trades would be the wrong thing to compare: one changed fill moves all that come after it, and a
signal that the broker refuses leaves none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backfleet.check.check_case import CheckCase
from backfleet.check.time_limit import time_limit
from backfleet.engine import OrderKind, Records
from backfleet.engines.vector.panels import is_portfolio, panel_of, panel_targets
from backfleet.engines.vector.targets import targets_of, tradable_bars

__all__ = ["SignalDifference", "Signals", "first_difference", "signals_of"]

Floats = NDArray[np.float64]

# The span of all times.
ALWAYS = (np.iinfo(np.int64).min, np.iinfo(np.int64).max)


@dataclass(frozen=True, eq=False)
class Signals:
    """The targets of a vector strategy, one row per bar, or the orders of a backtrader strategy.

    Attributes
    ----------
    time
        int64, ascending: of the bar after which it is wanted.
    symbol
        intp, the position in the task's symbols.
    values
        float64 of shape (rows, columns): the target; or an order's kind, size, price and limit.
    """

    time: NDArray[np.int64]
    symbol: NDArray[np.intp]
    values: Floats

    def __len__(self) -> int:
        return len(self.time)

    def between(self, first: int, last: int) -> Signals:
        """Return the signals from one moment to another, both included."""
        rows = (self.time >= first) & (self.time <= last)
        return Signals(self.time[rows], self.symbol[rows], self.values[rows])

    def describe(self, row: int, *, exactly: bool = False) -> str:
        """Return a row in words; `exactly` with all digits, and a market order with its price."""
        values = self.values[row].tolist()
        text = repr if exactly else "{:g}".format
        return _target(values[0], text) if len(values) == 1 else _order(values, text, exactly)


@dataclass(frozen=True)
class SignalDifference:
    """The first difference of two signals, in words."""

    time: int
    symbol: int
    ours: str
    theirs: str


def signals_of(subject: CheckCase) -> Signals:
    """Return the signals of a strategy. What it raises passes through."""
    if not subject.is_vector:
        # A backtrader strategy places orders, and nothing before them can be read from outside.
        return _of_orders(subject.run().orders)
    # As `CheckCase.run` does, because a strategy can draw numbers for its targets.
    subject.seed()
    with time_limit(subject.timeout):
        return _of_targets(subject)


def _of_targets(subject: CheckCase) -> Signals:
    strategy: Any = subject.strategy(**subject.params)
    if is_portfolio(type(strategy), len(subject.bars)):
        panel = panel_of(subject.bars)
        # In the order of time, and of the symbols at each time. Cells without a bar hold no target.
        steps, columns = np.nonzero(panel.has_bar)
        targets = panel_targets(strategy, panel)[steps, columns]
        return Signals(panel.time[steps], columns, targets[:, None])
    bars = tradable_bars(subject.bars[0])
    targets = targets_of(strategy, bars)
    return Signals(bars.time, np.zeros(len(bars), np.intp), targets[:, None])


def first_difference(
    ours: Signals, theirs: Signals, span: tuple[int, int] = ALWAYS, tolerance: float = 0.0
) -> SignalDifference | None:
    """Return the first difference of two signals within a span of time, both ends included.

    Parameters
    ----------
    tolerance
        Relative: numbers this close are the same.
    """
    left, right = ours.between(*span), theirs.between(*span)
    count = min(len(left), len(right))
    same = (left.time[:count] == right.time[:count]) & (left.symbol[:count] == right.symbol[:count])
    # Only a relative tolerance. Two NaN are equal: both sides want nothing new.
    close = np.isclose(left.values[:count], right.values[:count], tolerance, 0.0, equal_nan=True)
    same &= close.all(axis=1)
    # argmin of truth values is the place of the first False.
    at = count if same.all() else int(np.argmin(same))
    # Equal rows, and as many of them on both sides.
    if at == len(left) == len(right):
        return None
    return _difference(left, right, at)


def _difference(left: Signals, right: Signals, at: int) -> SignalDifference:
    """Describe the earlier of two rows; the other side has none at its moment."""
    sides = [(int(side.time[at]), int(side.symbol[at])) for side in (left, right) if at < len(side)]
    # The earlier time, then the smaller symbol.
    first = min(sides)
    # Few digits, unless both sides look equal then.
    for exactly in (False, True):
        words = [
            side.describe(at, exactly=exactly)
            if at < len(side) and (side.time[at], side.symbol[at]) == first
            else "no order"
            for side in (left, right)
        ]
        if words[0] != words[1]:
            break
    return SignalDifference(*first, *words)


def _of_orders(orders: Records) -> Signals:
    values = [orders[name].astype(np.float64) for name in ("kind", "size", "price", "limit")]
    return Signals(orders["created"], orders["symbol"].astype(np.intp), np.stack(values, axis=1))


def _target(value: float, text: Callable[[float], str]) -> str:
    return f"target {text(value)}"


def _order(values: Sequence[float], text: Callable[[float], str], exactly: bool) -> str:
    kind, size, price, limit = values
    side = "buy" if size > 0 else "sell"
    name = OrderKind(int(kind)).name.lower().replace("_", "-")
    # Only stop-limit orders have two prices.
    prices: Sequence[float] = [price] if np.isnan(limit) else [price, limit]
    # A market order may have a price, which only the check of the cash looks at.
    has_price = kind != OrderKind.MARKET or exactly
    at = f" at {', '.join(map(text, prices))}" if has_price else ""
    return f"{name} order to {side} {text(abs(size))}{at}"
