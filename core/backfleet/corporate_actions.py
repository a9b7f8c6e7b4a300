"""Corporate actions as events of the books: from a table of actions, or from the factor alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from backfleet.bars import Bars
from backfleet.errors import MarketError
from backfleet.events import Events
from backfleet.facts import Action

__all__ = ["ActionsMode", "BookedActions", "Rights", "booked_actions", "no_tax"]

ActionsMode = Literal["exact", "factor", "none"]
Rights = Literal["lapse", "subscribe"]

TICK = 0.01
"""Reference prices are rounded to it; those of funds have three digits, which the tolerance
covers."""

TOLERANCE = 0.005
"""The factor of a vendor and the table of actions may differ by this fraction of the price:
holders of bought-back shares get no dividend, so that the reference price has a smaller one."""


@dataclass(frozen=True)
class _Ex:
    """An ex-date: the actions on it, the row at which it is known, and the close before it."""

    actions: tuple[Action, ...]
    row: int
    close: float

    @property
    def reference(self) -> float:
        """The reference price, rounded half up."""
        price = self.close
        for action in self.actions:
            rights_price = action.rights_price or 0.0
            # The formula of the exchanges: what a holder of one share has after the event, divided
            # by the number of shares that it has become.
            price = price - action.cash + action.rights * rights_price
            price /= 1.0 + action.bonus + action.capital + action.rights
        # 1e-6 ticks lift a price such as 1.005, whose float is just below the half, to the right
        # side.
        return math.floor(price / TICK + 0.5 + 1e-6) * TICK


def no_tax(actions: Sequence[Action]) -> NDArray[np.float64]:
    """Return the taxes of events without any."""
    return np.zeros((3, len(actions)))


@dataclass(frozen=True)
class BookedActions:
    """The corporate actions of a symbol as its books follow them.

    Attributes
    ----------
    factor
        The cumulative adjustment factor with which signals see prices.
    """

    factor: NDArray[np.float64]
    events: Events


def booked_actions(
    bars: Bars,
    actions: Sequence[Action] | None,
    mode: ActionsMode,
    rights: Rights,
    tax: Callable[[Sequence[Action]], NDArray[np.float64]] = no_tax,
) -> BookedActions:
    """Return how all actions of a symbol are booked.

    Raises MarketError for actions that leave no price.

    In the mode `none` there are no events, and the factor is one, so that signals see raw prices
    too. In the other modes, bars without a factor get the one that follows from the actions.
    Events name the days that the actions do not explain. `tax` returns `Events.taxes` of actions.
    """
    if mode == "none":
        return BookedActions(np.ones(len(bars)), Events.none())
    dates = list(_ex_dates(bars, actions)) if actions else []
    # A factor in the data takes precedence. The actions supply one only if the data has none.
    factor, changes = bars.factor, _changes(bars.factor)
    unexplained = np.empty(0, "datetime64[D]")
    if not bars.has_no_factor:
        unexplained = _unexplained(bars, changes, dates)
    elif dates:
        factor = _factor_of(len(bars), dates)
        changes = _changes(factor)
    if mode == "factor":
        events = _from_factor(bars.session, factor, changes, unexplained)
    else:
        events = _exact(dates, rights, unexplained, tax)
    return BookedActions(factor, events)


def _from_factor(
    session: NDArray[np.datetime64],
    factor: NDArray[np.float64],
    rows: NDArray[np.intp],
    unexplained: NDArray[np.datetime64],
) -> Events:
    """Return the events that reinvest every dividend at the reference price, in fractions; `rows`
    are those at which the factor changes."""
    if not len(rows):
        return replace(Events.none(), unexplained=unexplained)
    # `_changes` never returns row 0, so that `rows - 1` is a row.
    day, ratio = session[rows], factor[rows] / factor[rows - 1]
    nothing = np.zeros(len(rows))
    return Events(
        day, ratio, nothing, day, nothing, nothing, 1.0 / ratio,
        np.zeros(len(rows), np.bool_), np.zeros((3, len(rows))), unexplained,
    )  # fmt: skip


def _changes(factor: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the rows whose factor differs from that of the row before."""
    return np.flatnonzero(factor[1:] != factor[:-1]) + 1


def _ex_dates(bars: Bars, actions: Sequence[Action]) -> Iterator[_Ex]:
    """Yield the ex-dates of the bars' sessions; those before the first close are left out. Raises
    MarketError for actions that leave no price."""
    # intp of shape (bars,): the last tradable bar up to each row; -1 before the first one.
    last = np.maximum.accumulate(np.where(bars.tradable, np.arange(len(bars)), -1))
    by_day: dict[date, list[Action]] = {}
    for action in actions:
        by_day.setdefault(action.ex, []).append(action)
    before, close = -1, 0.0
    for day in sorted(by_day):
        row = int(np.searchsorted(bars.session, np.datetime64(day), "left"))
        # No position can be held before the first tradable bar, and the books end with the last
        # bar.
        if not 0 < row < len(bars) or last[row - 1] < 0:
            continue
        # The symbol has traded since the previous ex-date, so its close is the base again.
        # Otherwise the reference price of that ex-date is.
        if last[row - 1] != before:
            before = int(last[row - 1])
            close = float(bars.raw.close[before])
        ex = _Ex(tuple(by_day[day]), row, close)
        if ex.reference <= 0.0:
            raise MarketError(
                f"data.facts: the actions of {bars.symbol} with ex = {day} leave nothing of its "
                f"close, {close:g}. Correct them in the table actions"
            )
        yield ex
        # The symbol may not trade before its next ex-date.
        close = ex.reference


def _exact(
    dates: Sequence[_Ex],
    rights: Rights,
    unexplained: NDArray[np.datetime64],
    tax: Callable[[Sequence[Action]], NDArray[np.float64]],
) -> Events:
    """Return one event per action."""
    rows = [(ex, number, action) for ex in dates for number, action in enumerate(ex.actions)]
    # Rights that lapse have no shares, but they still lower the reference price in `move`.
    subscribed = [action.rights if rights == "subscribe" else 0.0 for _, _, action in rows]
    return Events(
        day=np.array([action.ex for *_, action in rows], "datetime64[D]"),
        ratio=np.array([1.0 + action.bonus + action.capital for *_, action in rows]),
        cash=np.array([action.cash for *_, action in rows], np.float64),
        pay=np.array([action.pay or action.ex for *_, action in rows], "datetime64[D]"),
        rights=np.array(subscribed, np.float64),
        price=np.array([action.rights_price or 0.0 for *_, action in rows], np.float64),
        # Several actions of one day move the price once.
        move=np.array([1.0 if number else ex.reference / ex.close for ex, number, _ in rows]),
        whole=np.ones(len(rows), np.bool_),
        taxes=tax([action for *_, action in rows]),
        unexplained=unexplained,
    )


def _factor_of(count: int, dates: Sequence[_Ex]) -> NDArray[np.float64]:
    """Return the cumulative factor that follows from the actions."""
    factor = np.ones(count)
    for ex in dates:
        # Each ex-date raises the factor of all later bars, in the order of the days.
        factor[ex.row :] *= ex.close / ex.reference
    return factor


def _unexplained(
    bars: Bars, changes: NDArray[np.intp], dates: Sequence[_Ex]
) -> NDArray[np.datetime64]:
    """Return the days on which the factor, which changes at some rows, and the actions differ."""
    if not dates:
        return bars.session[changes]
    by_row: dict[int, float] = {}
    for ex in dates:
        # Several ex-dates within a halt fall on the first bar after it, where the factor changes
        # once.
        by_row[ex.row] = by_row.get(ex.row, 1.0) * ex.reference / ex.close
    wrong = []
    # Both directions: a change of the factor without an action, and an action without a change.
    for row in {*changes.tolist(), *by_row}:
        implied = bars.factor[row - 1] / bars.factor[row]
        if row not in by_row or abs(by_row[row] - implied) > TOLERANCE:
            wrong.append(row)
    return bars.session[np.array(sorted(wrong), np.intp)]
