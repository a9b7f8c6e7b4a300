"""`BrokerSettings`: the simulated broker of a run, as engines get it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

from backfleet.class_call import CLASS, ClassCall

__all__ = [
    "MARKET_KEYS",
    "PLAIN_KEYS",
    "VECTOR_KEYS",
    "BrokerSettings",
    "Commission",
    "Slippage",
    "SymbolCosts",
]

PLAIN_KEYS = frozenset({"commission", "minimum_commission", "slippage"})
"""The job's keys that every engine knows, in addition to the cash."""
MARKET_KEYS = PLAIN_KEYS | {
    "commission.rate",
    "commission.per_share",
    "commission.per_order",
    "slippage.per_share",
    "slippage.rate",
    "slippage.open",
    "slippage.limit",
}
"""Those that the rules of a market know."""
VECTOR_KEYS = MARKET_KEYS | {"commission.multiplier", "slippage.out"}
"""Those that compiled code knows."""
# Symbols contain dots (`600519.SH`), so the prefix ends at the first dot before one of the two keys
# that a symbol can have.
OF_SYMBOL = re.compile(r"symbols\..*?\.(?=commission\b|minimum_commission\b)")


@dataclass(frozen=True)
class Commission:
    """The commission of an order, and the terms on which a position is held.

    Attributes
    ----------
    rate
        As a fraction of shares times price.
    per_share
        Money per share or contract.
    per_order
        Money per leg of an order; an order that reverses a position has two legs.
    margin
        Money that a contract ties up. Its profits and losses are booked at every close. 0 for
        stocks, whose price is paid.
    multiplier
        Profit of one share if the price rises by 1.
    leverage
        How many times its cash a long position is worth.
    interest
        Per year, as a fraction of the value at the entry price, charged on short positions.
    interest_on_long
        Whether long positions pay interest, too.
    """

    rate: float = 0.0
    per_share: float = 0.0
    per_order: float = 0.0
    margin: float = 0.0
    multiplier: float = 1.0
    leverage: float = 1.0
    interest: float = 0.0
    interest_on_long: bool = False


@dataclass(frozen=True)
class Slippage:
    """By how much a fill is worse than the price that triggers it.

    Attributes
    ----------
    per_share
        Money added to what a purchase costs per share and taken off what a sale brings.
    rate
        The same as a fraction of the price.
    open
        Whether fills at a bar's open have slippage.
    limit
        Whether a limit order fills at its limit if slippage would carry it further. It matters only
        without `match`.
    match
        Whether slippage ends at the bar's high and low; otherwise the order waits for the next bar.
    out
        Whether slippage may leave the bar's range.
    """

    per_share: float = 0.0
    rate: float = 0.0
    open: bool = True
    limit: bool = True
    match: bool = True
    out: bool = False


@dataclass(frozen=True)
class SymbolCosts:
    """The costs of one symbol.

    Attributes
    ----------
    symbol
        Its name; empty for symbols that have no costs of their own.
    minimum_commission
        The least that an order costs; one that reverses a position has two legs, which cost this
        much each.
    """

    symbol: str
    commission: Commission | ClassCall
    minimum_commission: float = 0.0


@dataclass(frozen=True)
class BrokerSettings:
    """The simulated broker. Money is in the currency of the prices.

    Attributes
    ----------
    cash
        At the start.
    commission
        As a fraction of traded value, a table, or a commission scheme.
    minimum_commission
        The least that an order costs; one that reverses a position has two legs, which cost this
        much each.
    slippage
        Added to what a purchase costs a share and taken off what a sale brings, within the bar's
        range, or a table; orders that fill at their limit have none.
    symbols
        Symbols with costs of their own.
    check_cash_at_submission
        Whether an order is rejected when it is placed if its cost at the close exceeds the cash.
    fill_at_close
        Whether a market order fills at the close of the bar at which it is placed.
    cheat_on_open
        Whether `next_open` is called before a bar's orders are filled, as in `bt.Cerebro`.
    session_end_fills
        Whether an order at the close fills at a bar that has the time of the session's end.
    short_cash
        Whether a short sale adds to the cash.
    interest_in_pnl
        Whether the interest of a position is part of the commission of the order that closes it.
    fund_mode, fund_start_value
        Whether analyzers measure the value of a fund's share, and its value at the start.
    volume_filler
        The class that says how much of an order a bar's volume fills; None for all of it.
    sizer
        The class that gives the size of orders that name none; None for backtrader's own.
    """

    cash: float
    commission: float | Commission | ClassCall = 0.0
    minimum_commission: float = 0.0
    slippage: float | Slippage = 0.0
    symbols: tuple[SymbolCosts, ...] = ()
    check_cash_at_submission: bool = True
    fill_at_close: bool = False
    cheat_on_open: bool = False
    session_end_fills: bool = False
    short_cash: bool = True
    interest_in_pnl: bool = True
    fund_mode: bool = False
    fund_start_value: float = 100.0
    volume_filler: ClassCall | None = None
    sizer: ClassCall | None = None

    @property
    def slippage_terms(self) -> Slippage:
        """The slippage as a table."""
        slippage = self.slippage
        return slippage if isinstance(slippage, Slippage) else Slippage(per_share=slippage)

    def costs_of(self, symbol: str = "") -> SymbolCosts:
        """Return the costs of a symbol; without a name, those of symbols without their own."""
        for costs in self.symbols:
            if costs.symbol == symbol:
                return costs
        commission = self.commission
        table = Commission(rate=commission) if isinstance(commission, (int, float)) else commission
        return SymbolCosts("", table, self.minimum_commission)

    def multiplier_of(self, symbol: str) -> float:
        """Return the profit of one share of a symbol if its price rises by 1; NaN if a commission
        scheme computes it."""
        commission = self.costs_of(symbol).commission
        return commission.multiplier if isinstance(commission, Commission) else math.nan

    def changed_keys(self) -> Iterator[str]:
        """Return the job's keys of the settings that are not the defaults, other than the cash and
        the sizer, such as `commission.margin`."""
        # The cash has no default; with the same one on both sides it never counts as changed.
        default = BrokerSettings(self.cash)
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "symbols":
                for costs in self.symbols:
                    path = f"symbols.{costs.symbol}."
                    # Own costs count as changed even if they equal the defaults, because an engine
                    # that has no costs by symbol would use those of all others.
                    yield f"{path}commission"
                    yield from _changed(f"{path}commission", costs.commission)
                    if costs.minimum_commission:
                        yield f"{path}minimum_commission"
            elif field.name != "sizer" and value != getattr(default, field.name):
                yield from _changed(field.name, value)

    def unknown_key(self, known: frozenset[str], *, has_symbols: bool = False) -> str | None:
        """Return the first changed key that is not among those; None if all are.

        `has_symbols` says whether they may be those of one symbol.
        """
        for key in self.changed_keys():
            if (OF_SYMBOL.sub("", key) if has_symbols else key) not in known:
                return key
        return None


def _changed(name: str, value: Any) -> Iterator[str]:
    """The keys of a setting that has changed, or those in its table."""
    if isinstance(value, ClassCall):
        # A commission can be a number, a table or a class, and engines know these separately.
        yield f"{name}.{CLASS}" if name.endswith("commission") else name
    elif isinstance(value, (Commission, Slippage)):
        default = type(value)()
        for field in fields(value):
            if getattr(value, field.name) != getattr(default, field.name):
                yield f"{name}.{field.name}"
    else:
        yield name
