"""Does the strategy do the same when it is run again?"""

from __future__ import annotations

from collections.abc import Sequence

from backfleet.check.check_case import CheckCase
from backfleet.check.result import CheckResult, Status
from backfleet.check.signals import first_difference, signals_of
from backfleet.chunks.task_result import outcome_digest

__all__ = ["check_determinism"]

CHECK = "deterministic"
ADVICE = (
    "derive random seeds from a parameter, or use random and numpy.random, which are seeded for "
    "each task; keep no state in classes and modules, and do not read the clock"
)


def check_determinism(subjects: Sequence[CheckCase]) -> CheckResult:
    """Check that runs in another order, in one process, give the same."""
    first = [signals_of(subject) for subject in subjects]
    # Backwards and forwards, so that each case runs after another one than the first time: state
    # that is left in a class or a module then shows.
    again = [*reversed([*enumerate(subjects)]), *enumerate(subjects)]
    for number, subject in again:
        difference = first_difference(first[number], signals_of(subject))
        if difference is not None:
            message = f"{difference.ours} in one run and {difference.theirs} in another; {ADVICE}"
            place = subject.place(difference.time, difference.symbol)
            return CheckResult(CHECK, Status.FAILED, message, place)
    # Equal signals can still lead to different fills and metrics.
    digests = [_digest(subject) for subject in subjects]
    for number, subject in again:
        if _digest(subject) != digests[number]:
            message = f"{subject.name}: fills or metrics differ between two runs; {ADVICE}"
            return CheckResult(CHECK, Status.FAILED, message)
    return CheckResult(CHECK, Status.PASSED, "the same in every run, whatever ran before")


def _digest(subject: CheckCase) -> str:
    outcome = subject.run()
    # A NaN is no difference to another.
    return f"{outcome_digest(outcome)} {sorted(outcome.metrics.items())!r}"
