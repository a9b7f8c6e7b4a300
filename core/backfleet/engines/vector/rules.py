"""The rules by which targets become orders, as numbers that compiled code reads."""

from __future__ import annotations

import math
from difflib import get_close_matches
from enum import IntEnum
from typing import NamedTuple

from backfleet.vector_strategy import SIZINGS, TARGETS, VectorStrategy

__all__ = ["Rules", "SizingRule", "TargetRule"]


class TargetRule(IntEnum):
    """`VectorStrategy.target`, in the order of `TARGETS`."""

    POSITION = 0
    SIZE = 1
    VALUE = 2
    PERCENT = 3


class SizingRule(IntEnum):
    """`VectorStrategy.sizing`, in the order of `SIZINGS`."""

    ALL_IN = 0
    FEE_AWARE = 1
    FIXED = 2
    PERCENT_OF_CASH = 3
    PERCENT_OF_VALUE = 4


class Rules(NamedTuple):
    """The attributes of a strategy as numbers.

    Attributes
    ----------
    target, sizing
        A `TargetRule` and a `SizingRule`.
    amount
        Shares or a fraction, above 0.
    stop_loss, take_profit
        Fractions of the entry price; NaN is none.
    """

    target: int
    sizing: int
    amount: float
    stop_loss: float
    take_profit: float

    @classmethod
    def of(cls, strategy: VectorStrategy) -> Rules:
        """Return the rules of a strategy. Raises ValueError for an impossible attribute."""
        return cls(
            _choice("target", strategy.target, TARGETS),
            _choice("sizing", strategy.sizing, SIZINGS),
            _above_zero("amount", strategy.amount),
            _fraction("stop_loss", strategy.stop_loss, below=1.0),
            _fraction("take_profit", strategy.take_profit, below=math.inf),
        )

    @property
    def is_protected(self) -> bool:
        """Return whether positions get a stop-loss or a take-profit."""
        return not (math.isnan(self.stop_loss) and math.isnan(self.take_profit))


def _choice(name: str, value: str, choices: tuple[str, ...]) -> int:
    if value not in choices:
        # `str`, because a strategy can set anything, such as a number.
        near = get_close_matches(str(value), choices, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"{name} must be one of {', '.join(choices)}, not {value!r}{hint}")
    return choices.index(value)


def _above_zero(name: str, value: float) -> float:
    # The negation also excludes NaN.
    if not 0.0 < value < math.inf:
        raise ValueError(f"{name} must be a number above 0, not {value!r}")
    return float(value)


def _fraction(name: str, value: float | None, below: float) -> float:
    if value is None:
        return math.nan
    if not 0.0 < value < below:
        span = "between 0 and 1" if below == 1.0 else "above 0"
        raise ValueError(f"{name} must be a fraction {span}, not {value!r}")
    return float(value)
