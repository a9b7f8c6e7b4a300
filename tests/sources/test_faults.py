"""`data check` finds every bad row and every gap, and says in which file and row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path

import pytest

from backfleet.plan.data import open_source
from backfleet.source import Source, SourceSettings
from backfleet.sources.faults import Checked, Fault, check_symbol, find_gaps

HEADER = "date,open,high,low,close,volume"
Write = Callable[..., None]


def row(day: str, close: str = "10") -> str:
    return f"{day},10,11,9,{close},100"


def weekdays(count: int, first: date = date(2024, 1, 1)) -> list[str]:
    days = (first + timedelta(offset) for offset in range(count * 2))
    return [day.isoformat() for day in days if day.weekday() < 5][:count]


@pytest.fixture
def source(data: Path) -> Source:
    return open_source("csv", SourceSettings(str(data), "UTC", (), {}))


@pytest.fixture
def write(data: Path) -> Write:
    def write(symbol: str, *lines: str) -> None:
        (data / f"{symbol}.csv").write_text("\n".join([HEADER, *lines]) + "\n")

    return write


def faults(source: Source, symbol: str) -> Sequence[tuple[int | None, str]]:
    problems = check_symbol(source, symbol).faults
    return [(fault.row, fault.problem) for fault in problems if fault.level == "fault"]


def gaps(source: Source, *symbols: str) -> list[Fault]:
    return list(find_gaps(source, [check_symbol(source, symbol) for symbol in symbols]))


def test_sound_files_have_no_faults(samples: Path) -> None:
    source = open_source("cn-daily", SourceSettings(str(samples), "Asia/Shanghai", (), {}))
    checked = [check_symbol(source, symbol) for symbol in source.symbols()]
    assert [file.faults for file in checked] == [[], [], []]
    assert list(find_gaps(source, checked)) == []


def test_every_bad_row_is_told_not_only_the_first(source: Source, write: Write) -> None:
    days = weekdays(6)
    write(
        "AAA",
        row(days[0]),
        row(days[1], "-1"),
        row(days[2], "ten"),
        row(days[3]),
        row(days[3]),
        f"{days[4]},10,9,11,10,100",
        "2024-01-08,1,2",
    )
    assert sorted(faults(source, "AAA"), key=str) == [
        (3, "close is '-1', not a positive number"),
        (4, "close is 'ten', not a number"),
        (6, f"date is '{days[3]}', a duplicate of row 5"),
        (7, "high 9 is below low 11"),
        (8, "3 values for 6 columns"),
    ]


def test_bars_of_the_sound_rows_are_counted(source: Source, write: Write) -> None:
    days = weekdays(4)
    write("AAA", row(days[0]), row(days[1], "0"), row(days[2]), row(days[3]))
    assert check_symbol(source, "AAA").bars == 3


def test_of_unsorted_rows_the_first_is_told(source: Source, write: Write) -> None:
    days = weekdays(5)
    write("AAA", *map(row, [days[0], days[4], days[1], days[2], days[3]]))
    ((at, problem),) = faults(source, "AAA")
    assert at == 4
    assert problem.startswith(f"date is '{days[1]}', unsorted")


def test_a_file_that_is_no_csv_is_one_fault_without_a_row(source: Source, data: Path) -> None:
    (data / "AAA.csv").write_bytes(b"PK\x03\x04 a workbook")
    ((at, problem),) = faults(source, "AAA")
    assert at is None
    assert "Excel workbook" in problem


def test_rows_of_which_all_are_bad_are_no_fault_of_the_file(source: Source, write: Write) -> None:
    write("AAA", row(date(2019, 1, 2), "-1"), "2019-02-30,10,11,9,10,100")
    assert [at for at, _ in faults(source, "AAA")] == [3, 2]


def test_a_file_full_of_bad_rows_is_given_up(source: Source, write: Write) -> None:
    write("AAA", *(row(day, "-1") for day in weekdays(100)))
    assert len(faults(source, "AAA")) == 20


def test_sessions_that_other_symbols_have_are_a_gap(source: Source, write: Write) -> None:
    days = weekdays(30)
    for symbol in ("AAA", "BBB", "CCC"):
        write(symbol, *map(row, days))
    write("DDD", *map(row, days[:10] + days[12:]))
    (gap,) = gaps(source, "AAA", "BBB", "CCC", "DDD")
    assert (gap.symbol, gap.row) == ("DDD", 12)
    assert gap.problem == (
        f"a gap: after {days[9]} comes {days[12]}, without 2 sessions that other symbols have"
    )


def test_a_symbol_listed_later_or_delisted_has_no_gap(source: Source, write: Write) -> None:
    days = weekdays(30)
    for symbol in ("AAA", "BBB", "CCC"):
        write(symbol, *map(row, days))
    write("DDD", *map(row, days[5:20]))
    assert gaps(source, "AAA", "BBB", "CCC", "DDD") == []


def test_holidays_are_no_gap(source: Source, write: Write) -> None:
    days = [day for day in weekdays(60) if not "2024-01-22" <= day <= "2024-02-09"]
    for symbol in ("AAA", "BBB", "CCC"):
        write(symbol, *map(row, days))
    assert gaps(source, "AAA", "BBB", "CCC") == []


def test_alone_a_symbol_has_a_gap_of_more_than_two_weeks(source: Source, write: Write) -> None:
    write("AAA", *map(row, weekdays(5)), "", row("2024-02-12"))
    (gap,) = gaps(source, "AAA")
    assert gap.row == 8
    assert gap.problem == "a gap: after 2024-01-05 comes 2024-02-12, without 37 days"


@pytest.mark.parametrize("step", [7, 31])
def test_weeks_and_months_have_no_gaps(source: Source, write: Write, step: int) -> None:
    for symbol in ("AAA", "BBB", "CCC"):
        write(symbol, *map(row, weekdays(100)))
    write("DDD", *(row(str(date(2024, 1, 1) + timedelta(step * k))) for k in range(5)))
    assert gaps(source, "DDD") == []
    assert gaps(source, "AAA", "BBB", "CCC", "DDD") == []


def test_intraday_bars_are_not_looked_through_for_gaps(source: Source, write: Write) -> None:
    write("AAA", *map(row, ["2024-01-02 09:30", "2024-01-02 09:31", "2024-03-01 09:30"]))
    checked = check_symbol(source, "AAA")
    assert isinstance(checked, Checked)
    assert (checked.bars, checked.sessions) == (3, None)
    assert list(find_gaps(source, [checked])) == []


def test_a_second_bar_of_a_session_among_daily_bars_is_a_fault(
    source: Source, write: Write
) -> None:
    days = weekdays(5)
    write("AAA", *map(row, [*days[:3], f"{days[2]} 16:00", *days[3:]]))
    assert faults(source, "AAA") == [
        (5, f"session {days[2]} occurs twice, and most sessions have one bar")
    ]


def test_rows_of_parquet_files_are_counted_from_one(samples: Path, data: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    days = [date(2024, 1, 2), date(2024, 1, 3), date(2024, 3, 1)]
    columns = {name: [10.0, 10.0, 10.0] for name in ("open", "high", "low", "close")}
    pq.write_table(pa.table({"date": days, **columns}), data / "AAA.parquet")
    source = open_source("parquet", SourceSettings(str(data), "UTC", (), {}))
    (gap,) = gaps(source, "AAA")
    assert gap.row == 3
