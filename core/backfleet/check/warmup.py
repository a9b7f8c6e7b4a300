"""Does a signal depend on how much history precedes?"""

from __future__ import annotations

from collections.abc import Sequence

from backfleet.check.check_case import CheckCase
from backfleet.check.other_bars import with_history
from backfleet.check.result import CheckResult, Status
from backfleet.check.signals import ALWAYS, SignalDifference, Signals, first_difference, signals_of

__all__ = ["check_warmup"]

CHECK = "warm-up"
TOLERANCE = 1e-6
"""Relative; what an exponential average still remembers of bars long gone."""


def check_warmup(subjects: Sequence[CheckCase]) -> CheckResult:
    """Check that signals do not depend on how much history precedes them.

    From the middle of the bars on, they must be the same with three quarters of the bars before as
    with all of them. The message says how many bars of history are enough.
    """
    enough = 0
    for subject in map(_with_late_bars, subjects):
        # Signals are compared on the second half of the calendar; the first half is history, in
        # whole or in part.
        start = len(subject.calendar) // 2
        whole = _signals(subject, start, start)
        # Three quarters: less history than that may be too little for an honest strategy with a
        # long look back.
        most = start * 3 // 4
        try:
            difference = _difference(subject, whole, start, most)
        except Exception as error:
            message = (
                f"raises {type(error).__name__} with {most} bars of history, and not with {start}, "
                "so there is nothing to compare; pass longer data"
            )
            return CheckResult(CHECK, Status.SKIPPED, message)
        if difference is not None:
            message = (
                f"{difference.ours} with {start} bars of history, but {difference.theirs} with "
                f"{most}: it depends on where the bars begin. If it needs more than that, "
                "pass longer data"
            )
            place = subject.place(difference.time, difference.symbol)
            return CheckResult(CHECK, Status.FAILED, message, place)
        enough = max(enough, _enough(subject, whole, start, most))
    words = f"from {enough} bars of history on" if enough else "without any history"
    return CheckResult(CHECK, Status.PASSED, f"signals are the same {words}")


def _with_late_bars(subject: CheckCase) -> CheckCase:
    """Return the case without the symbols that have no bar in the second half."""
    middle = subject.calendar[len(subject.calendar) // 2]
    return subject.on(tuple(bars for bars in subject.bars if bars.time[-1] >= middle))


def _enough(subject: CheckCase, whole: Signals, start: int, most: int) -> int:
    """Return the shortest of some histories that gives the same, as all longer ones do."""
    # 0, 1, 2, 4 and so on.
    tried = [0, *(2**power for power in range(most.bit_length()) if 2**power < most)]
    enough = most
    # From the longest to the shortest, until the signals differ for the first time.
    for history in reversed(tried):
        try:
            if _difference(subject, whole, start, history) is not None:
                break
        except Exception:
            # A strategy may refuse bars that are too few for it.
            break
        enough = history
    return enough


def _difference(
    subject: CheckCase, whole: Signals, start: int, history: int
) -> SignalDifference | None:
    other = _signals(subject, start, history)
    span = (int(subject.calendar[start]), ALWAYS[1])
    return first_difference(whole, other, span, TOLERANCE)


def _signals(subject: CheckCase, start: int, history: int) -> Signals:
    calendar = subject.calendar
    # The bars before `start` are warm-up: they are seen, and no signal of theirs counts.
    bars = with_history(subject.bars, int(calendar[start - history]), int(calendar[start]))
    return signals_of(subject.on(bars))
