"""The effect of a fill on cash and position, for assets that are paid in full as stocks are.

Must equal: `BackBroker._execute` and `Position.update` with a commission scheme for stocks, in
their order of evaluation.
"""

from __future__ import annotations

from typing import Any

from backtrader.comminfo import CommInfoBase

__all__ = ["StockTerms", "changed", "is_free", "is_plain"]

STOCK_LIKE = (
    "_get_credit_interest",
    "cashadjust",
    "get_credit_interest",
    "get_leverage",
    "getvaluesize",
    "profitandloss",
)
"""A commission scheme with these from `CommInfoBase` values positions as stocks are valued."""
INTEREST = ("_get_credit_interest", "get_credit_interest")
VALUES = ("get_margin", "getvaluesize", "profitandloss")
FEES = ("_getcommission", "confirmexec", "getcommission")


def is_plain(scheme: Any) -> bool:
    """Whether a commission scheme values positions as stocks, without interest."""
    # `_creditrate` is the interest per day.
    return _has_own(scheme, STOCK_LIKE) and bool(scheme._stocklike and not scheme._creditrate)


def is_free(scheme: Any) -> bool:
    """Whether holding a position costs no interest."""
    return _has_own(scheme, INTEREST) and not scheme._creditrate


def _has_own(scheme: Any, names: tuple[str, ...]) -> bool:
    """Whether a scheme has these methods from `CommInfoBase`."""
    cls = type(scheme)
    return all(
        getattr(cls, name) is getattr(CommInfoBase, name) and name not in scheme.__dict__
        for name in names
    )


class StockTerms:
    """A plain commission scheme, and how it is asked.

    Attributes
    ----------
    scheme, params
        The scheme and its parameters.
    flat_is_nothing
        Whether a flat position is worth nothing at a finite price.
    """

    __slots__ = ("_by_value", "flat_is_nothing", "params", "scheme")

    def __init__(self, scheme: Any) -> None:
        self.scheme, self.params = scheme, scheme.p
        self.flat_is_nothing = _has_own(scheme, VALUES)
        # A commission in percent with backtrader's own formula is computed here. Any other is asked
        # for.
        self._by_value = _has_own(scheme, FEES) and scheme._commtype == CommInfoBase.COMM_PERC

    def after_closing(
        self, cash: float, closed: float, entry: float, price: float, pnl: float
    ) -> tuple[float, float, float]:
        """The cash, the value and the commission after a part of a position was closed."""
        params = self.params
        # The value that is given back is that at the entry price. The profit is added apart, as in
        # `_execute`.
        value = -closed * entry
        # Only a long position is paid with leverage.
        cash += (value / params.leverage if value > 0 else value) + pnl
        if self._by_value:
            # `_getcommission`, in its order
            fee = abs(closed) * params.commission * price
        else:
            fee = self.scheme.getcommission(closed, price)
        return cash - fee, value, fee

    def after_opening(self, cash: float, opened: float, price: float) -> tuple[float, float, float]:
        """The cash, the value and the commission after a part of a position was opened."""
        params = self.params
        value = opened * price
        cash -= value / params.leverage if value > 0 else value
        if self._by_value:
            fee = abs(opened) * params.commission * price
        else:
            fee = self.scheme.getcommission(opened, price)
        return cash - fee, value, fee

    def confirm(self, filled: float, price: float) -> None:
        """Tell a scheme that may want to know it of a fill."""
        # backtrader calls `confirmexec` of each scheme. That of a commission in percent changes
        # nothing.
        if not self._by_value:
            self.scheme.confirmexec(filled, price)


def changed(
    held: float, entry: float, size: float, price: float
) -> tuple[float, float, float, float]:
    """Size, mean price, opened and closed part after `Position.update`."""
    after = held + size
    # backtrader's types, too: an untouched part is the int 0.
    if not after:
        return after, 0.0, 0, size
    if not held:
        return after, price, size, 0
    grows, keeps_side = (size > 0, after > 0) if held > 0 else (size < 0, after < 0)
    if grows:
        # The mean entry price, weighted by size
        return after, (entry * held + size * price) / after, size, 0
    if keeps_side:
        return after, entry, 0, size
    # The position is reversed: all of it is closed, and the rest opens at this price.
    return after, price, after, -held
