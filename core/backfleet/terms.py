"""`Terms`: the rules of a market for the bars of one symbol, as read-only arrays.

A market turns its dated tables into these arrays once per symbol. Engines know the arrays and no
rule; a rule that is switched off has its neutral element in them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["Terms"]

Floats = NDArray[np.float64]
Reasons = NDArray[np.int8]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Terms:
    """The rules in force at each bar. Every array has shape (bars,) and is read-only.

    Attributes
    ----------
    step, least
        float64. An order has at least `least` shares and a multiple of `step`; a sale that leaves
        no shares may have fewer. Neutral: 0, any number of shares.
    most
        float64, the largest number of shares of one order. Neutral: infinity.
    up, down
        float64, the limits of a raw price. Neutral: infinity and 0.
    tick
        float64, the smallest difference of two prices. Prices closer than half a tick are equal.
    buy_tax, sell_tax
        float64, fractions of the traded value that an order costs besides its commission.
        Neutral: 0.
    share_fee
        float64, money that each traded share costs, whatever its price. Neutral: 0.
    minimum
        float64, the least commission of an order, where the job sets none itself. Neutral: 0.
    cap
        float64, the most shares that can be filled at this bar. Neutral: infinity.
    buy_block, sell_block
        int8, the `RejectReason` of purchases and sales at the bar's open. Neutral: 0, none.
    missed
        bool, whether orders of the bar before lived for a session in which the symbol was halted.
        Neutral: False.
    locked
        bool, whether shares bought at this bar can be sold only from the next session on. Neutral:
        False.
    shorts
        bool, whether more can be sold than is held. Neutral: True.
    """

    step: Floats
    least: Floats
    most: Floats
    up: Floats
    down: Floats
    tick: Floats
    buy_tax: Floats
    sell_tax: Floats
    share_fee: Floats
    minimum: Floats
    cap: Floats
    buy_block: Reasons
    sell_block: Reasons
    missed: Flags
    locked: Flags
    shorts: Flags

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value.shape != self.step.shape:
                raise ValueError(
                    f"the terms of a market have {len(self.step)} bars, and {name} has "
                    f"{value.shape}"
                )
            value.flags.writeable = False

    def __len__(self) -> int:
        return len(self.step)

    def __getitem__(self, key: slice | Flags) -> Terms:
        return Terms(**{name: value[key] for name, value in vars(self).items()})

    @classmethod
    def neutral(cls, bars: int) -> Terms:
        """Return the terms of a market without rules."""
        values: dict[str, Any] = {
            field.name: np.zeros(bars, _type_of(field.name)) for field in fields(cls)
        }
        for name in ("most", "up", "cap"):
            values[name] = np.full(bars, np.inf)
        values["shorts"] = np.ones(bars, np.bool_)
        return cls(**values)

    def having(self, **values: Any) -> Self:
        """Return these terms with other arrays; a number stands for all bars."""
        arrays = {
            name: np.array(np.broadcast_to(value, self.step.shape), _type_of(name))
            for name, value in values.items()
        }
        return replace(self, **arrays)

    def columns(self) -> list[NDArray[Any]]:
        """Return all arrays in a fixed order, for a digest."""
        return [getattr(self, field.name) for field in fields(self)]


def _type_of(name: str) -> type[Any]:
    if name in ("missed", "locked", "shorts"):
        return np.bool_
    return np.int8 if name in ("buy_block", "sell_block") else np.float64
