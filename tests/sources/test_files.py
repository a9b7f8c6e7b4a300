"""Files of bars in a directory and on S3: which symbols there are, and what is refused."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backfleet.bars import BarsWindow
from backfleet.errors import DataError
from backfleet.source import Source
from backfleet.sources.bar_cache import BarCache
from backfleet.sources.cn_daily import CnDailySource
from backfleet.sources.csv import CsvSource
from backfleet.sources.files import file_stem
from backfleet.store import Entry, Store, open_store

Make = Callable[..., Source]
CONTENT = b"date,open,high,low,close\n2019-01-02,1,3,0.5,2\n"


@pytest.fixture(params=["directory", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where AAPL and MSFT lie, beside files and folders that are no symbols."""
    url: str = (
        str(tmp_path) if request.param == "directory" else request.getfixturevalue("s3_store_url")
    )
    store = open_store(url)
    for key in ("AAPL.csv", "MSFT.csv", "README.md", "old/IBM.csv"):
        store.put_if_absent(key, CONTENT)
    return url


def test_the_symbols_are_the_files_directly_in_it(source: Make, place: str) -> None:
    assert list(source(CsvSource, place).symbols()) == ["AAPL", "MSFT"]


def test_a_file_is_read_as_it_is(source: Make, place: str) -> None:
    assert source(CsvSource, place).read("AAPL") == CONTENT


def test_an_unknown_symbol_is_refused_with_the_nearest(source: Make, place: str) -> None:
    stocks = source(CsvSource, place)
    for ask in (stocks.fingerprint, stocks.read):
        with pytest.raises(DataError, match=r"symbol 'AAPPL'.*did you mean 'AAPL'") as error:
            ask("AAPPL")
        assert f"{place}/AAPPL.csv" in str(error.value)


@pytest.mark.parametrize(
    ("symbol", "message"),
    [
        ("../AAPL", "path separator"),
        ("old/IBM", "path separator"),
        ("old\\IBM", "path separator"),
        ("..", "not begin with a dot"),
        (".AAPL", "not begin with a dot"),
        ("AAPL\n", "no control|control characters"),
        ("A*", "has no"),
        ("", "at least one character"),
        ("行" * 100, "too long"),
    ],
)
def test_symbols_that_are_no_plain_names_are_refused(
    source: Make, place: str, symbol: str, message: str
) -> None:
    stocks = source(CsvSource, place)
    for ask in (stocks.fingerprint, stocks.read):
        with pytest.raises(DataError, match=f"symbol {re.escape(repr(symbol))}: .*{message}"):
            ask(symbol)


def test_a_place_without_files_is_refused(source: Make, store_url: str) -> None:
    open_store(store_url).put_if_absent("README.md", b"nothing")
    stocks = source(CsvSource, store_url)
    for ask in (stocks.symbols, lambda: stocks.read("AAPL")):
        with pytest.raises(DataError, match=r"there are no files \*\.csv in it"):
            ask()


def test_a_place_with_other_files_names_their_source(source: Make, tmp_path: Path) -> None:
    (tmp_path / "AAPL.parquet").write_bytes(b"")
    with pytest.raises(DataError, match=r"no files \*\.csv in it; the source 'parquet' reads its"):
        source(CsvSource, tmp_path).symbols()


def test_a_missing_directory_is_refused(source: Make, tmp_path: Path) -> None:
    stocks = source(CsvSource, tmp_path / "nowhere")
    for ask in (stocks.symbols, lambda: stocks.read("AAPL"), lambda: stocks.fingerprint("AAPL")):
        with pytest.raises(DataError, match=r"there is no directory \S*nowhere"):
            ask()


def test_a_file_as_directory_is_refused(source: Make, tmp_path: Path) -> None:
    (tmp_path / "AAPL.csv").write_bytes(CONTENT)
    stocks = source(CsvSource, tmp_path / "AAPL.csv")
    for ask in (stocks.symbols, lambda: stocks.read("AAPL"), lambda: stocks.fingerprint("AAPL")):
        with pytest.raises(DataError, match=r"AAPL\.csv is a file"):
            ask()


def test_a_directory_or_a_pipe_as_file_is_refused(source: Make, data: Path) -> None:
    (data / "AAPL.csv").mkdir()
    os.mkfifo(data / "MSFT.csv")
    stocks = source(CsvSource, data)
    for symbol, what in (("AAPL", "a directory"), ("MSFT", "no regular file")):
        for ask in (stocks.fingerprint, stocks.read):
            with pytest.raises(DataError, match=rf"{symbol}\.csv: this is {what}"):
                ask(symbol)


def test_a_file_that_can_be_no_symbol_is_not_passed_over(source: Make, data: Path) -> None:
    (data / "AAPL (1).csv").write_bytes(CONTENT)
    with pytest.raises(DataError, match=r"rename the file to AAPL%20%281%29\.csv"):
        source(CsvSource, data).symbols()


@pytest.mark.parametrize("symbol", ["^GSPC", "EURUSD=X", "BRK B", "贵州茅台", "100%", "A~B"])
def test_symbol_of_any_characters_is_read_from_a_file_that_a_store_can_have(
    source: Make, store_url: str, symbol: str
) -> None:
    open_store(store_url).put_if_absent(f"{file_stem(symbol)}.csv", CONTENT)
    stocks = source(CsvSource, store_url)
    assert stocks.symbols() == [symbol]
    assert stocks.read(symbol) == CONTENT
    assert stocks.parse(symbol, CONTENT).symbol == symbol


def test_hidden_files_are_passed_over(source: Make, data: Path) -> None:
    for name in (".AAPL.csv", ".csv", "AAPL.csv"):
        (data / name).write_bytes(CONTENT)
    assert list(source(CsvSource, data).symbols()) == ["AAPL"]


def test_a_fingerprint_changes_with_the_file(
    source: Make, data: Path, settle: Callable[[Path], None]
) -> None:
    file = data / "AAPL.csv"
    file.write_bytes(CONTENT)
    settle(file)
    first = source(CsvSource, data).fingerprint("AAPL")
    times = file.stat().st_atime_ns, file.stat().st_mtime_ns
    file.write_bytes(CONTENT.replace(b"2\n", b"3\n"))
    os.utime(file, ns=times)
    second = source(CsvSource, data).fingerprint("AAPL")
    assert first is not None
    assert second not in (None, first)


def test_a_file_just_written_has_no_fingerprint_to_trust(source: Make, data: Path) -> None:
    (data / "AAPL.csv").write_bytes(CONTENT)
    assert source(CsvSource, data).fingerprint("AAPL") is None


def test_s3_and_a_directory_give_the_same_digests(
    source: Make, samples: Path, s3_store_url: str, tmp_path: Path
) -> None:
    store = open_store(s3_store_url)
    for file in samples.iterdir():
        store.put_if_absent(file.name, file.read_bytes())
    bar_cache = BarCache("code", tmp_path)
    places = [source(CnDailySource, place, "Asia/Shanghai") for place in (samples, s3_store_url)]
    here, there = (
        [bar_cache.digest(place_source, symbol, BarsWindow()) for symbol in place_source.symbols()]
        for place_source in places
    )
    assert here == there
    assert len({digest.digest for digest in here}) == 3


def test_an_s3_prefix_is_listed_once(
    source: Make, s3_store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(s3_store_url)
    store.put_if_absent("AAPL.csv", CONTENT)
    store.put_if_absent("MSFT.csv", CONTENT)
    listed: list[str] = []
    listing = type(store).list

    def counting(self: Store, prefix: str = "") -> Iterator[Entry]:
        listed.append(prefix)
        return listing(self, prefix)

    monkeypatch.setattr(type(store), "list", counting)
    stocks = source(CsvSource, s3_store_url)
    assert stocks.fingerprint("AAPL") == stocks.fingerprint("MSFT")
    stocks.symbols()
    assert len(listed) == 1
