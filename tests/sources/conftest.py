"""Small files of bars, and the sources that read them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from backfleet.source import Source, SourceSettings

SAMPLES = Path(__file__).parents[2] / "examples" / "data" / "cn-daily"


@pytest.fixture
def samples() -> Path:
    """The three stocks that come along."""
    return SAMPLES


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """An empty directory for files of bars."""
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def settle() -> Callable[[Path], None]:
    """Make a file look as if it were written long ago, so that its fingerprint is trusted."""
    hours = iter(range(1, 1000))

    def settle(path: Path) -> None:
        moment = 1_600_000_000 + 3600 * next(hours)
        os.utime(path, (moment, moment))

    return settle


class Counted:
    """How often sources read and parse their input."""

    def __init__(self) -> None:
        self.reads = 0
        self.parses = 0


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    """Counts of all reading and parsing by `csv` in this process."""
    from backfleet.sources.csv import CsvSource

    counts = Counted()
    read, parse = CsvSource.read, CsvSource.parse

    def counting_read(self: CsvSource, symbol: str) -> bytes:
        counts.reads += 1
        return read(self, symbol)

    def counting_parse(self: CsvSource, symbol: str, content: bytes) -> object:
        counts.parses += 1
        return parse(self, symbol, content)

    monkeypatch.setattr(CsvSource, "read", counting_read)
    monkeypatch.setattr(CsvSource, "parse", counting_parse)
    return counts


Make = Callable[..., Source]


@pytest.fixture
def source() -> Make:
    """`source(kind, path, timezone=..., columns=..., **options)`: a source of these settings."""

    def make(
        kind: type[Source],
        path: Path | str,
        timezone: str = "UTC",
        columns: tuple[str, ...] = (),
        **options: object,
    ) -> Source:
        return kind(SourceSettings(str(path), timezone, columns, options))

    return make
