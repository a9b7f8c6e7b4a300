"""Trees of files: pieces of one symbol are joined, and symbols stay apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from backfleet.errors import DataError
from backfleet.sources.importing.importer import MAX_SAMPLED
from sources.importing.conftest import Files, Import
from sources.importing.layouts import BARS, DAYS, EXPECTED, table

OHLCV = "date,open,high,low,close,volume"
PAIRS = list(zip(DAYS, BARS, strict=True))
WHOLE = table([[d, *b] for d, b in PAIRS], OHLCV)
FIRST = table([[d, *b] for d, b in PAIRS[:15]], OHLCV)
REST = table([[d, *b] for d, b in PAIRS[15:]], OHLCV)

JOINED: dict[str, Files] = {
    "a folder of days": {
        f"ABC/{d}.csv": table([[d, *b], [d, *b]], OHLCV) for d, b in PAIRS
    },
    "parts that overlap": {
        "symbol=ABC/part-0.csv": FIRST,
        "symbol=ABC/part-1.csv": table([[d, *b] for d, b in PAIRS[10:]], OHLCV),
    },
    "years in the names": {
        "ABC_2021.csv": WHOLE, "ABC_2022.csv": table([["2022-05-02", *BARS[0]]], OHLCV),
    },
}  # fmt: skip


@pytest.mark.parametrize("name", JOINED)
def test_pieces_of_one_symbol_are_joined(importing: Import, name: str) -> None:
    outcome = importing(JOINED[name])
    assert list(outcome.record.symbols) == ["ABC"]
    assert importing.rows(outcome)[: len(EXPECTED)] == EXPECTED


@pytest.mark.parametrize("others", [0, MAX_SAMPLED])
def test_futures_contracts_stay_apart(importing: Import, others: int) -> None:
    files = {
        "RB2105.csv": FIRST, "RB2110.csv": REST, "ES_202106.csv": FIRST, "ES_202109.csv": REST,
    }  # fmt: skip
    before = {f"A{number:02}.csv": WHOLE for number in range(others)}
    symbols = list(importing(before | files).record.symbols)
    assert sorted(symbols)[others:] == ["ES_202106", "ES_202109", "RB2105", "RB2110"]


def test_spliced_contracts_are_two_symbols(importing: Import) -> None:
    rows = [[d, "RB2105" if i < 15 else "RB2110", *b] for i, (d, b) in enumerate(PAIRS)]
    outcome = importing({"RB.csv": table(rows, "date,order_book_id," + OHLCV[5:])})
    assert list(outcome.record.symbols) == ["RB2105", "RB2110"]


def test_same_symbol_with_two_lengths_of_bars_needs_a_choice(importing: Import) -> None:
    weekly = table([[d, *b] for d, b in PAIRS[::5]], OHLCV)
    files = {"symbol=ABC/part-0.csv": WHOLE, "symbol=ABC/part-1.csv": weekly}
    with pytest.raises(DataError, match=r"ABC has bars of 1d and of 1w\. Choose with --bar 1d or"):
        importing(files)
    assert importing.rows(importing({}, bar="1d")) == EXPECTED


def test_zeros_that_a_spreadsheet_dropped_come_back_from_the_file_name(importing: Import) -> None:
    rows = [[d, 2, *b] for d, b in PAIRS]
    outcome = importing({"000002.csv": table(rows, "date,code,open,high,low,close,volume")})
    assert list(outcome.record.symbols) == ["000002"]


def test_symbols_with_any_characters_are_stored_and_read_back(importing: Import) -> None:
    names = ["^GSPC", "EURUSD=X", "BRK B", "贵州茅台", "BTC/USDT:USDT"]
    rows = [[d, s, *b] for d, b in PAIRS for s in names]
    outcome = importing({"all.csv": table(rows, "date,symbol," + OHLCV[5:])})
    assert list(outcome.record.symbols.values()) == names
    assert list(outcome.record.symbols) == [*names[:4], "BTC_USDT_USDT"]
    for symbol in outcome.record.symbols:
        assert importing.rows(outcome, symbol) == EXPECTED


@pytest.mark.parametrize("rule", ["adjusted-close", "events"])
def test_symbols_of_a_long_file_are_adjusted_as_those_of_single_files(
    tmp_path: Path, rule: str
) -> None:
    columns = "Date,Open,High,Low,Close,Volume,Adj Close,Dividends,Stock Splits"
    rows: dict[str, list[list[object]]] = {"ABC": [], "XYZ": []}
    for symbol, ex in (("ABC", 10), ("XYZ", 20)):
        for at, (day, bar) in enumerate(PAIRS):
            events = (0.5, 2.0) if at == ex else (0.0, 0.0)
            rows[symbol].append([day, *bar, bar[3] * (0.4 if at < ex else 1.0), *events])
    long, single = Import(tmp_path / "long"), Import(tmp_path / "single")
    mixed = [[*row, symbol] for symbol in rows for row in rows[symbol]]
    together = long({"all.csv": table(sorted(mixed, key=str), f"{columns},Symbol")}, adjust=rule)
    apart = single({f"{symbol}.csv": table(rows[symbol], columns) for symbol in rows}, adjust=rule)
    for symbol, ex in (("ABC", 10), ("XYZ", 20)):
        bars = long.bars(together, symbol)
        assert bars.digest() == single.bars(apart, symbol).digest()
        steps = np.abs(np.diff(bars.factor))
        assert np.flatnonzero(steps > 1e-9).tolist() == [ex - 1]


def test_days_with_zeros_for_prices_are_not_traded(importing: Import) -> None:
    rows = [[d, *b] for d, b in PAIRS]
    rows[4][1:] = [0, 0, 0, 0, 0]
    rows[5][1:] = [0, 0, 0, BARS[3][3], 0]
    bars = importing.bars(importing({"ABC.csv": table(rows, OHLCV)}))
    assert [i for i, traded in enumerate(bars.tradable) if not traded] == [4, 5]
    assert list(bars.raw.close[4:6]) == [BARS[3][3]] * 2


def test_codes_without_their_zeros_beside_whole_ones_need_consent(importing: Import) -> None:
    rows = [[d, code, *b] for d, b in PAIRS for code in (1, 600000)]
    outcome = importing({"all.csv": table(rows, "date,code," + OHLCV[5:])})
    assert list(outcome.record.symbols) == ["000001", "600000"]
    assert importing.agreed[0].startswith("codes such as 1 have lost the zeros in front")
