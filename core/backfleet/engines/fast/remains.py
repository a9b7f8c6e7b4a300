"""What a run leaves behind, taken apart as soon as nobody holds it.

Orders, their copies, the broker and the strategy hang together in cycles. Left alone, that is
garbage which only Python's collector can find, and it goes through all of it several times. With
their lists of orders emptied, nearly all of it is free at once, in a tenth of the time.

Nobody but the run itself holds a strategy if there are fewer references to it than there were while
its outcome was there.
"""

from __future__ import annotations

import sys
import weakref
from typing import Any

__all__ = ["Remains"]


class Remains:
    """The strategy of a run, to be taken apart when its outcome is gone.

    Parameters
    ----------
    strategy
        The strategy after the run, held by the outcome and nobody else from outside.
    """

    def __init__(self, strategy: Any) -> None:
        self._strategy = weakref.ref(strategy)
        self._held = _references(strategy)

    def taken_apart(self) -> bool:
        """Take the run apart if nobody holds it; whether it is gone."""
        strategy = self._strategy()
        if strategy is None:
            return True
        of_strategy, *others = _references(strategy)
        if of_strategy >= self._held[0] or others != self._held[1:]:
            return False
        strategy.broker.orders.clear()
        strategy._orders.clear()
        strategy._trades.clear()
        return True


def _references(strategy: Any) -> list[int]:
    """How many there are to a strategy, its broker, and the lists that are emptied."""
    broker = strategy.broker
    owned = (strategy, broker, broker.orders, strategy._orders, strategy._trades)
    return [sys.getrefcount(each) for each in owned]
