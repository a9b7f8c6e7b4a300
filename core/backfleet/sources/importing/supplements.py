"""Tables that are joined to bars: factors and suspensions, by symbol."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backfleet.bar_length import DAY_NS
from backfleet.errors import DataError
from backfleet.sources.importing.adjustment import FactorTable
from backfleet.sources.importing.assemble import Supplements
from backfleet.sources.importing.form import Form
from backfleet.sources.importing.part_rows import read_part, symbol_frames
from backfleet.sources.importing.parts import Part
from backfleet.sources.importing.preset import FileLayout
from backfleet.sources.importing.recognition import FormReading
from backfleet.sources.importing.rows import Rows, join_rows, read_rows, split_rows
from backfleet.sources.importing.symbols import symbol_of

__all__ = ["SupplementTables"]


class SupplementTables:
    """Tables that are joined to bars, by symbol.

    Raises DataError if a table has two factors for one day.
    """

    def __init__(self, forms: Sequence[tuple[Form, FormReading]]) -> None:
        self._factors: dict[str, FactorTable] = {}
        factors: dict[str, list[Rows]] = {}
        suspensions: dict[str, list[Rows]] = {}
        for form, reading in forms:
            for part in form.parts:
                if reading.layout.kind == "lean-factors":
                    self._lean(part, reading, form.layout)
                elif reading.layout.kind == "factors":
                    _add_rows(factors, part, reading)
                elif reading.layout.kind == "suspensions":
                    _add_rows(suspensions, part, reading)
        self._factors |= {name: _factor_table(name, rows) for name, rows in factors.items()}
        self._suspended = {
            name: np.unique(join_rows(rows).wall // DAY_NS) for name, rows in suspensions.items()
        }

    def of(self, name: str) -> Supplements:
        """Return what is known of a symbol."""
        return Supplements(self._factors.get(name), self._suspended.get(name))

    def _lean(self, part: Part, reading: FormReading, layout: FileLayout) -> None:
        rows = read_part(part, reading)
        # LEAN has one factor for dividends and one for splits; its prices need both.
        values = rows.numbers["factor"] * rows.numbers["split"]
        name = symbol_of(part, layout) or ""
        self._factors[name] = FactorTable(rows.wall // DAY_NS, values, until=True)


def _add_rows(pieces: dict[str, list[Rows]], part: Part, reading: FormReading) -> None:
    """Add the rows of a table to those of their symbols.

    tushare's tables can be downloaded by day, so that a symbol has a row in each of many files, and
    a large file comes in several frames.
    """
    for frame, symbols in symbol_frames(part, reading):
        for name, rows in split_rows(read_rows(frame, reading, None), symbols):
            pieces.setdefault(name, []).append(rows)


def _factor_table(name: str, pieces: Sequence[Rows]) -> FactorTable:
    rows = join_rows(pieces)
    days, values = rows.wall // DAY_NS, rows.numbers["factor"]
    # `FactorTable` searches the days, and vendors write them newest first.
    order = np.argsort(days, kind="stable")
    differs = (np.diff(days[order]) == 0) & (np.diff(values[order]) != 0)
    if differs.any():
        one, other = order[np.argmax(differs) :][:2]
        origins = [piece.origin for piece in pieces for _ in range(len(piece))]
        raise DataError(
            f"{origins[other]}: row {rows.row[other]}: the factor of {name} on "
            f"{days[other].astype('M8[D]')} is {values[other]:g}, and {values[one]:g} in row "
            f"{rows.row[one]} of {origins[one]}. Remove one of them"
        )
    return FactorTable(days[order], values[order])
