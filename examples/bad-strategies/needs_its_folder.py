"""Fails `wheel`: it reads a file that lies beside it and travels with no code."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from backfleet import Bars, VectorStrategy
from backfleet.indicators import sma


class NeedsItsFolder(VectorStrategy):
    """Holds shares while the close is above its average; a file holds the number of bars."""

    def targets(self, bars: Bars) -> np.ndarray:
        period = int(Path(__file__).with_name("period.txt").read_text())
        return np.where(bars.close > sma(bars.close, period), 1.0, 0.0)
