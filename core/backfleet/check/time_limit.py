"""`time_limit`: ends a strategy that does not end by itself."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["TimeLimitExceeded", "time_limit"]


class TimeLimitExceeded(BaseException):
    """A strategy took too long. No Exception, which a strategy might catch and go on."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TimeLimitExceeded in the block when the seconds are over; 0 is no limit.

    Python handles signals in the main thread alone, so other threads must give no limit. Code that
    is no Python, such as a compiled loop, is not interrupted before it ends.
    """
    if not seconds:
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise TimeLimitExceeded(f"it takes more than {seconds:g} s, resources.task_timeout")

    earlier = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, earlier)
