"""Fails `look-ahead`: it knows tomorrow's close."""

from __future__ import annotations

import numpy as np

from backfleet import Bars, VectorStrategy


class LooksAhead(VectorStrategy):
    """Holds shares while the next close is higher."""

    def targets(self, bars: Bars) -> np.ndarray:
        tomorrow = np.append(bars.close[1:], bars.close[-1])
        return np.where(tomorrow > bars.close, 1.0, 0.0)
