"""`Pieces`: rows of many symbols, collected in one pass and given back by symbol."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from backfleet.sources.importing.rows import Rows, join_rows

__all__ = ["Pieces"]

MAX_BYTES = 256 * 2**20
"""Rows that are kept in memory before they are written to a temporary file."""


class Pieces:
    """Rows by symbol and file. A context manager, which removes its temporary files.

    A long file is split in one pass: what does not fit into memory is mapped from a file.
    """

    def __init__(self) -> None:
        self._by_symbol: dict[str, list[tuple[tuple[int, int], Rows]]] = {}
        self._memory: list[tuple[str, int]] = []
        self._bytes = 0
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._files = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._by_symbol.clear()
        if self._folder is not None:
            self._folder.cleanup()

    def add(self, symbol: str, file: tuple[int, int], rows: Rows) -> None:
        """Add rows of a symbol, in the order of the file, which has numbers of form and file."""
        pieces = self._by_symbol.setdefault(symbol, [])
        pieces.append((file, rows))
        self._memory.append((symbol, len(pieces) - 1))
        # Row number, wall clock and offset, and one array per number, of eight bytes each.
        self._bytes += len(rows) * 8 * (3 + len(rows.numbers))
        if self._bytes > MAX_BYTES:
            self._spill()

    def symbols(self) -> list[str]:
        """Return the symbols in the order in which they came."""
        return list(self._by_symbol)

    def pop(self, symbol: str) -> list[tuple[int, Rows]]:
        """Return the rows of a symbol, one piece per file with the form's number; forget them."""
        # By file, because each can have another order of its rows.
        by_file: dict[tuple[int, int], list[Rows]] = {}
        for file, rows in self._by_symbol.pop(symbol, []):
            by_file.setdefault(file, []).append(rows)
        return [(form, join_rows(pieces)) for (form, _), pieces in by_file.items()]

    def _spill(self) -> None:
        """Move the rows in memory to a file, and map them."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="backfleet-import-")
        path = Path(self._folder.name) / str(self._files)
        self._files += 1
        with path.open("wb") as file:
            for symbol, place in self._memory:
                # One array after the other, without a header: the same order gives their places
                # below.
                for array in _arrays(self._by_symbol[symbol][place][1]).values():
                    file.write(np.ascontiguousarray(array).data)
        # All arrays have elements of eight bytes, so that one map of int64 serves for the floats,
        # too.
        mapped = np.memmap(path, dtype=np.int64, mode="r")
        start = 0
        for symbol, place in self._memory:
            file_number, rows = self._by_symbol[symbol][place]
            views = {}
            for name in _arrays(rows):
                views[name] = mapped[start : start + len(rows)]
                start += len(rows)
            self._by_symbol[symbol][place] = (file_number, _from_views(rows, views))
        self._memory.clear()
        self._bytes = 0


def _arrays(rows: Rows) -> dict[str, np.ndarray]:
    return {"row": rows.row, "wall": rows.wall, "offset": rows.offset, **rows.numbers}


def _from_views(rows: Rows, views: Mapping[str, np.ndarray]) -> Rows:
    numbers = {role: views[role].view(np.float64) for role in rows.numbers}
    return replace(
        rows, row=views["row"], wall=views["wall"], offset=views["offset"], numbers=numbers
    )
