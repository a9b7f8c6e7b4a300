"""Waiting for what other processes come to."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

__all__ = ["until"]

T = TypeVar("T")

SECONDS = 120.0
PAUSE = 0.02


def until(holds: Callable[[], T], what: str, seconds: float = SECONDS) -> T:
    """The condition's first true value; the test fails where there is none in time."""
    end = time.monotonic() + seconds
    while not (value := holds()):
        assert time.monotonic() < end, f"it never came to this: {what}"
        time.sleep(PAUSE)
    return value
