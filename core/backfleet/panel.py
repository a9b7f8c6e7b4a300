"""`Panel`: the bars of several symbols on one calendar, as read-only arrays."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from backfleet.bars import Bars, Prices
from backfleet.facts import members

__all__ = ["Panel", "PanelPrices"]

Floats = NDArray[np.float64]

BLOCK = 32
"""Symbols whose columns are put side by side at once."""


@dataclass(frozen=True, eq=False)
class Panel:
    """The tradable bars of all symbols of a portfolio.

    A step is a moment at which one symbol or more has a bar. Symbols that are not listed yet, are
    listed no more, or are halted have none. `open`, `high`, `low`, `close` and `volume` are float64
    of shape (steps, symbols), NaN where there is no bar, and computed when first asked for.
    Prices are adjusted, and their levels depend on later splits and dividends: compare symbols by
    `returns`, by ratios of a symbol's own prices, or by `raw` prices.

    Attributes
    ----------
    bars
        One element per symbol, its tradable bars.
    time, session
        int64 and datetime64[D] of shape (steps,), ascending; as in `Bars`.
    steps
        One element per symbol: the step of each of its bars, intp of shape (bars,).
    warmup
        How many of the first steps lie before the job's start.
    """

    bars: tuple[Bars, ...]
    time: NDArray[np.int64]
    session: NDArray[np.datetime64]
    steps: tuple[NDArray[np.intp], ...]
    warmup: int = 0

    def __post_init__(self) -> None:
        for array in (self.time, self.session, *self.steps):
            array.flags.writeable = False

    def __len__(self) -> int:
        """The number of steps."""
        return len(self.time)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols' names, in the order of the columns."""
        return tuple(bars.symbol for bars in self.bars)

    @cached_property
    def has_bar(self) -> NDArray[np.bool_]:
        """bool of shape (steps, symbols): whether a symbol has a bar at a step."""
        has_bar = np.ones((len(self), len(self.bars)), np.bool_)
        for column, steps in enumerate(self.steps):
            if len(steps) < len(self):
                has_bar[:, column] = False
                has_bar[steps, column] = True
        has_bar.flags.writeable = False
        return has_bar

    def member(self, index: str) -> NDArray[np.bool_]:
        """Return which symbols were members of an index at each step, as of its session.

        The result is bool of shape (steps, symbols) and also true for a member that has no bar at a
        step. Raises DataError if the job's facts have no history of the members of this index.
        """
        columns = [members(bars.symbol, bars.facts, index, self.session) for bars in self.bars]
        # By the session of the step and not of the symbol's own bars: a halted stock stays a
        # member.
        return np.column_stack(columns)

    @cached_property
    def open(self) -> Floats:
        return self._prices("open")

    @cached_property
    def high(self) -> Floats:
        return self._prices("high")

    @cached_property
    def low(self) -> Floats:
        return self._prices("low")

    @cached_property
    def close(self) -> Floats:
        return self._prices("close")

    @cached_property
    def volume(self) -> Floats:
        return self.stacked(symbol.volume for symbol in self.bars)

    @cached_property
    def raw(self) -> PanelPrices:
        """The prices as traded."""
        return PanelPrices(self, tuple(symbol.raw for symbol in self.bars))

    @cached_property
    def returns(self) -> Floats:
        """float64 of shape (steps, symbols): the total return of a symbol's close over that of its
        bar before, as `Bars.returns`; NaN for its first bar and where there is no bar."""
        return self.stacked(symbol.returns for symbol in self.bars)

    def _prices(self, name: str) -> Floats:
        return self.stacked(symbol.prices.column(name) for symbol in self.bars)

    def stacked(self, columns: Iterable[Floats]) -> Floats:
        """Put what was computed from each symbol's own bars side by side.

        Parameters
        ----------
        columns
            One element per symbol, float64 of shape (bars of the symbol,).

        Returns
        -------
        float64 of shape (steps, symbols), read-only, NaN where there is no bar.

        Raises
        ------
        ValueError
            If a column does not have one number per bar of its symbol.
        """
        stacked = np.empty((len(self), len(self.bars)))
        # Columns that are written one by one miss the processor's cache at every step.
        block = np.empty((min(BLOCK, len(self.bars)), len(self)))
        for column, (bars, steps, values) in enumerate(
            zip(self.bars, self.steps, columns, strict=True)
        ):
            if np.shape(values) != (len(bars),):
                raise ValueError(
                    f"{bars.symbol}: the column must have one number per bar, "
                    f"shape ({len(bars)},), not {np.shape(values)}"
                )
            row = column % BLOCK
            # A symbol with a bar at every step needs no indexing, which is most symbols of a
            # market.
            if len(steps) < len(self):
                block[row] = np.nan
                block[row, steps] = values
            else:
                block[row] = values
            if row == BLOCK - 1 or column == len(self.bars) - 1:
                stacked[:, column - row : column + 1] = block[: row + 1].T
        stacked.flags.writeable = False
        return stacked


@dataclass(frozen=True, eq=False)
class PanelPrices:
    """Prices of all symbols of a panel, such as the raw ones.

    `open`, `high`, `low` and `close` are float64 of shape (steps, symbols), NaN where there is no
    bar, and computed when first asked for.
    """

    panel: Panel
    prices: tuple[Prices, ...]

    @cached_property
    def open(self) -> Floats:
        return self._stacked("open")

    @cached_property
    def high(self) -> Floats:
        return self._stacked("high")

    @cached_property
    def low(self) -> Floats:
        return self._stacked("low")

    @cached_property
    def close(self) -> Floats:
        return self._stacked("close")

    def _stacked(self, name: str) -> Floats:
        return self.panel.stacked(prices.column(name) for prices in self.prices)
