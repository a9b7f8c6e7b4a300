"""`Terms`: the rules of a market for the bars of one symbol, as read-only arrays.

A market turns its dated tables into these arrays once per symbol. Engines know the arrays and no
rule; a rule that is switched off has its neutral element in them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["Terms", "repeated"]

Floats = NDArray[np.float64]
Reasons = NDArray[np.int8]
Flags = NDArray[np.bool_]

DENSE = frozenset({"up", "down", "cap"})
"""Terms that have another value at nearly every bar."""


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
        if isinstance(key, slice):
            if key.indices(len(self)) == (0, len(self), 1):
                return self
            return Terms(**{name: value[key] for name, value in vars(self).items()})
        kept = slice(int(np.count_nonzero(key)))
        return Terms(
            **{
                name: value[kept] if _is_one_number(value) else value[key]
                for name, value in vars(self).items()
            }
        )

    @classmethod
    @lru_cache(maxsize=8)
    def neutral(cls, bars: int) -> Terms:
        """Return the terms of a market without rules."""
        values: dict[str, Any] = {field.name: 0 for field in fields(cls)}
        values |= {"most": np.inf, "up": np.inf, "cap": np.inf, "shorts": True}
        return cls(**{name: _column(name, value, (bars,)) for name, value in values.items()})

    def having(self, **values: Any) -> Self:
        """Return these terms with other arrays; a number stands for all bars."""
        shape = self.step.shape
        columns = {name: _column(name, value, shape) for name, value in values.items()}
        return type(self)(**{**vars(self), **columns})

    @property
    def limits_volume(self) -> bool:
        """Whether the size of a fill has a limit at any bar."""
        cap = self.cap[:1] if _is_one_number(self.cap) else self.cap
        return bool(np.isfinite(cap).any())

    def changes(self, name: str) -> NDArray[np.intp]:
        """Return the bars at which a term differs from that of the bar before."""
        return _changes(getattr(self, name))

    def columns(self) -> Iterator[NDArray[Any]]:
        """Yield arrays that say the same as all terms, in a fixed order, for a digest."""
        varying = {n: column for n, column in vars(self).items() if not _is_one_number(column)}
        changes = {name: _changes(varying[name]) for name in varying if name not in DENSE}
        yield np.array([len(changes.get(name, "")) for name in vars(self)])
        for name, column in varying.items():
            # Most terms change on a few dates, if at all.
            if name in DENSE:
                yield column
            elif len(changed := changes[name]):
                yield changed
                yield column[np.concatenate(([0], changed))]
        yield np.array([float(column[0]) for column in vars(self).values() if len(self)])


def _column(name: str, value: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return a number or an array as a column. A number takes the room of one bar, and an array of
    the right type is shared, since a market of 5,000 symbols has many of them."""
    if np.ndim(value) == 0:
        return repeated(value, _type_of(name), shape[0])
    if _is_one_number(value) and value.shape == shape and shape != (0,):
        return repeated(value[0].item(), _type_of(name), shape[0])
    column = np.asarray(value, _type_of(name))
    return column if column.shape == shape else np.broadcast_to(column, shape)


@lru_cache(maxsize=256)
def repeated(value: float, kind: np.dtype[Any], count: int) -> NDArray[Any]:
    """Return a read-only array of equal elements, which takes the room of one."""
    return np.broadcast_to(np.array(value, kind), (count,))


def _changes(column: NDArray[Any]) -> NDArray[np.intp]:
    """Return the bars whose value differs from that of the bar before."""
    if _is_one_number(column):
        return np.empty(0, np.intp)
    return np.flatnonzero(column[1:] != column[:-1]) + 1


def _is_one_number(column: NDArray[Any]) -> bool:
    """Return whether a column is known to have the same value at all bars, without looking."""
    return column.strides == (0,)


def _type_of(name: str) -> np.dtype[Any]:
    if name in ("missed", "locked", "shorts"):
        return np.dtype(np.bool_)
    return np.dtype(np.int8 if name in ("buy_block", "sell_block") else np.float64)
