"""Bars that every layout is written from, and an import that is called as the command calls it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from backfleet.bars import Bars
from backfleet.source import SourceSettings
from backfleet.sources.importing.choices import ImportChoices
from backfleet.sources.importing.run import ImportOutcome, import_files
from backfleet.sources.parquet import ParquetSource

Files = Mapping[str, str | bytes]


@dataclass(frozen=True)
class Import:
    """An import of some files, and its target."""

    folder: Path
    agreed: list[str] = field(default_factory=list)

    @property
    def target(self) -> Path:
        return self.folder / "out"

    def write(self, files: Files) -> Path:
        """Write files to the folder that is imported."""
        root = self.folder / "vendor"
        for name, content in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return root

    def __call__(self, files: Files, *, yes: bool = True, **choices: Any) -> ImportOutcome:
        """Import the files; assumptions are agreed to unless `yes` is False."""
        root = self.write(files)

        def consent(assumptions: Sequence[str]) -> bool:
            self.agreed.extend(assumptions)
            return yes

        return import_files(root, self.target, ImportChoices(**choices), consent)

    def bars(self, outcome: ImportOutcome, symbol: str | None = None) -> Bars:
        """Read the bars back as a run does."""
        data = outcome.record.data
        settings = SourceSettings(str(self.target), data["timezone"], (), outcome.record.options)
        source = ParquetSource(settings)
        name = symbol or next(iter(outcome.record.symbols))
        return source.parse(name, source.read(name))

    def rows(self, outcome: ImportOutcome, symbol: str | None = None) -> list[tuple[Any, ...]]:
        """Return the bars as tuples of session, open, high, low, close and volume."""
        bars = self.bars(outcome, symbol)
        raw = bars.raw
        columns = (raw.open, raw.high, raw.low, raw.close, bars.volume)
        sessions = [str(day) for day in bars.session]
        return [
            (day, *(None if value != value else float(value) for value in row))
            for day, *row in zip(sessions, *columns, strict=True)
        ]


@pytest.fixture
def importing(tmp_path: Path) -> Import:
    """An import in an empty folder."""
    return Import(tmp_path)


Make = Callable[..., str]
