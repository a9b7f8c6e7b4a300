"""The cache of cached bars: what it spares, and what it never gets wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backfleet.bars import Bars, BarsWindow
from backfleet.errors import DataError, FolderWarning
from backfleet.source import Source
from backfleet.sources.bar_cache import BarCache, SymbolData, sessions_per_year
from backfleet.sources.csv import CsvSource
from backfleet.store import open_store
from sources.conftest import Counted

Make = Callable[..., Source]
Settle = Callable[[Path], None]
ALL = BarsWindow()


def rows(count: int, close: float = 2.0) -> str:
    days = np.datetime64("2019-01-01") + np.arange(count)
    body = "".join(f"{stamp},1,9,0.5,{close + index / 100},7\n" for index, stamp in enumerate(days))
    return "date,open,high,low,close,pe\n" + body


@pytest.fixture
def file(data: Path, settle: Settle) -> Path:
    """The CSV of AAPL with 200 bars, written long ago."""
    path = data / "AAPL.csv"
    path.write_text(rows(200))
    settle(path)
    return path


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def load(stocks: Source, cache: Path, code: str = "code") -> tuple[Bars, str]:
    """What a fresh process would load."""
    with BarCache(code, cache) as bar_cache:
        return bar_cache.load(stocks, "AAPL")


def packs(cache: Path) -> list[Path]:
    return list(cache.rglob("*.npy"))


def test_a_second_process_reads_no_csv(
    source: Make, file: Path, cache: Path, counted: Counted
) -> None:
    first, digest = load(source(CsvSource, file.parent, columns=("pe",)), cache)
    second, again = load(source(CsvSource, file.parent, columns=("pe",)), cache)
    assert (counted.reads, counted.parses) == (1, 1)
    assert second.digest() == first.digest()
    assert again == digest


def test_a_second_plan_opens_neither_csv_nor_bars(
    source: Make, file: Path, cache: Path, counted: Counted
) -> None:
    def plan() -> SymbolData:
        with BarCache("code", cache) as bar_cache:
            return bar_cache.digest(source(CsvSource, file.parent), "AAPL", ALL)

    first = plan()
    for pack in packs(cache):
        pack.unlink()
    assert plan() == first
    assert (counted.reads, counted.parses) == (1, 1)


def test_a_second_process_reads_no_object_of_s3(
    source: Make, s3_store_url: str, cache: Path, counted: Counted
) -> None:
    store = open_store(s3_store_url)
    store.put_if_absent("AAPL.csv", rows(200).encode())
    first, _ = load(source(CsvSource, s3_store_url), cache)
    assert load(source(CsvSource, s3_store_url), cache)[0].digest() == first.digest()
    assert counted.reads == 1
    store.replace("AAPL.csv", rows(200, close=3.0).encode())
    assert load(source(CsvSource, s3_store_url), cache)[0].close[0] == 3.0


def test_cached_bars_know_their_time_zone(source: Make, file: Path, cache: Path) -> None:
    stocks = source(CsvSource, file.parent, timezone="Asia/Shanghai")
    parsed, cached = (load(stocks, cache)[0] for _ in range(2))
    assert parsed.timezone == cached.timezone == "Asia/Shanghai"


@pytest.mark.parametrize("start", ["", "x", "xx"])
def test_words_that_are_cut_within_a_character_spoil_no_cached_bars(
    source: Make, file: Path, cache: Path, counted: Counted, start: str
) -> None:
    # The name of the adjusted close is part of the words, and a character of it has three bytes.
    name = start + "价" * 90
    file.write_text(rows(20).replace(",pe\n", f",{name}\n", 1))
    stocks = source(CsvSource, file.parent, adjusted=name)
    parsed, cached = (load(stocks, cache)[0] for _ in range(2))
    assert counted.parses == 1
    assert cached.digest() == parsed.digest()


def test_cached_bars_are_mapped_and_read_only(source: Make, file: Path, cache: Path) -> None:
    stocks = source(CsvSource, file.parent, columns=("pe",))
    load(stocks, cache)
    bars, _ = load(stocks, cache)
    columns: list[Any] = [bars.session, bars.close, bars.extra["pe"]]
    for column in columns:
        assert not column.flags.owndata
    for column in [*columns, bars.time, bars.tradable]:
        assert column.flags.c_contiguous
        with pytest.raises(ValueError, match="read-only"):
            column[0] = column[1]


@pytest.mark.parametrize("timezone", ["UTC", "Asia/Shanghai"])
@pytest.mark.parametrize("step", ["D", "h"])
@pytest.mark.parametrize("is_plain", [True, False])
def test_columns_that_a_cached_file_leaves_out_come_back(
    source: Make, data: Path, cache: Path, timezone: str, step: str, is_plain: bool
) -> None:
    times = np.datetime64("2019-01-01", step) + np.arange(200)
    factors = ["1,true"] * 200 if is_plain else ["2,true"] * 150 + ["1,true", "1,false"] * 25
    lines = [f"{time},1,9,0.5,2,7,{end}\n" for time, end in zip(times, factors, strict=True)]
    (data / "AAPL.csv").write_text("date,open,high,low,close,pe,factor,tradable\n" + "".join(lines))
    options = {"factor": "factor", "tradable": "tradable"}
    stocks = source(CsvSource, data, timezone=timezone, **options)
    parsed, cached = (load(stocks, cache)[0] for _ in range(2))
    assert cached.digest() == parsed.digest()
    for name in ("time", "session", "factor", "tradable"):
        assert np.array_equal(getattr(cached, name), getattr(parsed, name))
        assert getattr(cached, name).dtype == getattr(parsed, name).dtype


def test_a_changed_file_is_read_again(
    source: Make, file: Path, cache: Path, settle: Settle
) -> None:
    stocks = source(CsvSource, file.parent)
    _, before = load(stocks, cache)
    file.write_text(rows(200, close=3.0))
    settle(file)
    bars, after = load(stocks, cache)
    assert bars.close[0] == 3.0
    assert after != before


def test_a_file_written_within_the_clocks_grain_is_not_trusted(
    source: Make, file: Path, cache: Path
) -> None:
    stocks = source(CsvSource, file.parent)
    file.write_text(rows(200))
    moment = file.stat()
    load(stocks, cache)
    file.write_text(rows(200, close=3.0))
    os.utime(file, ns=(moment.st_atime_ns, moment.st_mtime_ns))
    assert load(stocks, cache)[0].close[0] == 3.0


def test_a_file_that_changes_while_it_is_read_is_not_trusted(
    source: Make, file: Path, cache: Path, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    stocks = source(CsvSource, file.parent)
    read = CsvSource.read

    def racing(self: CsvSource, symbol: str) -> bytes:
        content = read(self, symbol)
        file.write_text(rows(200, close=3.0))
        settle(file)
        return content

    with monkeypatch.context() as patch:
        patch.setattr(CsvSource, "read", racing)
        assert load(stocks, cache)[0].close[0] == 2.0
    assert load(stocks, cache)[0].close[0] == 3.0


@pytest.mark.parametrize(
    "change",
    [
        {"code": "other"},
        {"timezone": "Asia/Shanghai"},
        {"columns": ("pe",)},
        {"volume": "pe"},
    ],
    ids=str,
)
def test_bars_are_kept_apart_by_code_zone_columns_and_options(
    source: Make, file: Path, cache: Path, counted: Counted, change: dict[str, Any]
) -> None:
    load(source(CsvSource, file.parent), cache)
    settings = {name: value for name, value in change.items() if name != "code"}
    load(source(CsvSource, file.parent, **settings), cache, change.get("code", "code"))
    assert counted.parses == 2


def test_equal_files_in_two_places_are_parsed_once(
    source: Make, file: Path, cache: Path, counted: Counted, tmp_path: Path
) -> None:
    load(source(CsvSource, file.parent), cache)
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "AAPL.csv").write_bytes(file.read_bytes())
    load(source(CsvSource, copy), cache)
    assert (counted.reads, counted.parses) == (2, 1)


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "cut short": lambda content: content[:-1],
    "cut in the header": lambda content: content[:40],
    "another kind": lambda content: b"oops" * 1000,
    "other fields": lambda content: content.replace(b"'close'", b"'clsoe'", 1),
    "other counts": lambda content: content.replace(b"(200,)", b"(199,)", 1),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_bars_are_built_again(
    source: Make, file: Path, cache: Path, counted: Counted, damage: str
) -> None:
    stocks = source(CsvSource, file.parent)
    whole, _ = load(stocks, cache)
    (pack,) = packs(cache)
    content = pack.read_bytes()
    pack.write_bytes(DAMAGE[damage](content))
    assert load(stocks, cache)[0].digest() == whole.digest()
    assert counted.parses == 2
    assert pack.read_bytes() == content


def test_a_damaged_index_is_built_again(
    source: Make, file: Path, cache: Path, counted: Counted
) -> None:
    for _ in range(2):
        with BarCache("code", cache) as bar_cache:
            bar_cache.digest(source(CsvSource, file.parent), "AAPL", ALL)
        for index in cache.rglob("*.json"):
            index.write_text('{"AAPL": {"fingerprint": 7')
    assert (counted.reads, counted.parses) == (2, 1)


def test_reload_goes_past_the_cache_and_mends_it(
    source: Make, file: Path, cache: Path, counted: Counted
) -> None:
    stocks = source(CsvSource, file.parent)
    whole, digest = load(stocks, cache)
    (pack,) = packs(cache)
    content = pack.read_bytes()
    pack.write_bytes(content[:-1000] + bytes(1000))
    with BarCache("code", cache) as bar_cache:
        assert bar_cache.load(stocks, "AAPL")[0].digest() != whole.digest()
        bars, again = bar_cache.reload(stocks, "AAPL")
    assert (bars.digest(), again) == (whole.digest(), digest)
    assert pack.read_bytes() == content
    assert counted.parses == 2


def test_a_cache_that_cannot_be_written_changes_nothing(
    source: Make, file: Path, tmp_path: Path, counted: Counted
) -> None:
    (tmp_path / "taken").write_text("a file where the cache should be")
    stocks = source(CsvSource, file.parent)
    bar_cache = BarCache("code", tmp_path / "taken")
    with pytest.warns(FolderWarning, match="taken"), bar_cache:
        digest = bar_cache.digest(stocks, "AAPL", ALL)
    with BarCache("code", tmp_path / "taken") as bar_cache:
        assert bar_cache.digest(stocks, "AAPL", ALL) == digest
    assert digest.bars == 200
    assert counted.parses == 2


def test_no_temporary_file_stays(source: Make, file: Path, cache: Path) -> None:
    load(source(CsvSource, file.parent), cache)
    assert {file.suffix for file in cache.rglob("*") if file.is_file()} == {".npy", ".json"}


def test_two_processes_add_to_one_index(
    source: Make, file: Path, cache: Path, counted: Counted, settle: Settle
) -> None:
    other = file.with_name("MSFT.csv")
    other.write_text(rows(50))
    settle(other)
    one, two = BarCache("code", cache), BarCache("code", cache)
    for bar_cache, symbol in ((one, "AAPL"), (two, "MSFT")):
        bar_cache.digest(source(CsvSource, file.parent), symbol, ALL)
    one.save()
    two.save()
    counted.reads = 0
    third = BarCache("code", cache)
    for symbol in ("AAPL", "MSFT"):
        third.digest(source(CsvSource, file.parent), symbol, ALL)
    assert counted.reads == 0


def test_two_processes_may_prepare_at_once(file: Path, cache: Path) -> None:
    for index in range(20):
        file.with_name(f"S{index}.csv").write_bytes(file.read_bytes())
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from backfleet.bars import BarsWindow\n"
        "from backfleet.source import SourceSettings\n"
        "from backfleet.sources.csv import CsvSource\n"
        "from backfleet.sources.bar_cache import BarCache\n"
        "source = CsvSource(SourceSettings(sys.argv[1], 'UTC', (), {}))\n"
        "sys.stdin.readline()\n"
        "with BarCache('code', Path(sys.argv[2])) as bar_cache:\n"
        "    for symbol in source.symbols():\n"
        "        print(bar_cache.digest(source, symbol, BarsWindow()).digest)\n"
    )
    command = [sys.executable, "-c", program, str(file.parent), str(cache)]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    outputs = [process.communicate()[0].splitlines() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert outputs[0] == outputs[1]
    assert len(set(outputs[0])) == 21


def test_the_folder_is_backfleets_cache(
    source: Make, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKFLEET_CACHE", str(tmp_path / "mine"))
    BarCache("code").load(source(CsvSource, file.parent), "AAPL")
    assert packs(tmp_path / "mine" / "bars")


def test_a_digest_tells_what_the_window_holds(source: Make, file: Path, cache: Path) -> None:
    stocks = source(CsvSource, file.parent)
    window = BarsWindow(date(2019, 2, 1), date(2019, 6, 1), warmup=10)
    bar_cache = BarCache("code", cache)
    data = bar_cache.digest(stocks, "AAPL", window)
    bars = bar_cache.load(stocks, "AAPL")[0].window(window)
    assert data == SymbolData(
        digest=bars.digest(),
        bars=131,
        first=date(2019, 2, 1),
        last=date(2019, 6, 1),
        warmup=10,
        length="1 day",
        nominal_ns=86_400_000_000_000,
        end_known=True,
        adjustment="as in the file",
        sessions_per_year=365.25,
    )


@pytest.mark.parametrize("end", [date(2019, 3, 31), date(2019, 4, 1)])
def test_days_without_weekends_off_have_a_year_of_365_sessions(
    source: Make, file: Path, cache: Path, end: date
) -> None:
    data = BarCache("code", cache).digest(
        source(CsvSource, file.parent), "AAPL", BarsWindow(end=end)
    )
    assert data.sessions_per_year == 365.25


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (range(0, 70, 7), 365.25 / 7),
        ((0, 31, 59), 365.25 / 29.5),
        ((0, 1, 2, 3, 4, 7, 8, 9, 10, 11, 14, 17), 252.0),
        ((0, 1, 2, 3, 4, 5, 6, 7, 9), 365.25),
        ((0, 0, 7, 7, 14), 365.25 / 7),
        ((0,), 252.0),
    ],
)
def test_the_year_of_a_short_span_follows_from_the_distance_of_its_sessions(
    days: Sequence[int], expected: float
) -> None:
    """The first day is a Monday. Ten weekly bars once had a year of 252 sessions."""
    sessions = np.datetime64("2024-01-01") + np.array(days)
    assert sessions_per_year(sessions) == pytest.approx(expected, rel=1e-6)


def test_intraday_bars_of_a_session_count_once(source: Make, data: Path, cache: Path) -> None:
    days = np.datetime64("2019-01-01") + 2 * np.arange(100)
    body = "".join(f"{day} {hour}:00,1,9,0.5,2\n" for day in days for hour in (10, 11, 12))
    (data / "AAPL.csv").write_text("date,open,high,low,close\n" + body)
    digest = BarCache("code", cache).digest(source(CsvSource, data), "AAPL", ALL)
    assert digest.sessions_per_year == 182.625


def test_rows_appended_after_the_end_leave_the_digest(
    source: Make, file: Path, cache: Path, settle: Settle
) -> None:
    window = BarsWindow(end=date(2019, 5, 1))
    stocks = source(CsvSource, file.parent)
    before = BarCache("code", cache).digest(stocks, "AAPL", window)
    file.write_text(rows(230))
    settle(file)
    assert BarCache("code", cache).digest(stocks, "AAPL", window) == before
    assert BarCache("code", cache).digest(stocks, "AAPL", ALL).bars == 230


def test_an_empty_range_is_refused_with_what_there_is(
    source: Make, file: Path, cache: Path
) -> None:
    window = BarsWindow(date(2021, 1, 1), date(2021, 12, 31))
    message = (
        r"AAPL has no bars from 2021-01-01 to 2021-12-31; "
        r"its sessions go from 2019-01-01 to 2019-07-19"
    )
    with pytest.raises(DataError, match=message):
        BarCache("code", cache).digest(source(CsvSource, file.parent), "AAPL", window)


def test_a_vanished_symbol_is_refused_whatever_the_cache_holds(
    source: Make, file: Path, cache: Path
) -> None:
    stocks = source(CsvSource, file.parent)
    load(stocks, cache)
    file.rename(file.with_name("GOOG.csv"))
    with pytest.raises(DataError, match="symbol 'AAPL': there is no"):
        load(stocks, cache)
