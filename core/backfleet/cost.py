"""`Cost`: what workers cost, and amounts of money in words.

It stands apart from `executor`, whose import of pydantic would delay the start of a worker.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Cost", "money"]


@dataclass(frozen=True)
class Cost:
    """Cost of workers: an estimate before they start, or the amount spent so far.

    Attributes
    ----------
    amount, currency
        Such as 0.42 and "USD".
    basis
        The assumptions behind the amount, for the user.
    limit
        Highest amount that is spent without asking; None for no limit.
    ceiling
        The amount if everything runs at the highest price; None if it is `amount`. The limit holds
        for it, since a price that moves is no promise.
    is_final
        Whether the amount is spent and cannot grow, because all workers have ended.
    """

    amount: float
    currency: str
    basis: str
    limit: float | None = None
    ceiling: float | None = None
    is_final: bool = False

    @property
    def highest(self) -> float:
        """The ceiling, or the amount without one."""
        return self.amount if self.ceiling is None else self.ceiling

    @property
    def exceeds_limit(self) -> bool:
        return self.limit is not None and self.highest > self.limit


def money(amount: float | None) -> str:
    """Return an amount to the cent, and a smaller one with its first two digits."""
    # The type of `Cost.limit` allows None, but a limit that was exceeded never is None.
    amount = amount or 0.0
    if amount >= 0.1 or not amount:
        return f"{amount:,.2f}"
    # Without an exponent, which `g` gives to amounts of less than a hundredth of a cent.
    return f"{amount:.{1 - math.floor(math.log10(amount))}f}"
