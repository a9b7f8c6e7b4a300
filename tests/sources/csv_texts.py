"""Texts of CSV, and bars that `csv` reads out of them."""

from __future__ import annotations

from typing import Any

from backfleet.bars import Bars
from backfleet.source import SourceSettings
from backfleet.sources.csv import CsvSource

HEADER = "date,open,high,low,close,volume\n"


def parse(
    content: str | bytes,
    timezone: str = "UTC",
    columns: tuple[str, ...] = (),
    **options: Any,
) -> Bars:
    encoded = content.encode() if isinstance(content, str) else content
    return CsvSource(SourceSettings("dir", timezone, columns, options)).parse("X", encoded)


def day_rows(*days: str) -> str:
    return HEADER + "".join(f"{stamp},1,3,0.5,2,100\n" for stamp in days)
