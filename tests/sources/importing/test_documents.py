"""Tables in JSON whose columns have no names, and tables within other documents."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from backfleet.errors import DataError
from sources.importing.conftest import Import
from sources.importing.layouts import BARS, DAYS, EXPECTED

STAMPS = [int(np.datetime64(day, "ms").astype(np.int64)) for day in DAYS]


def candles(order: str) -> str:
    """Return rows of a time and some of open, high, low, close and volume, by their letters."""
    places = ["ohlcv".index(letter) for letter in order]
    return json.dumps(
        [[stamp, *(bar[i] for i in places)] for stamp, bar in zip(STAMPS, BARS, strict=True)]
    )


def test_candles_in_the_usual_order_are_sure(importing: Import) -> None:
    outcome = importing({"ABC.json": candles("ohlcv")}, yes=False)
    assert importing.rows(outcome) == EXPECTED


def test_candles_in_another_order_are_not_read_as_the_usual_one(importing: Import) -> None:
    files = {"ABC.json": candles("ochlv")}
    assert importing.rows(importing(files)) == EXPECTED
    assert importing.agreed == [
        "the columns, which have no names, are date, open, close, high, low, volume; state them "
        "with --names"
    ]


@pytest.mark.parametrize("order", ["ohlc", "ohlcvv"])
def test_lists_of_another_length_are_no_symbols(importing: Import, order: str) -> None:
    outcome = importing({"ABC.json": candles(order)})
    assert list(outcome.record.symbols) == ["ABC"]
    assert [row[:5] for row in importing.rows(outcome)] == [row[:5] for row in EXPECTED]
    assert "have no names" in importing.agreed[0]


def test_pairs_are_times_and_closes(importing: Import) -> None:
    outcome = importing({"ABC.json": candles("c")})
    assert [row[4] for row in importing.rows(outcome)] == [row[4] for row in EXPECTED]
    assert "closes only" in importing.agreed[0]


def test_the_only_table_of_a_document_is_read(importing: Import) -> None:
    table: list[dict[str, Any]] = [
        {"day": str(day), **dict(zip(("open", "high", "low", "close", "volume"), bar, strict=True))}
        for day, bar in zip(DAYS, BARS, strict=True)
    ]
    outcome = importing({"ABC.json": json.dumps({"status": "ok", "dailyBars": table})}, yes=False)
    assert importing.rows(outcome) == EXPECTED
    deep = {"ts": {"found": 1, "series": [{"symbol": "ABC", "bars": table}]}}
    assert importing.rows(importing({"ABC.json": json.dumps(deep)}, yes=False)) == EXPECTED
    two = {"left": table, "right": table}
    with pytest.raises(DataError, match="no table of bars"):
        importing({"ABC.json": json.dumps(two)})


def test_whole_numbers_beyond_64_bits_are_read(importing: Import) -> None:
    rows = [[stamp, *bar[:4], bar[4] * 10**25] for stamp, bar in zip(STAMPS, BARS, strict=True)]
    outcome = importing({"ABC.json": json.dumps(rows)}, yes=False)
    assert [row[5] for row in importing.rows(outcome)] == [float(bar[4] * 10**25) for bar in BARS]
