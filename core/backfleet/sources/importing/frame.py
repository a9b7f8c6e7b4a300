"""`Frame`: the columns of one table, as a container holds them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from backfleet.errors import DataError
from backfleet.sources.importing.names import normalize

__all__ = ["Frame"]


@dataclass(frozen=True, eq=False)
class Frame:
    """Some or all rows of one table.

    Attributes
    ----------
    origin
        The file, and the part of it, for messages.
    names
        Names of the columns, empty where the file has none.
    columns
        pyarrow arrays of one length, in the order of the names: text, numbers, or times.
    first_row
        The number of the first row as the file shows it.
    symbol
        The symbol of all rows, if the container itself names it.
    """

    origin: str
    names: tuple[str, ...]
    columns: tuple[Any, ...]
    first_row: int = 1
    symbol: str | None = None

    def __len__(self) -> int:
        return len(self.columns[0]) if self.columns else 0

    @property
    def keys(self) -> tuple[str, ...]:
        """The names in the spelling of presets."""
        return tuple(map(normalize, self.names))

    def refusal(self, row: int, reason: str) -> DataError:
        """Return the error that names the file, the row and the reason."""
        return DataError(f"{self.origin}: row {self.first_row + row}: {reason}")

    def text(self, position: int, row: int) -> str:
        """Return one cell as text; empty if it is missing."""
        value = self.columns[position][row].as_py()
        return "" if value is None else str(value)

    def rows(self, start: int, stop: int) -> Frame:
        """Return consecutive rows."""
        columns = tuple(column.slice(start, stop - start) for column in self.columns)
        return Frame(self.origin, self.names, columns, self.first_row + start, self.symbol)
