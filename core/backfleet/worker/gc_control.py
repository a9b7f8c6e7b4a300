"""Python's garbage collector in a child process: it runs between tasks instead of within them.

The orders, trades and lines of a backtrader task stay until its result is built, and refer to each
other in cycles. With its usual thresholds, the collector examines all of them again and again
without finding garbage. In a child it rarely runs during a task, only so that a strategy that
creates cyclic garbage cannot fill the memory, and it runs before a task, when the objects of an
earlier one are garbage.
"""

from __future__ import annotations

import gc

__all__ = ["collect_between_tasks", "defer_collection"]

THRESHOLDS = (200_000, 20, 100)
MIN_YOUNG_OBJECTS = 2_000
"""About as many as a task of some hundred bars with a few orders leaves."""
MAX_COLLECTIONS = (2, 4)
"""Collections of each generation before the next one is collected too: it holds objects that the
result of an earlier task still referred to when the next task began."""


def defer_collection() -> None:
    """Exempt everything imported so far from collection, and make automatic collections rare."""
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    # The forkserver has disabled it.
    gc.enable()


def collect_between_tasks() -> None:
    """Collect the garbage of earlier tasks, if there is enough of it."""
    young, middle, old = gc.get_count()
    if middle >= MAX_COLLECTIONS[0] and old >= MAX_COLLECTIONS[1]:
        gc.collect(2)
    elif middle >= MAX_COLLECTIONS[0]:
        gc.collect(1)
    elif young > MIN_YOUNG_OBJECTS:
        gc.collect(0)
