"""Prepared files give the very bars that the vendor's files give."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from backfleet.bars import BarsWindow
from backfleet.errors import DataError
from backfleet.plan.data import open_source
from backfleet.source import Source, SourceSettings
from backfleet.sources.convert import OPTIONS, parquet_of


def source_of(name: str, path: Path, zone: str = "UTC", *columns: str, **options: Any) -> Source:
    return open_source(name, SourceSettings(str(path), zone, columns, options))


def prepare(source: Source, symbol: str, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    content = parquet_of(source.parse(symbol, source.read(symbol)))
    (folder / f"{symbol}.parquet").write_bytes(content)


def digest(source: Source, symbol: str, window: BarsWindow) -> str:
    return source.parse(symbol, source.read(symbol)).window(window).digest()


@pytest.mark.parametrize("symbol", ["600519", "600559", "600560"])
def test_bars_of_a_stock_with_suspensions_and_factors_are_the_same(
    samples: Path, data: Path, symbol: str
) -> None:
    vendor = source_of("cn-daily", samples, "Asia/Shanghai")
    prepare(vendor, symbol, data)
    prepared = source_of("parquet", data, "Asia/Shanghai", **OPTIONS)
    for window in (BarsWindow(), BarsWindow(date(2020, 1, 1), date(2020, 12, 31), warmup=20)):
        assert digest(prepared, symbol, window) == digest(vendor, symbol, window)


def test_intraday_bars_and_extra_columns_are_the_same(data: Path) -> None:
    (data / "AAA.csv").write_text(
        "date,open,high,low,close,volume,pe\n"
        "2024-03-08 09:30,10,11,9,10,100,5.5\n"
        "2024-03-08 16:00,10,11,9,10,100,\n"
        "2024-03-11 09:30,10,11,9,10,,6.5\n"
    )
    vendor = source_of("csv", data, "America/New_York", "pe")
    prepare(vendor, "AAA", data / "prepared")
    prepared = source_of("parquet", data / "prepared", "America/New_York", "pe", **OPTIONS)
    assert digest(prepared, "AAA", BarsWindow()) == digest(vendor, "AAA", BarsWindow())


def test_equal_bars_give_equal_bytes(samples: Path) -> None:
    vendor = source_of("cn-daily", samples)
    bars = vendor.parse("600519", vendor.read("600519"))
    assert parquet_of(bars) == parquet_of(bars)


def test_an_extra_column_of_a_taken_name_is_refused(data: Path) -> None:
    (data / "AAA.csv").write_text("date,open,high,low,close,Factor\n2024-01-02,10,11,9,10,2\n")
    with pytest.raises(DataError, match="'Factor': the prepared files have a column of this name"):
        prepare(source_of("csv", data, "UTC", "Factor"), "AAA", data)
