"""The books of corporate actions, compiled: shares, cash, and money that is not paid yet.

`engines.market_broker` calls `book_event` and `moved_size` too, so that an event is written once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from backfleet.bars import Bars
from backfleet.engines.vector.market_rules import EPSILON, BarTerms, rounded_size
from backfleet.engines.vector.state import Account
from backfleet.jit import compiled, inlined

__all__ = [
    "AT",
    "BARS",
    "CASH",
    "DUE",
    "MOVE",
    "PAY",
    "PRICE",
    "RATIO",
    "RIGHTS",
    "SYMBOL",
    "WHOLE",
    "BookedEvents",
    "EventRows",
    "book_event",
    "book_row",
    "entry_move",
    "event_rows",
    "moved_size",
    "new_bookings",
    "next_stop",
    "pay_due",
]

EventRows = NDArray[np.float64]
"""float64 of shape (12, events), in the order in which they are booked. `AT` and `PAY` are steps of
the simulation, and the other rows are as in `Events`; the last three are its `taxes`."""

BookedEvents = NDArray[np.float64]
"""float64 of shape (5, events): shares before and after an event, the change of what they cost in
total, the money that is not paid yet, and the bars of the symbol until then."""

AT, SYMBOL, PAY, RATIO, CASH, RIGHTS, PRICE, MOVE, WHOLE = range(9)
ROWS = 12
BEFORE, AFTER, BASIS, DUE, BARS = range(5)


def event_rows(bars: Sequence[Bars], session: NDArray[np.datetime64]) -> EventRows | None:
    """Return the events of all symbols, on the sessions of the steps; None without a market."""
    if all(symbol.events is None for symbol in bars):
        return None
    tables = []
    for number, symbol in enumerate(bars):
        events = symbol.events
        if events is None:
            continue
        # An event on a day without a step happens at the next step, and is never paid before it.
        at = np.searchsorted(session, events.day, "left")
        pay = np.maximum(np.searchsorted(session, events.pay, "left"), at)
        # Money per share becomes money per unit that the books count, such as a step of a coin.
        columns = (
            at, np.full(len(at), number), pay, events.ratio, events.cash * symbol.unit,
            events.rights, events.price * symbol.unit, events.move, events.whole,
            *(events.taxes * symbol.unit),
        )  # fmt: skip
        tables.append(np.array([np.asarray(column, np.float64) for column in columns]))
        tables.append(_delisting(symbol, number, session))
    rows = np.concatenate(tables, axis=1) if tables else np.empty((ROWS, 0))
    # Events after the last bar never happen in this simulation.
    rows = rows[:, rows[AT] < len(session)]
    # A stable sort keeps the order of the symbols within a step.
    return np.ascontiguousarray(rows[:, np.argsort(rows[AT], kind="stable")])


def _delisting(bars: Bars, number: int, session: NDArray[np.datetime64]) -> EventRows:
    """Return the event that pays the shares of a delisted symbol out at their last close."""
    delisted = None if bars.facts is None else bars.facts.delisted
    if delisted is None:
        return np.empty((ROWS, 0))
    step = float(np.searchsorted(session, np.datetime64(delisted), "left"))
    # The data may go on after the delisting. Only closes before it count.
    closes = bars.traded.close[bars.tradable & (bars.session < np.datetime64(delisted))]
    if not len(closes):
        return np.empty((ROWS, 0))
    row = np.zeros((ROWS, 1))
    # The ratio stays 0, so that no share is left.
    row[[AT, SYMBOL, PAY, CASH, MOVE], 0] = step, number, step, closes[-1], 1.0
    return row


@compiled
def new_bookings(events: EventRows) -> BookedEvents:
    """Return bookings of events that have not happened."""
    return np.zeros((5, events.shape[1]))


@inlined
def multiplied(size: float, ratio: float, half: float, whole: float) -> float:
    """Return a signed number of shares times a ratio: a whole number if it is close to one, or if
    it must be whole, which rounds down after `half` is added."""
    # In floats, 400 * 1.15 is less than 460.
    shares = abs(size) * ratio
    down = float(math.floor(shares + half + EPSILON))
    if whole != 0.0 or abs(shares - down) <= EPSILON:
        shares = down
    return shares if size > 0.0 else -shares


@inlined
def book_event(
    account: Account, ratio: float, cash: float, rights: float, price: float, whole: float
) -> tuple[Account, float, float]:
    """Return the account after an event, the money that is due, and by how much the shares have
    cost more in total. Rights that the cash does not suffice for lapse."""
    before, money = account.size, account.cash
    # Waiting orders still follow the event: `moved_size` does that.
    if before == 0.0:
        return account, 0.0, 0.0
    # Half a share is one more.
    after = multiplied(before, ratio, 0.5 if whole != 0.0 else 0.0, whole)
    due = before * cash
    # A dividend reduces what the shares have cost, and so the mean entry price, as the price falls.
    basis = -due
    # A short position has no rights. Its holder owes dividends, which the sign of `due` says.
    if rights > 0.0 and before > 0.0:
        more = float(math.floor(before * rights + EPSILON))
        cost = more * price
        if cost <= money:
            money -= cost
            after += more
            basis += cost
    mean = (account.price * before + basis) / after if after != 0.0 else 0.0
    return Account(money, after, mean), due, basis


@inlined
def moved_size(
    size: float, before: float, after: float, ratio: float, whole: float, terms: BarTerms
) -> float:
    """Return the size of a waiting order after an event, in lots, which is never 0. An order that
    closes the position closes it after the event too; one that is smaller than a lot is left for
    the rejection, and so is any if no share is left."""
    # The symbol was delisted, or the event took all shares.
    if after == 0.0 and (before != 0.0 or ratio == 0.0):
        return size
    # Rounding the order by itself could leave a fraction of the position.
    if size == -before:
        return -after
    # A dividend in cash changes no number of shares, and lots were applied when the order was
    # placed.
    if ratio == 1.0:
        return size
    moved = multiplied(size, ratio, 0.0, whole)
    lots = rounded_size(moved, after, terms)
    if lots != 0.0:
        return lots
    # The compiled loops take an order of size 0 for none, which they would never reject.
    return moved if moved != 0.0 else size * ratio


@inlined
def entry_move(before: Account, after: Account) -> float:
    """Return by what an event multiplies the mean entry price of a position."""
    # Dividends may have paid for all of the shares. Then a fraction of 0 stays 0.
    return after.price / before.price if before.price != 0.0 else 1.0


@inlined
def book_row(
    account: Account, events: EventRows, number: int, booked: BookedEvents, bars: int
) -> Account:
    """Book one of the events, and note what it did; `bars` counts those of the symbol."""
    before = account.size
    account, due, basis = book_event(
        account,
        events[RATIO, number],
        events[CASH, number],
        events[RIGHTS, number],
        events[PRICE, number],
        events[WHOLE, number],
    )
    booked[BEFORE, number] = before
    booked[AFTER, number] = account.size
    booked[BASIS, number] = basis
    booked[DUE, number] = due
    booked[BARS, number] = bars
    return account


@inlined
def pay_due(
    cash: float, events: EventRows, booked: BookedEvents, oldest: int, count: int, step: int
) -> tuple[float, float]:
    """Pay what is due at a step from the first `count` events, the first of which that is not paid
    is `oldest` or a later one. Returns the cash, and the money that is not paid yet."""
    receivable = 0.0
    # In the order of the events, since the sum of the money rounds by its order.
    for number in range(oldest, count):
        due = booked[DUE, number]
        if due != 0.0:
            # The money counts in the account's value from the ex-date on, and buys shares from this
            # step on.
            if events[PAY, number] <= step:
                cash += due
                booked[DUE, number] = 0.0
            else:
                receivable += due
    return cash, receivable


@compiled
def next_stop(events: EventRows, booked: BookedEvents, oldest: int, count: int, steps: int) -> int:
    """Return the step of the next event or payment after the first `count` events are booked; the
    number of steps if there is none. `oldest` is as in `pay_due`."""
    stop = steps
    if count < events.shape[1]:
        stop = min(stop, int(events[AT, count]))
    for number in range(oldest, count):
        if booked[DUE, number] != 0.0:
            stop = min(stop, int(events[PAY, number]))
    return stop
