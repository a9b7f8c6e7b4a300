"""Doubts about bars that can be read: signs that a file was misread or that its prices are wrong.

Nothing is repaired here, and nothing is refused: a crash looks like a split, and only people can
tell them apart. The thresholds stayed quiet on sound files of many vendors. `price_doubts` and
`session_doubts` have the checks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backfleet.bars import Bars
from backfleet.sources.doubt import Doubt
from backfleet.sources.price_doubts import PRICE_CHECKS
from backfleet.sources.session_doubts import SESSION_CHECKS
from backfleet.sources.traded_bars import TradedBars

__all__ = ["find_doubts", "one_line"]


def find_doubts(bars: Bars) -> Sequence[Doubt]:
    """Return the doubts about a symbol's bars, the serious ones first, and then by their bars.

    Bars that are not tradable are left out. The rows of the doubts count all bars.
    """
    traded = TradedBars.of(bars)
    if not len(traded):
        return []
    doubts = [doubt for check in (*PRICE_CHECKS, *SESSION_CHECKS) for doubt in check(traded)]
    if not doubts:
        return []
    # The checks count tradable bars; people count all of them.
    rows = np.flatnonzero(bars.tradable)
    doubts = [doubt.at(int(rows[doubt.bar])) for doubt in doubts]
    return sorted(doubts, key=lambda doubt: (not doubt.is_serious, doubt.bar))


def one_line(doubts: Sequence[Doubt]) -> str:
    """Return the serious doubts about a symbol in one line; empty if there are none."""
    serious = [doubt for doubt in doubts if doubt.is_serious]
    if not serious:
        return ""
    more = f" (and {len(serious) - 1} more)" if len(serious) > 1 else ""
    return serious[0].text + more
