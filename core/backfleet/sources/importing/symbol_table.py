"""`SymbolTable`: the rows of one symbol from all its files, with their times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from backfleet.errors import DataError
from backfleet.sources.importing.clock import Placed
from backfleet.sources.importing.rows import Rows

__all__ = ["SymbolTable"]

Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class SymbolTable:
    """The rows of a symbol with their times.

    Attributes
    ----------
    origin
        int64, the place in `origins` of each row's file.
    """

    symbol: str
    rows: Rows
    placed: Placed
    origin: NDArray[np.int64]
    origins: Sequence[str]

    def take(self, index: NDArray[np.int64] | Flags) -> SymbolTable:
        """Return some of the rows."""
        # Three arrays of one length: rows, times and files are always taken together.
        placed = replace(self.placed, key=self.placed.key[index])
        return replace(self, rows=self.rows.take(index), placed=placed, origin=self.origin[index])

    def where(self, row: int) -> str:
        """Return the number of a row and its file, for messages."""
        return f"row {self.rows.row[row]} of {self.origins[int(self.origin[row])]}"

    def refusal(self, row: int, reason: str) -> DataError:
        """Return the error that names the file, the row and the reason."""
        file = self.origins[int(self.origin[row])]
        return DataError(f"{file}: row {self.rows.row[row]}: {reason}")

    def when(self, row: int) -> str:
        """Return the day of a daily bar, or the time in UTC of another one."""
        key = int(self.placed.key[row])
        if self.placed.daily:
            return str(np.int64(key).astype("M8[D]"))
        return str(np.int64(key).astype("M8[ns]"))[:19] + "Z"
