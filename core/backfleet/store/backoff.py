"""Trying again, a bounded number of times and not all writers at the same moment."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

__all__ = ["retry"]

MAX_ATTEMPTS = 8
FIRST_PAUSE_SECONDS = 0.1
MAX_PAUSE_SECONDS = 5.0

# The module's shared generator is seeded for each task: drawing from it would change its numbers.
_jitter = random.SystemRandom()

Result = TypeVar("Result")


def retry(call: Callable[[], Result], again: Callable[[Exception], bool]) -> Result:
    """Return the result of `call`, which is repeated while it raises an error that `again` accepts.

    Between attempts it waits a random part of a pause that doubles up to MAX_PAUSE_SECONDS.
    The error of the last attempt is raised as it is.
    """
    # The last attempt is below the loop, because its error passes through and no pause follows.
    for attempt in range(MAX_ATTEMPTS - 1):
        try:
            return call()
        except Exception as error:
            if not again(error):
                raise
        # A random part of the whole pause keeps writers apart that failed at the same moment.
        time.sleep(_jitter.uniform(0, min(MAX_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**attempt)))
    return call()
