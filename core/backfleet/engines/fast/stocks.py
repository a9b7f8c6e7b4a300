"""What a fill does to cash and position where they are those of stocks.

Must equal: `BackBroker._execute` and `Position.update` with a commission scheme for stocks, in
their order of evaluation.
"""

from __future__ import annotations

from typing import Any

from backtrader.comminfo import CommInfoBase

__all__ = ["after_closing", "after_opening", "changed", "is_plain"]

STOCK_LIKE = (
    "_get_credit_interest",
    "cashadjust",
    "get_credit_interest",
    "get_leverage",
    "getvaluesize",
    "profitandloss",
)
"""A commission scheme with these from `CommInfoBase` values positions as stocks are valued."""


def is_plain(scheme: Any) -> bool:
    """Whether a commission scheme values positions as stocks, without interest."""
    cls = type(scheme)
    inherited = all(
        getattr(cls, name) is getattr(CommInfoBase, name) and name not in scheme.__dict__
        for name in STOCK_LIKE
    )
    return bool(inherited and scheme._stocklike and not scheme._creditrate)


def after_closing(
    scheme: Any, cash: float, closed: float, entry: float, price: float, pnl: float
) -> tuple[float, float, float]:
    """The cash, the value and the commission after a part of a position was closed."""
    value = -closed * entry
    back = value / scheme.get_leverage() if value > 0 else value
    cash += back + pnl
    fee = scheme.getcommission(closed, price)
    return cash - fee, value, fee


def after_opening(
    scheme: Any, cash: float, opened: float, price: float
) -> tuple[float, float, float]:
    """The cash, the value and the commission after a part of a position was opened."""
    value = opened * price
    cash -= value / scheme.get_leverage() if value > 0 else value
    fee = scheme.getcommission(opened, price)
    return cash - fee, value, fee


def changed(
    held: float, entry: float, size: float, price: float
) -> tuple[float, float, float, float]:
    """Size, mean price, opened and closed part after `Position.update`."""
    after = held + size
    if not after:
        return after, 0.0, 0, size
    if not held:
        return after, price, size, 0
    grows, keeps_side = (size > 0, after > 0) if held > 0 else (size < 0, after < 0)
    if grows:
        return after, (entry * held + size * price) / after, size, 0
    if keeps_side:
        return after, entry, 0, size
    return after, price, after, -held
