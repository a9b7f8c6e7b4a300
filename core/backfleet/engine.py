"""The interface of engines: an engine gets a `Simulation` and returns an `Outcome`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backfleet.bars import Bars
from backfleet.broker_settings import BrokerSettings, Commission, Slippage, SymbolCosts
from backfleet.class_call import ClassCall
from backfleet.summary import Calendar, Scalar, Summary

__all__ = [
    "EQUITY",
    "FILL",
    "ORDER",
    "TRADE",
    "AnalyzerValue",
    "BrokerSettings",
    "Commission",
    "Engine",
    "OrderKind",
    "OrderStatus",
    "Outcome",
    "RejectReason",
    "Simulation",
    "Slippage",
    "SymbolCosts",
]

Records = NDArray[np.void]

# The smallest int64 is also numpy's NaT, so a view as datetime64 shows a missing time.
NOT_YET = np.iinfo(np.int64).min
"""The time of an event that has not happened: an order still alive, a trade still open."""


class OrderStatus(IntEnum):
    """The final status of an order."""

    # The recorder maps backtrader's states to these by name. The numbers are part of an outcome's
    # digest, so they must not change.
    SUBMITTED = 0
    ACCEPTED = 1
    PARTIAL = 2
    COMPLETED = 3
    CANCELED = 4
    EXPIRED = 5
    MARGIN = 6
    REJECTED = 7


class OrderKind(IntEnum):
    """The type of an order."""

    # The numbers are those of `bt.Order.ExecTypes`, which the recorder stores as they are.
    MARKET = 0
    CLOSE = 1
    LIMIT = 2
    STOP = 3
    STOP_LIMIT = 4
    STOP_TRAIL = 5
    STOP_TRAIL_LIMIT = 6
    HISTORICAL = 7


class RejectReason(IntEnum):
    """The reason why an order was rejected."""

    # Part of an outcome's digest: a new reason gets the next number.
    NONE = 0
    CASH_AT_SUBMISSION = 1
    """Its cost at the close of the bar that created it, fee included, exceeded the cash."""
    CASH_AT_FILL = 2
    """Its cost at the price it was to be filled at, fee included, exceeded the cash."""
    BROKER = 3
    """The broker rejected it for another reason."""
    LIMIT_UP = 4
    """A purchase whose bar opened at the upper price limit."""
    LIMIT_DOWN = 5
    """A sale whose bar opened at the lower price limit."""
    SAME_SESSION = 6
    """It would have sold shares that were bought in the same session."""
    LOT = 7
    """It had fewer shares than the market's smallest order."""
    SHORT = 8
    """It would have sold more than was held, in a market without short sales."""
    VOLUME = 9
    """The bar's volume did not suffice for it, or for all of it."""
    HALTED = 10
    """The symbol was halted in the session for which it was placed."""
    UNLISTED = 11
    """The symbol was not listed yet, or no longer."""
    ORDER_SIZE = 12
    """It had more shares than the market's largest order."""


# Times are int64 nanoseconds since the epoch in UTC, as in `Bars.time`, in all four records.
EQUITY = np.dtype([("time", "i8"), ("value", "f8"), ("cash", "f8"), ("exposure", "f8")])
"""One record per bar, after it: account value, cash, and the gross value of all positions."""

ORDER = np.dtype(
    [
        ("number", "i8"),  # counted from 0 within the task, in the order of creation
        ("symbol", "i4"),  # position in the task's symbols
        ("kind", "i1"),  # OrderKind
        ("status", "i1"),  # OrderStatus
        ("reason", "i1"),  # RejectReason
        ("created", "i8"),  # time of the bar in which the strategy placed it
        ("closed", "i8"),  # time of the bar in which it reached its status; NOT_YET if alive
        ("size", "f8"),  # ordered size, signed: negative sells
        ("price", "f8"),  # its own price, or the creating bar's close for a market order
        ("limit", "f8"),  # limit price of a stop-limit order, otherwise NaN
        ("filled", "f8"),  # signed size filled
        ("fill_price", "f8"),  # mean price filled at, NaN without fills
        ("commission", "f8"),
    ]
)

FILL = np.dtype(
    [
        ("order", "i8"),  # ORDER.number
        ("symbol", "i4"),
        ("time", "i8"),
        ("size", "f8"),  # signed
        ("price", "f8"),
        ("commission", "f8"),
        ("pnl", "f8"),  # profit of the part that closes a position, before fees
    ]
)

TRADE = np.dtype(
    [
        ("symbol", "i4"),
        ("opened", "i8"),
        ("closed", "i8"),  # NOT_YET if still open
        ("size", "f8"),  # the largest position held, signed: negative is short
        ("price", "f8"),  # mean entry price
        ("pnl", "f8"),  # of what was closed so far, before fees
        ("pnl_net", "f8"),  # that, less the commission paid so far
        ("commission", "f8"),
        ("bars", "i8"),  # bars held
    ]
)


class Simulation(NamedTuple):
    """One task, ready to run.

    Attributes
    ----------
    strategy
        The strategy's class.
    params
        A value for each parameter that the job sets; the others keep their defaults.
    bars
        One element per symbol. Bars that are not tradable are still in it.
    calendar
        If set, a `Summary` along this calendar is enough; an engine may return it sooner than all
        orders and the equity curve. None asks for the outcome.
    analyzers
        Pairs of name and class: backtrader's analyzers, whose numbers are among the outcome's
        metrics, and whose tables are the outcome's analyzers.
    feeds
        Names of symbols and auxiliary feeds in the order in which a `backtrader.Strategy` has them;
        empty for the usual order: the symbols, then the auxiliary feeds by their names.
    signals
        Pairs of kind and indicator: the signals of a `backtrader.SignalStrategy`.
    """

    strategy: type
    params: Mapping[str, Any]
    bars: tuple[Bars, ...]
    broker: BrokerSettings
    calendar: Calendar | None = None
    analyzers: tuple[tuple[str, ClassCall], ...] = ()
    feeds: tuple[str, ...] = ()
    signals: tuple[tuple[str, ClassCall], ...] = ()


class AnalyzerValue(NamedTuple):
    """One value in a table of an analyzer of backtrader's.

    Attributes
    ----------
    key
        The texts and whole numbers by which the analyzer keeps it, joined with `.`.
    local_time
        The date or time by which it is kept, as the strategy's clock shows it: nanoseconds since
        the epoch. None for a table without dates.
    row, column
        Its place in a list, or in a list of lists; otherwise 0.
    value, text
        The number; NaN if it is a text, which then is the other.
    """

    analyzer: str
    key: str
    local_time: int | None
    row: int
    column: int
    value: float
    text: str | None


@dataclass(frozen=True, eq=False)
class Outcome:
    """All that a simulated account went through. Times are int64 nanoseconds since the epoch, UTC.

    Attributes
    ----------
    equity
        `EQUITY` records, one per tradable bar from the job's start on.
    orders, fills, trades
        `ORDER`, `FILL` and `TRADE` records, in the order in which they came about.
    metrics
        The scalars that the strategy left in its attribute `metrics`, and numbers of analyzers.
    analyzers
        The tables of analyzers.
    fallback
        Why the engine took its slow path; None if it did not.
    strategy
        The live strategy object, for a debugger; it never leaves the process.
    """

    equity: Records
    orders: Records
    fills: Records
    trades: Records
    metrics: Mapping[str, Scalar] = field(default_factory=dict)
    analyzers: Sequence[AnalyzerValue] = ()
    fallback: str | None = None
    strategy: Any = None


class Engine(ABC):
    """Turns a simulation into an outcome. An engine holds no state between two simulations
    that could change a number."""

    name: ClassVar[str]

    @abstractmethod
    def run(self, simulation: Simulation) -> Outcome | Summary:
        """Run one task in this process. What the strategy raises passes through unchanged.

        Returns
        -------
        The outcome. If `simulation.calendar` is set, an engine may return a `Summary` instead,
        equal to that of the outcome.
        """
