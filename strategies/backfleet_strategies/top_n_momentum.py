"""`top-n-momentum`: a portfolio of the symbols that rose most."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backfleet import Panel, VectorStrategy
from backfleet.indicators import roc

__all__ = ["TopNMomentum"]


class TopNMomentum(VectorStrategy):
    """Every few bars holds the symbols with the best returns, in equal parts.

    For `universe = "portfolio"`. A symbol without a bar on the day of a change, halted or not
    listed, is neither ranked nor traded.

    Parameters
    ----------
    n
        Symbols held at most.
    days
        Bars that the return is taken over.
    every
        Steps of the calendar between two changes.
    invested
        Fraction of the account's value that is invested; the rest pays commission, and opens that
        are dearer than the closes before them.
    """

    n: int = 3
    days: int = 60
    every: int = 20
    invested: float = 0.95
    target = "percent"
    sells_first = True

    def portfolio_targets(self, universe: Panel) -> NDArray[np.float64]:
        returns = universe.stacked([roc(bars.close, self.days) for bars in universe.bars])
        # Both of shape (steps, symbols). NaN leaves alone what is held until the next change.
        targets = np.full(returns.shape, np.nan)
        # No order is placed in the warm-up, so the first change is at the start.
        for step in range(universe.warmup, len(universe), self.every):
            # Whatever is not among the best is sold.
            targets[step] = 0.0
            targets[step, self._best(returns[step])] = self.invested / self.n
        return targets

    def _best(self, returns: NDArray[np.float64]) -> NDArray[np.intp]:
        """The columns of the best returns; of equal ones the first."""
        # Sorting puts NaN last. The negative sign puts the best first and keeps the order of equal
        # ones.
        ranked = np.argsort(-returns, kind="stable")
        # A return is NaN without enough bars, and infinite after a close of 0.
        return ranked[np.isfinite(returns[ranked])][: self.n]
