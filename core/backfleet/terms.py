"""`Terms`: the rules of a market for the bars of one symbol, as read-only arrays.

A market turns its dated tables into these arrays once per symbol. Engines know the arrays and no
rule; a rule that is switched off has its neutral element in them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["STEADY", "TERMS", "Limits", "SteadyTerms", "Terms", "repeated"]

Floats = NDArray[np.float64]
Reasons = NDArray[np.int8]
Flags = NDArray[np.bool_]


class Limits(NamedTuple):
    """The price limits of a symbol, at each bar.

    Attributes
    ----------
    up, down
        float64 of shape (bars,), the limits of a raw price; NaN if there is none.
    tick
        The smallest difference of two prices. Prices closer than half a tick are equal.
    """

    up: Floats
    down: Floats
    tick: float


@dataclass(frozen=True, eq=False)
class SteadyTerms:
    """Those rules in force at each bar that change on a few dates, if at all. Every array has shape
    (bars,) and is read-only.

    Symbols with the same days can share one object, and with it what is computed from it.

    Attributes
    ----------
    step, least
        float64. An order has at least `least` shares and a multiple of `step`; a sale that leaves
        no shares may have fewer. Neutral: 0, any number of shares.
    most
        float64, the largest number of shares of one order. Neutral: infinity.
    buy_tax, sell_tax
        float64, fractions of the traded value that an order costs besides its commission.
        Neutral: 0.
    share_fee
        float64, money that each traded share costs, whatever its price. Neutral: 0.
    minimum
        float64, the least commission of an order, where the job sets none itself. Neutral: 0.
    locked
        bool, whether shares bought at this bar can be sold only from the next session on. Neutral:
        False.
    shorts
        bool, whether more can be sold than is held. Neutral: True.
    """

    step: Floats
    least: Floats
    most: Floats
    buy_tax: Floats
    sell_tax: Floats
    share_fee: Floats
    minimum: Floats
    locked: Flags
    shorts: Flags

    def __post_init__(self) -> None:
        _freeze(vars(self), len(self))

    def __len__(self) -> int:
        return len(self.step)

    def __getitem__(self, key: slice | Flags) -> SteadyTerms:
        if not isinstance(key, slice):
            return SteadyTerms(**{name: _kept(getattr(self, name), key) for name in STEADY})
        # Slices have no step: `Bars.__getitem__` refuses one.
        first, stop, _ = key.indices(len(self))
        return self if (first, stop) == (0, len(self)) else _part(self, first, max(first, stop))

    @cached_property
    def changes(self) -> NDArray[np.intp]:
        """The bars at which a term differs from that of the bar before, ascending."""
        changes = [_changes(getattr(self, name)) for name in STEADY]
        return np.unique(np.concatenate(changes))

    @cached_property
    def values(self) -> Floats:
        """float64 of shape (9, changes + 1): the terms at the first bar and after each change."""
        # Together with `changes` this is the run-length encoding of all nine columns.
        rows = [0, *self.changes.tolist()] if len(self) else []
        return np.array([getattr(self, name)[rows] for name in STEADY], np.float64)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over all terms, as 64 hexadecimal digits."""
        sha = hashlib.sha256(f"{len(self)}".encode())
        # Not the columns themselves, which are as long as the bars and almost constant.
        sha.update(self.changes.tobytes())
        sha.update(self.values.tobytes())
        return sha.hexdigest()


STEADY = tuple(field.name for field in fields(SteadyTerms))
"""The names of the steady terms, in a fixed order."""


@dataclass(frozen=True, eq=False)
class Terms:
    """The rules in force at each bar of a symbol. Every array has shape (bars,) and is read-only.

    Attributes
    ----------
    steady
        The rules that follow from the days alone.
    cap
        float64, the most shares that can be filled at this bar. Neutral: infinity.
    buy_block, sell_block
        int8, the `RejectReason` of purchases and sales at the bar's open. Neutral: 0, none.
    missed
        bool, whether orders of the bar before lived for a session in which the symbol was halted.
        Neutral: False.
    """

    steady: SteadyTerms
    cap: Floats
    buy_block: Reasons
    sell_block: Reasons
    missed: Flags

    def __post_init__(self) -> None:
        _freeze({name: getattr(self, name) for name in OWN}, len(self))

    def __len__(self) -> int:
        return len(self.steady)

    def __getitem__(self, key: slice | Flags) -> Terms:
        # The whole range returns the same object, so that what is cached on it is shared.
        if isinstance(key, slice) and key.indices(len(self)) == (0, len(self), 1):
            return self
        cut = {name: _kept(getattr(self, name), key) for name in OWN}
        return Terms(self.steady[key], **cut)

    @classmethod
    @lru_cache(maxsize=8)
    def neutral(cls, bars: int) -> Terms:
        """Return the terms of a market without rules."""
        # Zero is neutral for every term that `NEUTRAL` does not name.
        columns = {name: repeated(NEUTRAL.get(name, 0), _type_of(name), bars) for name in TERMS}
        steady = SteadyTerms(**{name: columns.pop(name) for name in STEADY})
        return cls(steady, **columns)

    def having(self, **values: Any) -> Terms:
        """Return these terms with other arrays; a number stands for all bars."""
        columns = {name: _column(name, value, len(self)) for name, value in values.items()}
        own = {name: columns.pop(name, getattr(self, name)) for name in OWN}
        # The steady terms are shared by the symbols of a market as long as nobody changes one of
        # them.
        if not columns:
            return Terms(self.steady, **own)
        same = {name: getattr(self.steady, name) for name in STEADY}
        return Terms(SteadyTerms(**{**same, **columns}), **own)

    def among_neutral(self, rows: slice, bars: int) -> Terms:
        """Return the terms of this number of bars that are these at some rows, and neutral at all
        others."""
        neutral = Terms.neutral(bars)
        values = {}
        for name in TERMS:
            # A copy, because all bars of a neutral column share one element.
            values[name] = neutral.column(name).copy()
            values[name][rows] = self.column(name)
        return neutral.having(**values)

    def column(self, name: str) -> NDArray[Any]:
        """Return the term of a name of `TERMS`."""
        column: NDArray[Any] = getattr(self.steady if name in STEADY else self, name)
        return column

    @property
    def limits_volume(self) -> bool:
        """Whether the size of a fill has a limit at any bar."""
        # One look instead of one per bar, for the usual column of one number.
        cap = self.cap[:1] if _is_one_number(self.cap) else self.cap
        return bool(np.isfinite(cap).any())

    @property
    def blocks(self) -> Iterator[tuple[int, NDArray[Any]]]:
        """Those of `buy_block`, `sell_block` and `missed` that are not neutral, with their numbers
        from 0 to 2."""
        for number, block in enumerate((self.buy_block, self.sell_block, self.missed)):
            if (block[:1] if _is_one_number(block) else block).any():
                yield number, block

    def columns(self) -> Iterator[NDArray[Any]]:
        """Yield arrays that say the same as all terms, in a fixed order, for a digest."""
        yield np.frombuffer(self.steady.digest.encode(), np.uint8)
        for number, block in self.blocks:
            # Only the blocked bars, since a typical symbol has a few of them among thousands.
            rows = np.flatnonzero(block)
            yield np.array([number, len(rows)])
            yield rows
            yield block[rows]
        if self.limits_volume:
            yield self.cap


OWN = tuple(field.name for field in fields(Terms) if field.name != "steady")
TERMS = (*STEADY, *OWN)
"""The names of all terms, in a fixed order."""

NEUTRAL = {"most": np.inf, "cap": np.inf, "shorts": True}


def _column(name: str, value: Any, bars: int) -> NDArray[Any]:
    """Return a number or an array as a column. A number takes the room of one bar, and an array of
    the right type is shared, since a market of 5,000 symbols has many of them."""
    # A column of stride 0, whose elements share one number.
    if np.ndim(value) == 0:
        return repeated(value, _type_of(name), bars)
    if _is_one_number(value) and value.shape == (bars,) and bars:
        return repeated(value[0].item(), _type_of(name), bars)
    column = np.asarray(value, _type_of(name))
    return column if column.shape == (bars,) else np.broadcast_to(column, (bars,))


@lru_cache(maxsize=256)
def repeated(value: float, kind: np.dtype[Any], count: int) -> NDArray[Any]:
    """Return a read-only array of equal elements, which takes the room of one."""
    return np.broadcast_to(np.array(value, kind), (count,))


@lru_cache(maxsize=64)
def _part(steady: SteadyTerms, first: int, stop: int) -> SteadyTerms:
    """Return consecutive bars of steady terms; symbols that share the terms share the part too."""
    return SteadyTerms(**{name: getattr(steady, name)[first:stop] for name in STEADY})


def _kept(column: NDArray[Any], key: slice | Flags) -> NDArray[Any]:
    """Return some bars of a column."""
    if isinstance(key, slice) or not _is_one_number(column):
        return column[key]
    # Indexing with flags would write the number out for each bar.
    return column[: int(np.count_nonzero(key))]


def _freeze(columns: Mapping[str, NDArray[Any]], bars: int) -> None:
    """Make columns read-only. Raises ValueError for one that has another number of bars."""
    for name, column in columns.items():
        if column.shape != (bars,):
            raise ValueError(
                f"the terms of a market have {bars} bars, and {name} has {column.shape}"
            )
        column.flags.writeable = False


def _changes(column: NDArray[Any]) -> NDArray[np.intp]:
    """Return the bars whose value differs from that of the bar before."""
    if _is_one_number(column):
        return np.empty(0, np.intp)
    # NaN differs from itself and counts as a change everywhere, which costs time and stays correct.
    return np.flatnonzero(column[1:] != column[:-1]) + 1


def _is_one_number(column: NDArray[Any]) -> bool:
    """Return whether a column is known to have the same value at all bars, without looking."""
    return column.strides == (0,)


def _type_of(name: str) -> np.dtype[Any]:
    if name in ("missed", "locked", "shorts"):
        return np.dtype(np.bool_)
    return np.dtype(np.int8 if name in ("buy_block", "sell_block") else np.float64)
