"""A CSV file is rejected with its name, or read into the bars that a slow reader finds."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hostile.attack import Case, Ground, assert_withstood
from sample_job import SAMPLE_DATA

SEED = 11
FEW, MANY = 40, 1500

NUMBERS = (
    "", " ", "0", "-0", "-1", "+1", "1.", ".5", "1e3", "1E+3", "1e400", "1e-400", "-1e400",
    "inf", "-inf", "Infinity", "nan", "NaN", "NA", "N/A", "null", "None", "none", "#N/A", "NULL",
    "1_000", "1,000", "1 000", "1'000", "0x1p3", "0x10", "1d5", "1f", "1.2.3", "--1", "1-", "$5",
    "5%", "5 USD", "1e", "e5", "１２", "٣", "½", "∞", "1\u00a0", "\u20281", "\ufeff1", "true",
    "9007199254740993", "179769313486231570814527423731704356798070", "4.9e-324",
    "2.2250738585072011e-308",
    "0." + "0" * 330 + "1", "1" * 400, "9" * 100_000, "1" + "0" * 308, "abc", '"', '""', "'1'",
)  # fmt: skip
DATES = (
    "", "0", "2024", "2024-1-2", "2024-01-2", "20240102", "2024-02-30", "2023-02-29", "2024-13-01",
    "2024-00-01", "0000-01-01", "0001-01-01", "1677-01-01", "1678-01-01", "2261-12-31",
    "2262-04-11",
    "2262-04-12", "9999-12-31", "10000-01-01", "-2024-01-01", "01/02/2024", "2024/01/02",
    "1704153600",
    "2024-01-02T00:00:00Z", "2024-01-02 24:00", "2024-01-02 23:59:60", "2024-01-02 09:30",
    "2024-01-02 09", "2024-01-02T0930", "2024-01-02 09:30:00.123456789",
    "2024-01-02 09:30:00.1234567891",
    "2024-01-02 09:30:00+08:00", "2024-01-02 09:30:00+0800", "2024-01-02 09:30:00 +08:00",
    "2024-01-02T09:30:00+08", "2024-01-02 09:30:00+25:00", "2024-01-02 09:30 PM",
    "2024-03-31 02:30",
    "2024-10-27 02:30", "2024-W01-2", "2024-002", "02 Jan 2024", "yesterday", "NaT", "nan", "inf",
    "２０２４-01-02", "2024-01-02\u00a0", "2024‐01‐02", "2024-01-02x", "x2024-01-02", "2024-01-02 ",
)  # fmt: skip


@dataclass
class Table:
    """A file before it is written: the names and the rows as cells, and how it is written."""

    source: str
    rows: list[list[str]]
    options: dict[str, str] = field(default_factory=dict)
    zone: str = "UTC"
    delimiter: str = ","
    line_end: str = "\n"
    encoding: str = "utf-8"
    quote: Callable[[str], str] = lambda cell: cell

    def write(self) -> bytes:
        lines = [self.delimiter.join(map(self.quote, row)) for row in self.rows]
        return (self.line_end.join(lines) + self.line_end).encode(self.encoding, "replace")


def daily() -> Table:
    rows = [f"2024-01-0{day},1{day},2{day},9.5,1{day}.25,{day}00".split(",") for day in range(2, 8)]
    return Table("csv", [["date", "open", "high", "low", "close", "volume"], *rows])


def intraday() -> Table:
    rows = [f"2024-03-2{day} 09:3{day},1,3,0.5,2.125,7".split(",") for day in range(2, 8)]
    names = ["timestamp", "Open", "HIGH", "low", "Close", "Volume"]
    return Table("csv", [names, *rows], zone="Europe/Berlin")


def two_columns() -> Table:
    rows = [f"2024-01-0{day},09:30:0{day},1,3,0.5,2,7".split(",") for day in range(2, 8)]
    names = ["Date", "Time", "open", "high", "low", "close", "volume"]
    return Table("csv", [names, *rows], zone="America/New_York")


def with_offsets() -> Table:
    rows = [f"2024-01-0{day}T23:30:00+0{day}:00,1,3,0.5,2,7".split(",") for day in range(2, 8)]
    names = ["datetime", "open", "high", "low", "close", "volume"]
    return Table("csv", [names, *rows], zone="Asia/Tokyo")


def formatted() -> Table:
    rows = [f"0{day}.01.2024;1;3;0.5;2;7;{day}.5;yes".split(";") for day in range(2, 8)]
    names = ["t", "o", "h", "l", "c", "v", "f", "on"]
    options = dict(
        zip(("date", "open", "high", "low", "close", "volume", "factor"), names, strict=False)
    )
    options |= {"tradable": "on", "date_format": "%d.%m.%Y", "delimiter": ";"}
    return Table("csv", [names, *rows], options, delimiter=";", zone="America/Sao_Paulo")


def vendor() -> Table:
    lines = (SAMPLE_DATA / "600519.csv").read_text().splitlines()[:8]
    rows = [[cell.strip('"') for cell in line.split(",")] for line in lines]
    return Table("cn-daily", rows, zone="Asia/Shanghai", quote=lambda cell: f'"{cell}"')


BASES = (daily, intraday, two_columns, with_offsets, formatted, vendor)


def change_number(table: Table, chance: random.Random) -> None:
    row = chance.randrange(1, len(table.rows))
    table.rows[row][chance.randrange(1, len(table.rows[0]))] = chance.choice(NUMBERS)


def change_date(table: Table, chance: random.Random) -> None:
    at = next((i for i, name in enumerate(table.rows[0]) if name == "tradedate"), 0)
    table.rows[chance.randrange(1, len(table.rows))][at] = chance.choice(DATES)


def change_all_dates(table: Table, chance: random.Random) -> None:
    """A file of one row, whose date decides how the column is read."""
    del table.rows[2:]
    change_date(table, chance)


def suspend(table: Table, chance: random.Random) -> None:
    for row in table.rows[1:]:
        if chance.random() < 0.5:
            row[-1] = chance.choice(("false", "no", "0", "F", "N", "off", "FALSE ", "否"))
            row[chance.randrange(1, len(row) - 1)] = chance.choice(("", "0", "nan", "-1", "inf"))


def change_names(table: Table, chance: random.Random) -> None:
    names = table.rows[0]
    at = chance.randrange(len(names))
    odd = ("", " ", '"', names[at].upper(), f" {names[at]} ", names[at - 1], "x" * 70_000, "\u202e",
           names[at] + "\u200b", "date", "time", "volume", "open", "NA", "\ufeffdate")  # fmt: skip
    names[at] = chance.choice(odd)


def change_rows(table: Table, chance: random.Random) -> None:
    row = chance.randrange(len(table.rows))
    other = chance.randrange(len(table.rows))
    choice = chance.randrange(6)
    if choice == 0:
        table.rows[row], table.rows[other] = table.rows[other], table.rows[row]
    elif choice == 1:
        table.rows.insert(row, list(table.rows[other]))
    elif choice == 2:
        table.rows.insert(
            row, chance.choice(([""], [" "], ["\t"], ["# comment"], ["", ""], ['""']))
        )
    elif choice == 3:
        table.rows[row].append(chance.choice(("", "1", " ")))
    elif choice == 4:
        table.rows[row].pop()
    else:
        del table.rows[row:]


def widen(table: Table, chance: random.Random) -> None:
    extra = chance.choice(("", "x", '"a\nb"', '"a""b"', '"a,b;c"', "é\U0001f600", "x" * 50_000))
    for number, row in enumerate(table.rows):
        row.append(extra if number else "note")


def change_ends(table: Table, chance: random.Random) -> None:
    table.line_end = chance.choice(
        ("\r\n", "\r", "\n\n", "\n\r", "\r\r\n", "\u2028", "\x0b", "\x85")
    )


def change_delimiter(table: Table, chance: random.Random) -> None:
    table.delimiter = chance.choice((";", "\t", "|", ",", " ", "'", "1", ".", "-", ":"))
    if chance.random() < 0.7:
        table.options["delimiter"] = table.delimiter
        table.source = "csv"


def change_encoding(table: Table, chance: random.Random) -> None:
    widen(table, chance)
    table.encoding = chance.choice(
        ("utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252", "gbk", "utf-7")
    )


def change_quotes(table: Table, chance: random.Random) -> None:
    ways: Sequence[Callable[[str], str]] = (
        lambda cell: f'"{cell}"',
        lambda cell: f'"{cell}',
        lambda cell: f'{cell}"',
        lambda cell: f'""{cell}""',
        lambda cell: f' "{cell}" ',
        lambda cell: f"'{cell}'",
        lambda cell: f'"{cell}"x',
        lambda cell: f'{cell[:1]}"{cell[1:]}"',
        lambda cell: f'"{cell}" ',
        lambda cell: f'"{cell}\n"',
    )
    way, usual, share = chance.choice(ways), table.quote, chance.choice((1.0, 0.05))
    table.quote = lambda cell: way(cell) if chance.random() < share else usual(cell)


CHANGES = (
    change_number, change_number, change_number, change_date, change_date, change_all_dates,
    suspend,
    change_names, change_rows, change_rows, widen, change_ends, change_delimiter, change_encoding,
    change_quotes, change_quotes,
)  # fmt: skip


def damage(content: bytes, chance: random.Random) -> bytes:
    """Change some bytes of the file as it was written."""
    at = chance.randrange(len(content))
    odd = (b"\0", b"\xff", b"\xef\xbb\xbf", b'"', b"\n", b"\r", b",", b"\x1a", b"\xc3",
           b"\xed\xa0\x80", b"\\", b" ", bytes([chance.randrange(256)]))  # fmt: skip
    choice = chance.randrange(4)
    if choice == 0:
        return content[:at]
    if choice == 1:
        return content[:at] + chance.choice(odd) + content[at:]
    if choice == 2:
        return content[:at] + chance.choice(odd) + content[at + 1 :]
    return content[:at] + content[at + chance.randrange(1, 9) :]


def case(number: int) -> Case:
    chance = random.Random(f"{SEED} {number}")
    table = chance.choice(BASES)()
    for _ in range(chance.choice((0, 1, 1, 1, 2, 3))):
        # The change before may have left only the names, or no names.
        if len(table.rows) > 1 and min(map(len, table.rows)) > 2:
            chance.choice(CHANGES)(table, chance)
    content = table.write()
    for _ in range(chance.choice((0, 0, 0, 1, 1, 2))):
        content = damage(content, chance) if content else content
    arguments = (table.source, json.dumps(table.options), table.zone)
    return Case(
        f"file {number}",
        arguments,
        "hostile.slow_csv:compare",
        {"data/600519.csv": content},
    )


def attack_with(count: int, folder: Path) -> None:
    ground = Ground(folder / "ground", preload=["hostile.slow_csv", "backfleet.sources.cn_daily"])
    outcomes = assert_withstood([case(number) for number in range(count)], ground)
    read = sum(outcome.code == 0 for outcome in outcomes)
    # Else the fuzzer would prove nothing of one of both.
    assert count / 10 < read < count * 9 / 10


def test_odd_csv_files_are_rejected_or_read_right(tmp_path: Path) -> None:
    attack_with(FEW, tmp_path)


@pytest.mark.exhaustive
def test_many_odd_csv_files_are_rejected_or_read_right(tmp_path: Path) -> None:
    attack_with(MANY, tmp_path)
