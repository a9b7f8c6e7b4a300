"""Does the strategy come to the same on every engine?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from backfleet.check.check_case import CheckCase
from backfleet.check.result import BarLocation, CheckResult, Status
from backfleet.engine import Outcome, Records

__all__ = ["check_engines"]

CHECK = "engines"
TIMES = {"orders": "created", "fills": "time", "trades": "opened", "equity": "time"}
"""The tables of an outcome, in the order in which a difference shows first, and their times."""

SAY_LITTLE = ("time", "created", "opened", "closed", "status", "reason")
"""What says little as a number, and comes last."""

MAX_NAMES = 3


def check_engines(subjects: Sequence[CheckCase]) -> CheckResult:
    """Check that orders, fills, trades and equity are equal to the last bit on every engine that
    runs the strategy."""
    engines: Sequence[str] = ()
    for subject in subjects:
        engines = subject.engines
        ours = subject.run(engines[0])
        # The first engine is the reference; all others are compared with it.
        for engine in engines[1:]:
            difference = _first_difference(ours, subject.run(engine))
            if difference is not None:
                message = (
                    f"{difference.table} differ: {difference.ours} on {engines[0]}, "
                    f"{difference.theirs} on {engine}; a strategy must not depend on the engine "
                    "that runs it"
                )
                return CheckResult(CHECK, Status.FAILED, message, _place(subject, difference))
    return CheckResult(CHECK, Status.PASSED, f"the same to the last bit on {', '.join(engines)}")


@dataclass(frozen=True)
class _Difference:
    """The first record that two outcomes differ in, and what each has there."""

    table: str
    record: Any
    ours: str
    theirs: str


def _first_difference(ours: Outcome, theirs: Outcome) -> _Difference | None:
    for table in TIMES:
        left, right = getattr(ours, table), getattr(theirs, table)
        at = _first_differing(left, right)
        if at is not None:
            # One side may end before the other.
            record = (left if at < len(left) else right)[at]
            return _Difference(table, record, *_words(left, right, at))
    return None


def _first_differing(left: Records, right: Records) -> int | None:
    for at in range(max(len(left), len(right))):
        # As bytes, so that a difference in the last bit counts, and NaN equals NaN.
        if left[at : at + 1].tobytes() != right[at : at + 1].tobytes():
            return at
    return None


def _words(left: Records, right: Records, at: int) -> tuple[str, str]:
    """Return the differing fields of each side in words."""
    if at >= min(len(left), len(right)):
        one, none = f"record {at}", f"no record {at}"
        return (one, none) if at < len(left) else (none, one)
    names = [
        name
        for name in left.dtype.names or ()
        if left[name][at].tobytes() != right[name][at].tobytes()
    ]
    # False sorts before True: the fields that say most come first.
    shown = sorted(names, key=lambda name: name in SAY_LITTLE)[:MAX_NAMES]
    sides = (", ".join(f"{name} {side[name][at]}" for name in shown) for side in (left, right))
    return next(sides), next(sides)


def _place(subject: CheckCase, difference: _Difference) -> BarLocation:
    names = difference.record.dtype.names
    symbol = int(difference.record["symbol"]) if "symbol" in names else 0
    return subject.place(int(difference.record[TIMES[difference.table]]), symbol)
