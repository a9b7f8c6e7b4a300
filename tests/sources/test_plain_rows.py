"""Compiled code reads rows as pyarrow reads them, or leaves them to pyarrow."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest

from backfleet.bars import Bars
from backfleet.errors import DataError
from backfleet.source import SourceSettings
from backfleet.sources.csv import CsvSource
from backfleet.sources.csv_file import CsvFile
from backfleet.sources.plain_rows import read_plain_rows
from backfleet.sources.table import floats
from exhaustive_cases import cases

MANY = 10**12
"""Files for which compiling is worth it."""
NAMES = ("date", "open", "high", "low", "close", "volume")
NUMBERS = NAMES[1:]
TIMES = ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S")
FORMATS = ("%d.%m.%Y", "%m/%d/%Y %H:%M", "%Y%m%d %H%M%S", "%H:%M %d.%m.%Y", "%Y%m%d%H%M%S%f")
ODD_CHARACTERS = "0123456789.,-+eE \t\r\n\"'T:/;xé"
ODD_VALUES = (
    *("", "0", "-0", "-0.0", "-1", "1.", ".5", "+1", " 1", "1 ", "-", ".", "1e3", "1E-3", "inf"),
    *("nan", "NaN", "NA", "null", "0x1", "1_0", "00012.50", "9007199254740992", "9007199254740993"),
    *("123456789012345678", "1234567890123456789", "0.000000000000001", "0.1234567890123456"),
    *("4.35", "0.3", "1.7976931348623157", "2.2250738585072014", "9007199254740.993", '"1"', "1;2"),
)


def parse(content: bytes, **options: str) -> Bars | str:
    """The bars, or the refusal."""
    source = CsvSource(SourceSettings("dir", "UTC", (), options))
    source.expect(MANY)
    try:
        return source.parse("X", content)
    except DataError as error:
        return str(error)


def assert_same(content: bytes, **options: str) -> None:
    fast = parse(content, **options)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("NUMBA_DISABLE_JIT", "1")
        slow = parse(content, **options)
    if isinstance(fast, str) or isinstance(slow, str):
        assert fast == slow
    else:
        assert fast.digest() == slow.digest()
        assert (fast.length, fast.adjustment) == (slow.length, slow.adjustment)


def text_of(date_format: str, count: int, end: str, chance: random.Random) -> str:
    step = np.timedelta64(1, "D") if "H" not in date_format else np.timedelta64(61, "m")
    first = np.datetime64(f"{chance.randint(1690, 2200)}-03-04T05:06", "us")
    lines = [",".join(NAMES)]
    for row in range(count):
        time = (first + row * step).item().strftime(date_format)
        low = round(chance.uniform(1, 10), chance.randint(0, 9))
        high = round(low + chance.uniform(0, 10 ** chance.randint(0, 6)), chance.randint(4, 9))
        volume = chance.choice([str(chance.randint(0, 10**9)), f"{chance.random():.12f}", ""])
        lines.append(f"{time},{low},{high},{low},{high},{volume}")
    return end.join([*lines, chance.choice(["", end])])


def changed(text: str, chance: random.Random) -> str:
    """The text with a value or some characters replaced below the first line."""
    lines = text.split("\n")
    row = chance.randrange(1, len(lines))
    if chance.random() < 0.6:
        cells = lines[row].split(",")
        cells[chance.randrange(len(cells))] = chance.choice(ODD_VALUES)
        lines[row] = ",".join(cells)
    elif lines[row]:
        place = chance.randrange(len(lines[row]))
        character = chance.choice([*ODD_CHARACTERS, ""])
        lines[row] = lines[row][:place] + character + lines[row][place + 1 :]
    else:
        lines.insert(row, chance.choice(["", " ", "\r", ","]))
    return "\n".join(lines)


def read(text: str, numbers: Sequence[str] = NUMBERS, delimiter: str = ",") -> bool:
    """Whether compiled code reads the columns; then they have the bits that pyarrow finds."""
    file = CsvFile.open("X", text.encode(), delimiter)
    table = read_plain_rows(file, "date", numbers, None, MANY)
    if table is None:
        return False
    other = file.read_numbers({"date": pa.timestamp("ns")}, numbers)
    assert other is not None
    assert table.columns["date"].equals(other.columns["date"])
    for name in numbers:
        assert floats(table, name).tobytes() == floats(other, name).tobytes()
    return True


@pytest.mark.parametrize("count", cases(20, exhaustive=[2000]))
def test_sound_files_are_read_by_compiled_code_to_the_same_bits(count: int) -> None:
    chance = random.Random(count)
    for _ in range(count):
        end = chance.choice(["\n", "\r\n"])
        assert read(text_of(chance.choice(TIMES), 40, end, chance))


@pytest.mark.parametrize("count", cases(200, exhaustive=[50_000]))
def test_odd_files_are_read_or_refused_as_without_compiled_code(count: int) -> None:
    chance = random.Random(count)
    for _ in range(count):
        date_format = chance.choice([*TIMES, *FORMATS])
        text = text_of(date_format, 6, chance.choice(["\n", "\r\n"]), chance)
        for _ in range(chance.randint(0, 2)):
            text = changed(text, chance)
        options = {} if date_format in TIMES else {"date_format": date_format}
        assert_same(text.encode(), **options)


@pytest.mark.parametrize("value", ODD_VALUES)
def test_odd_numbers_are_read_or_refused_as_without_compiled_code(value: str) -> None:
    rows = [f"2020-01-0{day},1,1e9,0.5,1,7" for day in range(1, 4)]
    for column in range(6):
        cells = rows[1].replace("1e9", "1000000").split(",")
        cells[column] = value
        text = "\n".join([",".join(NAMES), rows[0].replace("1e9", "9"), ",".join(cells)])
        assert_same(text.encode())


def test_other_columns_are_left_alone_unless_they_hold_quotes() -> None:
    head = "name,date,open,high,low,close,note,volume\n"
    row = "é x,2020-01-01,1,2,1,2,a.b-c,3\n"
    assert read(head + row)
    assert read(head + row + row.replace("01-01", "01-02"))
    assert not read(head + row.replace("a.b-c", '"a,b"'))


def test_columns_can_be_separated_by_other_characters() -> None:
    text = ",".join(NAMES) + "\n2020-01-01,1,2,1,2,3\n"
    for delimiter in ";\t|":
        assert read(text.replace(",", delimiter), delimiter=delimiter)
    assert not read(text.replace(",", " "), delimiter=" ")
    assert_same(text.replace(",", "-").encode(), delimiter="-")
