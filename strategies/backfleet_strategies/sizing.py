"""How many shares a strategy buys when it goes all in."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

__all__ = ["SIZINGS", "sizing"]

Sizing = Callable[[Any], int]


def all_in(strategy: Any) -> int:
    """The cash over the close, cut to a whole number; leaves no room for the commission."""
    return int(strategy.broker.getcash() / strategy.data.close[0])


def fee_aware(strategy: Any) -> int:
    """The largest whole number of shares whose cost with commission fits the cash."""
    cash, price = strategy.broker.getcash(), strategy.data.close[0]
    commission = strategy.broker.getcommissioninfo(strategy.data).getcommission

    def shortfall(shares: int) -> float:
        # In the broker's order of evaluation, so that both agree to the last bit.
        return float(commission(shares, price) - (cash - shares * price))

    return bisect_right(range(1, int(cash / price) + 1), 0.0, key=shortfall)


SIZINGS: dict[str, Sizing] = {"all-in": all_in, "fee-aware": fee_aware}


def sizing(name: str) -> Sizing:
    """The sizing of this name. Raises ValueError where there is none."""
    if name not in SIZINGS:
        near = get_close_matches(str(name), SIZINGS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"sizing must be one of {', '.join(SIZINGS)}, not {name!r}{hint}")
    return SIZINGS[name]
