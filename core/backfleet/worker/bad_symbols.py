"""Symbols whose bars cannot be had: each costs its own tasks, as long as others have bars."""

from __future__ import annotations

from collections.abc import Callable

from backfleet.errors import DataError
from backfleet.plan.manifest import TaskKey
from backfleet.worker.task_bars import TaskBars

__all__ = ["BadSymbol", "BadSymbols"]

MAX_FAILED_FIRST = 3
"""Symbols that may fail before any has bars. Then the data itself is wrong, not some symbols."""


class BadSymbol(Exception):
    """The bars of one symbol cannot be had, for this reason."""

    def __init__(self, reason: DataError) -> None:
        super().__init__(str(reason))
        self.reason = reason


class BadSymbols:
    """Loads the bars of tasks, and keeps apart faults of a symbol and faults of the data.

    Parameters
    ----------
    symbols
        Number of symbols that tasks can have, one by one.
    """

    def __init__(self, load: Callable[[TaskKey], TaskBars], symbols: int) -> None:
        self._load = load
        self._most = min(MAX_FAILED_FIRST, symbols)
        self._has_bars = False
        self._failures: dict[object, DataError] = {}

    def load(self, key: TaskKey) -> TaskBars:
        """Return the bars of a task.

        Raises BadSymbol; DataError if no symbol had bars before this one failed and it is the
        third, or the last. A symbol that failed is not read again.
        """
        # Names, since a hash of all that is planned for a symbol takes as long as a short task.
        place = (key.name, key.window)
        failure = self._failures.get(place)
        if failure is None:
            try:
                bars = self._load(key)
            except DataError as error:
                failure = self._failures[place] = error
                if not self._has_bars and len(self._failures) >= self._most:
                    raise
            else:
                self._has_bars = True
                return bars
        raise BadSymbol(failure)
