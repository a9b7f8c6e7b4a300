"""Fails `scale`: an adjusted price says which share will split."""

from __future__ import annotations

import numpy as np

from backfleet import Bars, VectorStrategy


class BuysCheapShares(VectorStrategy):
    """Holds shares while one costs less than 1,000."""

    def targets(self, bars: Bars) -> np.ndarray:
        return np.where(bars.close < 1_000.0, 1.0, 0.0)
