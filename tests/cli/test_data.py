"""`backfleet data check` and `import` as a user calls them."""

from __future__ import annotations

import json
import tomllib
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from backfleet.source import SourceSettings
from backfleet.sources.parquet import ParquetSource
from in_process import InProcess

CN_DAILY = ("--source", "cn-daily", "--timezone", "Asia/Shanghai")


@pytest.fixture
def vendor(tmp_path: Path) -> Path:
    """Two sound files, and one with two bad rows and a gap."""
    folder = tmp_path / "vendor"
    folder.mkdir()
    header = "date;open;high;low;close;volume\n"
    for symbol in ("AAA", "BBB"):
        rows = "".join(f"2024-01-{day:02};10;{11 + day};9;10;5\n" for day in range(1, 31))
        (folder / f"{symbol}.csv").write_text(header + rows)
    bad = "2024-01-01;10;11;9;0;5\n2024-01-02;10;11;9;10;5\n2024-01-02;10;11;9;10;5\n"
    (folder / "CCC.csv").write_text(header + bad + "2024-01-30;10;11;9;10;5\n")
    return folder


def test_check_tells_every_fault_with_its_file_and_row(in_process: InProcess, vendor: Path) -> None:
    done = in_process("data", "check", vendor, "--option", "delimiter=;")
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        f"{vendor}/CCC.csv: row 2: close is '0', not a positive number",
        f"{vendor}/CCC.csv: row 4: date is '2024-01-02', a duplicate of row 3",
        f"{vendor}/CCC.csv: row 5: a gap: after 2024-01-02 comes 2024-01-30, without 27 sessions "
        "that other symbols have",
        f"{vendor}: 3 symbols, 62 bars; 3 faults in 1 symbol",
    ]


def test_check_tells_doubts_and_notes_apart_from_faults(
    in_process: InProcess, tmp_path: Path
) -> None:
    rows = [f"2024-01-{day:02},10,{11 + day},{9 - day / 100},10,0" for day in range(1, 31)]
    write = (tmp_path / "A.csv").write_text
    write("date,open,high,low,close,volume\n" + "\n".join(rows))
    done = in_process("data", "check", tmp_path)
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        f"{tmp_path}/A.csv: note: no volume: it is zero in all bars",
        f"{tmp_path}: 1 symbol, 30 bars; 1 note in 1 symbol",
    ]
    rows = [row.replace(",10,", ",40,").replace("9,", "39,") for row in rows[:15]] + rows[15:]
    write("date,open,high,low,close,volume\n" + "\n".join(rows))
    done = in_process("data", "check", tmp_path, "--json")
    assert done.returncode == 1
    doubts = [fault for fault in json.loads(done.stdout) if fault["level"] == "doubt"]
    assert {"like a split of 4 for 1" in doubt["problem"] for doubt in doubts} >= {True}


def test_check_of_sound_files_ends_well_and_says_so_in_json(
    in_process: InProcess, sample_data: Path
) -> None:
    done = in_process("data", "check", sample_data, *CN_DAILY, "--json")
    assert (done.returncode, json.loads(done.stdout)) == (0, [])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--source", "cvs"), "no source is named 'cvs'; did you mean 'csv'?"),
        (("--option", "delimitter=;"), "data.options.delimitter: unknown key; did you mean"),
        (("--option", "delimiter"), "--option delimiter: must be KEY=VALUE"),
        (("--timezone", "Mars/North"), "Mars/North"),
        (("--symbols", "XYZ*"), "'XYZ*' matches no symbol in"),
        (("--symbols", "AAA,,BBB"), "--symbols has an empty name between its commas"),
        (("--columns", "volume,"), "--columns has an empty name between its commas"),
    ],
)
def test_a_bad_request_is_one_error_and_exit_code_2(
    in_process: InProcess, vendor: Path, arguments: tuple[str, ...], message: str
) -> None:
    done = in_process("data", "check", vendor, *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_import_leaves_out_bad_symbols_and_says_what_to_write_into_the_job(
    in_process: InProcess, vendor: Path, tmp_path: Path
) -> None:
    done = in_process("data", "import", vendor, 'prepared "1"', "--on-bad-symbol", "skip")
    assert done.returncode == 1
    job = tomllib.loads(done.stdout.partition("in the job file:\n")[2])
    assert job["data"]["path"] == 'prepared "1"'
    assert f"{vendor}/CCC.csv: row 2: close is 0, not a positive number" in done.stderr
    assert '2 symbols (AAA, BBB), 60 bars of 1d in prepared "1"; 1 left out' in done.stdout
    assert 'options = { factor = "factor", tradable = "tradable" }' in done.stdout
    assert sorted(path.name for path in (tmp_path / 'prepared "1"').iterdir()) == [
        "AAA.parquet",
        "BBB.parquet",
        "import.json",
    ]


def test_import_refuses_all_if_a_symbol_is_bad_and_leaves_nothing(
    in_process: InProcess, vendor: Path, tmp_path: Path
) -> None:
    done = in_process("data", "import", vendor, "prepared")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{vendor}/CCC.csv: row 2: close is 0" in done.stderr
    assert [path.name for path in tmp_path.iterdir() if "prepared" in path.name] == []


def test_import_through_a_source_gives_the_bars_that_the_source_gives(
    in_process: InProcess, sample_data: Path
) -> None:
    done = in_process("data", "import", sample_data, "out", *CN_DAILY, "--json")
    record = json.loads(done.stdout)["record"]
    assert sorted(record["symbols"]) == ["600519", "600559", "600560"]
    assert record["data"] == {"source": "parquet", "timezone": "Asia/Shanghai"}


@pytest.mark.parametrize("step", [timedelta(minutes=5), timedelta(days=7)])
def test_import_through_a_source_keeps_the_ends_of_bars(
    in_process: InProcess, tmp_path: Path, step: timedelta
) -> None:
    times = [datetime(2024, 1, 5) + number * step for number in range(20)]
    (tmp_path / "in").mkdir()
    rows = "".join(f"{time},10,11,9,10,5\n" for time in times)
    (tmp_path / "in" / "A.csv").write_text("date,open,high,low,close,volume\n" + rows)
    options = ("--source", "csv", "--option", "stamp=close", "--json")
    done = in_process("data", "import", tmp_path / "in", "out", *options)
    record = json.loads(done.stdout)["record"]
    settings = SourceSettings(str(tmp_path / "out"), "UTC", (), record["options"])
    source = ParquetSource(settings)
    bars = source.parse("A", source.read("A"))
    assert bars.stamp == "close"


def test_import_of_facts_says_what_they_hold_and_what_to_write_into_the_job(
    in_process: InProcess, tmp_path: Path
) -> None:
    (tmp_path / "basic.csv").write_text("ts_code,name,list_date\n600519.SH,A,20010827\n")
    done = in_process("data", "import", "--facts", "--digits", tmp_path / "basic.csv", "facts")
    assert done.returncode == 0
    assert "tushare: 1 symbol\nno history of ST shares: the table" in done.stdout
    assert done.stdout.endswith('in the job file:\n  [data]\n  facts = "facts"\n')
    again = in_process("data", "import", "--facts", "--digits", tmp_path / "basic.csv", "facts")
    assert "facts holds this import already" in again.stdout
    wrong = in_process("data", "import", "--facts", "--bar", "1d", tmp_path / "basic.csv", "facts")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "--bar is about bars; remove it" in wrong.stderr


def test_import_says_which_symbols_of_an_earlier_one_are_gone(
    in_process: InProcess, tmp_path: Path
) -> None:
    for symbol in ("OLD", "NEW"):
        rows = "".join(f"2024-01-0{day},2,3,1,2,100\n" for day in (2, 3, 4))
        (tmp_path / f"{symbol}.csv").write_text(f"Date,Open,High,Low,Close,Volume\n{rows}")
    first = in_process("data", "import", tmp_path / "OLD.csv", "bars")
    assert "replaced" not in first.stdout
    second = in_process("data", "import", tmp_path / "NEW.csv", "bars")
    assert "replaced: bars no longer has OLD, which an earlier import wrote" in second.stdout


def test_presets_are_listed_with_the_first_lines_of_a_file(in_process: InProcess) -> None:
    listed = in_process("data", "presets").stdout
    assert "tushare  (tushare: daily, adj_factor and suspend_d)\n    ts_code,trade_date," in listed
    assert "[[layouts]]" in in_process("data", "presets", "mt5").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("out", "--from", "yahho"),
            "there is no preset 'yahho' in 'backfleet data presets', and it is no .toml file; did "
            "you mean 'yahoo'?",
        ),
        (("out", "--column", "clothes=x"), "--column clothes: no such role"),
        (("out", "--date-format", "day-firs"), "did you mean 'day-first'?"),
        (("out", "--timezone", "Mars/North"), "Mars/North"),
        (("out", "--symbols", "A*"), "--symbols and --option need --source"),
        (("s3://bucket/prepared",), "import into one and push that"),
        (("vendor",), "OUT is the folder of the files themselves"),
        (("vendor/out",), "OUT lies in PATH, and the next import would read it"),
        (("out", "--volume-unit", "0"), "--volume-unit 0: must be a number above 0"),
        (("out", "--from", "none.toml"), "none.toml: cannot be read: No such file"),
    ],
)
def test_bad_request_for_an_import_is_one_error_and_writes_nothing(
    in_process: InProcess, vendor: Path, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    done = in_process("data", "import", vendor, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()
    assert sorted(path.suffix for path in vendor.iterdir()) == [".csv"] * 3
