"""Does a signal depend on what was not known yet?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backfleet.bars import Bars
from backfleet.check.check_case import CheckCase
from backfleet.check.other_bars import with_another_future, without_future
from backfleet.check.result import CheckResult, Status
from backfleet.check.signals import ALWAYS, Signals, first_difference, signals_of
from backfleet.errors import error_line

__all__ = ["check_look_ahead"]

CHECK = "look-ahead"
EVEN_CUTS = 16
SIGNAL_CUTS = 16
"""Cuts at bars where something new is wanted; a look one bar ahead may show nowhere else."""

MAX_FURTHER_CUTS = 300
"""Maximum number of cuts to find the first bar that leaks."""

TOLERANCE = 1e-9
"""Relative; sums over bars that end elsewhere may round otherwise."""

MOVES = (("rise", 1.0), ("fall", -1.0))


def check_look_ahead(subjects: Sequence[CheckCase]) -> CheckResult:
    """Check that signals up to a bar do not change with the bars after it, nor without these.

    A failure names the first bar at which they change.
    """
    cuts = 0
    for subject in subjects:
        search = _Search(subject)
        leak = search.first_leak()
        if leak is not None:
            place = subject.place(leak.time, leak.symbol)
            return CheckResult(CHECK, Status.FAILED, leak.message, place)
        if search.obstacle is not None:
            return CheckResult(CHECK, Status.FAILED, f"{subject.name}: {search.obstacle}")
        cuts += len(search.cuts)
    return CheckResult(CHECK, Status.PASSED, f"no signal changed with the future, at {cuts} bars")


@dataclass(frozen=True)
class _Leak:
    """A signal at `time` that depends on later bars."""

    time: int
    symbol: int
    message: str


class _Search:
    """The search for a leak in one task. A cut is a position in the task's calendar.

    Attributes
    ----------
    obstacle
        Why nothing could be compared; None where something was.
    """

    def __init__(self, subject: CheckCase) -> None:
        self._subject = subject
        self._signals = signals_of(subject)
        # A cut before this would leave a symbol without any bar.
        first = max(int(bars.time[0]) for bars in subject.bars)
        self._earliest = int(np.searchsorted(subject.calendar, first))
        self.cuts = self._choose_cuts()
        self.obstacle: str | None = "there were no bars to compare"

    def first_leak(self) -> _Leak | None:
        leak = next(self._leaks(self.cuts), None)
        if leak is None:
            return None
        # There may be an earlier one between the cuts, which only cuts before this one can show.
        upto = int(np.searchsorted(self._subject.calendar, leak.time))
        earlier = next(self._leaks(range(self._earliest, upto)[:MAX_FURTHER_CUTS]), leak)
        return min(leak, earlier, key=lambda leak: leak.time)

    def _choose_cuts(self) -> Sequence[int]:
        # After the last bar there is nothing to change or to leave out.
        last = len(self._subject.calendar) - 2
        news = np.searchsorted(self._subject.calendar, _news(self._signals))
        chosen = _spread(news, SIGNAL_CUTS)
        even = _spread(np.arange(self._earliest, last + 1), EVEN_CUTS)
        # Also the bar before each change: a strategy that knows the next bar changes its signal one
        # bar early.
        cuts = np.unique(np.concatenate([even, chosen, chosen - 1]))
        return [int(cut) for cut in cuts if self._earliest <= cut <= last]

    def _leaks(self, cuts: Iterable[int]) -> Iterator[_Leak]:
        first_wish = _first_wish(self._signals)
        shorter_was_enough = False
        for cut in cuts:
            # Up and down, because a maximum of later prices would not notice a fall.
            for move, sign in MOVES:
                try:
                    yield from self._with_other_bars(cut, move, sign)
                except Exception as error:
                    # Prices that never were may be too much for a strategy; that is no leak.
                    self._note(error)
            try:
                yield from self._with_fewer_bars(cut)
                # Before its first wish, a strategy may not have computed anything yet.
                shorter_was_enough |= int(self._subject.calendar[cut]) >= first_wish
            except Exception as error:
                # A short history may be too little for it; but not if a shorter one gave signals.
                self._note(error)
                if shorter_was_enough:
                    yield self._end_that_raises(cut, error)

    def _with_other_bars(self, cut: int, move: str, sign: float) -> Iterator[_Leak]:
        last = int(self._subject.calendar[cut])
        other = with_another_future(self._subject.bars, last, sign)
        yield from self._compare(other, last, f"prices {move} after {self._subject.session(last)}")

    def _with_fewer_bars(self, cut: int) -> Iterator[_Leak]:
        calendar = self._subject.calendar
        last = int(calendar[cut])
        # Orders of backtrader's `stop` have the time of the last bar, wherever that is.
        upto = last if self._subject.is_vector else int(calendar[cut - 1]) if cut else ALWAYS[0]
        ended = without_future(self._subject.bars, last)
        yield from self._compare(ended, upto, f"bars end at {self._subject.session(last)}")

    def _compare(self, bars: tuple[Bars, ...], upto: int, future: str) -> Iterator[_Leak]:
        theirs = signals_of(self._subject.on(bars))
        # The strategy ran on changed bars at least once, so there was something to compare.
        self.obstacle = None
        difference = first_difference(self._signals, theirs, (ALWAYS[0], upto), TOLERANCE)
        if difference is not None:
            message = (
                f"{difference.ours}, but {difference.theirs} where {future}: "
                "it depends on later bars"
            )
            yield _Leak(difference.time, difference.symbol, message)

    def _end_that_raises(self, cut: int, error: Exception) -> _Leak:
        last = int(self._subject.calendar[cut])
        message = (
            f"raises {error_line(error)} where bars end at "
            f"{self._subject.session(last)}, and not where they end earlier: "
            "it depends on later bars"
        )
        return _Leak(last, 0, message)

    def _note(self, error: Exception) -> None:
        if self.obstacle is not None:
            self.obstacle = f"raises {error_line(error)} whatever comes after a bar"


def _first_wish(signals: Signals) -> int:
    """Return the first moment of an order, or of a target that is not 0."""
    # Every row of a backtrader strategy is an order.
    is_wish = np.ones(len(signals), np.bool_)
    if signals.values.shape[1] == 1:
        targets = signals.values[:, 0]
        is_wish = ~np.isnan(targets) & (targets != 0.0)
    times = signals.time[is_wish]
    return int(times[0]) if len(times) else ALWAYS[1]


def _news(signals: Signals) -> NDArray[np.int64]:
    """Return the moments at which the signal of a symbol changes."""
    if signals.values.shape[1] > 1 or not len(signals):
        # Every order is news.
        return signals.time
    fresh = np.zeros(len(signals), np.bool_)
    for symbol in np.unique(signals.symbol):
        rows = np.flatnonzero(signals.symbol == symbol)
        values = signals.values[rows, 0]
        same = (values[1:] == values[:-1]) | (np.isnan(values[1:]) & np.isnan(values[:-1]))
        fresh[rows[1:]] = ~same
    return signals.time[fresh]


def _spread(values: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Return the given number of values, evenly spaced."""
    if len(values) <= count:
        return values
    return values[np.linspace(0, len(values) - 1, count).astype(np.intp)]
