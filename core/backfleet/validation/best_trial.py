"""The trial that a verdict is reached on: the one that leads the leaderboard of its kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backfleet.results.leaderboard import MIN_TRADES, rankable

__all__ = ["BestTrial", "choose_best"]


@dataclass(frozen=True)
class BestTrial:
    """The best of several trials.

    Attributes
    ----------
    place
        Its place among them.
    min_trades
        Trades per task that it had to have; None if no trial with fewer is better.
    """

    place: int
    min_trades: int | None


def choose_best(sharpe: NDArray[np.float64], trades: NDArray[Any]) -> BestTrial:
    """Return the trial with the highest Sharpe ratio that is ranked, the first one of equals.

    Parameters
    ----------
    sharpe
        float64 of shape (trials,): NaN if there is none. At least one trial has one.
    trades
        int64 or float64 of shape (trials,): closed trades per task.
    """
    is_ranked = rankable(sharpe, trades)
    place = int(np.argmax(np.where(is_ranked, sharpe, -np.inf)))
    is_passed_over = bool((sharpe[~is_ranked] > sharpe[place]).any())
    return BestTrial(place, MIN_TRADES if is_passed_over else None)
