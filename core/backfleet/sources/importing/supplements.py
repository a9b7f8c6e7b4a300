"""Tables that are joined to bars: factors and suspensions, by symbol."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from backfleet.bar_length import DAY_NS
from backfleet.sources.importing.adjustment import FactorTable
from backfleet.sources.importing.assemble import Supplements
from backfleet.sources.importing.form import Form
from backfleet.sources.importing.part_rows import read_part, symbol_frames
from backfleet.sources.importing.parts import Part
from backfleet.sources.importing.preset import FileLayout
from backfleet.sources.importing.recognition import FormReading
from backfleet.sources.importing.rows import read_rows, split_rows
from backfleet.sources.importing.symbols import symbol_of

__all__ = ["SupplementTables"]


class SupplementTables:
    """Facts about each symbol from other files."""

    """Tables that are joined to bars, by symbol."""

    def __init__(self, forms: Sequence[tuple[Form, FormReading]]) -> None:
        self._factors: dict[str, FactorTable] = {}
        self._suspended: dict[str, NDArray[np.int64]] = {}
        for form, reading in forms:
            for part in form.parts:
                if reading.layout.kind == "lean-factors":
                    self._lean(part, reading, form.layout)
                elif reading.layout.kind in ("factors", "suspensions"):
                    self._by_symbol(part, reading)

    def of(self, name: str) -> Supplements:
        """Return what is known of a symbol."""
        return Supplements(self._factors.get(name), self._suspended.get(name))

    def _lean(self, part: Part, reading: FormReading, layout: FileLayout) -> None:
        rows = read_part(part, reading)
        values = rows.numbers["factor"] * rows.numbers["split"]
        name = symbol_of(part, layout) or ""
        self._factors[name] = FactorTable(rows.wall // DAY_NS, values, until=True)

    def _by_symbol(self, part: Part, reading: FormReading) -> None:
        for frame, symbols in symbol_frames(part, reading):
            for name, rows in split_rows(read_rows(frame, reading, None), symbols):
                days = rows.wall // DAY_NS
                if reading.layout.kind == "suspensions":
                    self._suspended[name] = np.unique(days)
                else:
                    order = np.argsort(days, kind="stable")
                    self._factors[name] = FactorTable(days[order], rows.numbers["factor"][order])
