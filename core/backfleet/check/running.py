"""Check that the strategy runs and places orders."""

from __future__ import annotations

import sysconfig
import traceback
from collections.abc import Sequence

from backfleet.check import time_limit
from backfleet.check.check_case import CheckCase
from backfleet.check.result import CheckResult, Status
from backfleet.check.signals import signals_of
from backfleet.console import count_of
from backfleet.errors import error_line

__all__ = ["check_signals", "describe_error"]

CHECK = "signals"
LIMIT = time_limit.__file__


def check_signals(subjects: Sequence[CheckCase]) -> CheckResult:
    """Check that the strategy runs on all bars and places at least one order."""
    orders = 0
    for subject in subjects:
        try:
            signals_of(subject)
            orders += len(subject.run().orders)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            # Also `SystemExit`, which a strategy may raise.
            message = f"{subject.name}: raises {describe_error(error)}"
            return CheckResult(CHECK, Status.FAILED, message)
    if not orders:
        message = (
            "it places no order on these bars, so there is nothing to check; "
            "pass bars on which it trades with --data, or other parameters with -p"
        )
        return CheckResult(CHECK, Status.FAILED, message)
    tasks = count_of(len(subjects), "task")
    return CheckResult(CHECK, Status.PASSED, f"{count_of(orders, 'order')} in {tasks}")


def describe_error(error: BaseException) -> str:
    """Return the error with the line that raised it, or that called Python's library."""
    # The frame that the alarm of a time limit adds says nothing of where the strategy was.
    trace = traceback.extract_tb(error.__traceback__)
    frames = [frame for frame in trace if frame.filename != LIMIT]
    if not frames:
        # The cause of an error need not have been raised itself.
        return error_line(error)
    outside = [frame for frame in frames if not _is_of_library(frame.filename)]
    frame = (outside or frames)[-1]
    return f"{error_line(error)} ({frame.filename}, line {frame.lineno})"


def _is_of_library(file: str) -> bool:
    """Whether a file belongs to Python itself, and not to a package that pip has installed."""
    return file.startswith(sysconfig.get_path("stdlib")) and "site-packages" not in file
