"""`Copies`: symbols that have the same bars, as files that were downloaded twice give them."""

from __future__ import annotations

import hashlib

import numpy as np

from backfleet.bars import Bars
from backfleet.sources.importing.notes import Notes

__all__ = ["Copies"]

COMPARED = 20
"""Bars at the beginning and at the end that are compared."""


class Copies:
    """The beginnings and ends of the symbols of an import.

    Parameters
    ----------
    notes
        Gets an assumption for the first symbol that has the bars of another one.
    """

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._seen: dict[bytes, str] = {}

    def compare(self, symbol: str, bars: Bars) -> None:
        """Compare the bars of a symbol with those of the symbols before."""
        if len(bars) < COMPARED:
            return
        # Two downloads of one symbol can begin or end on different days, so either end is enough.
        for part in (slice(None, COMPARED), slice(-COMPARED, None)):
            close = bars.raw.close[part]
            if len(np.unique(close)) < COMPARED // 2:
                # Funds of the money market have one price.
                continue
            # Low and volume are left out: times and three prices are not equal by chance.
            columns = (bars.time[part], bars.raw.open[part], bars.raw.high[part], close)
            key = hashlib.sha256(b"".join(np.ascontiguousarray(c).tobytes() for c in columns))
            other = self._seen.setdefault(key.digest(), symbol)
            if other != symbol:
                self._notes.assume(
                    f"{symbol} and {other} have the same {COMPARED} bars in a row, and are "
                    "imported as two symbols; if they are one, import one of the files"
                )
                return
