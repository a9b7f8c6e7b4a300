"""Long CSV files, and cells that are read without Python, give what short and odd ones give."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import pytest

from backfleet.errors import DataError
from sources.csv_texts import HEADER, parse

ODD_CELLS = (
    *(
        "1",
        "1.5",
        "-1",
        "0",
        "1e3",
        "1e400",
        "inf",
        "nan",
        "NaN",
        "",
        " 2 ",
        "\t2",
        "+2",
        ".5",
        "5.",
    ),
    *(
        "0x10",
        "1_000",
        "1,5",
        '"2"',
        '" 2"',
        "1e-320",
        "2.",
        "1d",
        "١",
        "\u00a02",
        "2\u2003",
        "null",
    ),
)
ODD_TIMES = (
    *("2019-01-02", "2019-01-02 09:30", "2019-01-02T09:30:15.123456789", "2019-01-02 09:30Z"),
    *(
        "1600-01-01",
        "2300-01-01",
        "1677-09-21",
        "2262-04-12",
        " 2019-01-02 ",
        "2019-1-2",
        "20190102",
    ),
    *("2019-01-02 24:00", "2019-02-30", "", "2019", "2019-01", "2019-01-02 09", '"2019-01-02"'),
    *("2019-01-02T09:30+01:00", "0000-01-01", "9999-12-31", "2019-01-02 09:30:60"),
)


def test_numbers_are_read_the_fast_way_as_they_are_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(1)
    contents = []
    for _ in range(400):
        cells = ["1", "3", "0.5", "2", "100"]
        day = "2019-01-03"
        if chance.random() < 0.4:
            day = chance.choice(ODD_TIMES)
        else:
            cells[chance.randrange(5)] = chance.choice(ODD_CELLS)
        rows = ["2019-01-01,1,3,0.5,2,100", f"{day},{','.join(cells)}"]
        contents.append(HEADER + "\n".join(chance.sample(rows, len(rows))) + "\n")

    def outcome(content: str) -> str:
        try:
            bars = parse(content)
        except DataError as error:
            return str(error)
        return f"{bars.digest()} {bars.time.tolist()}"

    fast = [outcome(content) for content in contents]
    monkeypatch.setattr("backfleet.sources.csv._fast", lambda *_: None)
    assert fast == [outcome(content) for content in contents]
    assert len(set(fast)) > 50


LONG_FORMATS = (None, "%d.%m.%Y %H:%M", "%-d.%-m.%Y %-H:%M")


@pytest.mark.parametrize("date_format", LONG_FORMATS)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_long_file_is_read_as_a_short_one(
    monkeypatch: pytest.MonkeyPatch, date_format: str | None, end: str
) -> None:
    """Not by compiled code, which another test may have loaded."""
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    first = datetime(2019, 1, 2, 3, 4)
    lines = [HEADER.strip()]
    for row in range(30_000):
        time = first + row * timedelta(minutes=1)
        text = time.strftime(date_format) if date_format else f"{time:%Y-%m-%d %H:%M}"
        lines.append(f"{text},1.25,{3 + row % 7}.5,0.125,{row % 3 + 0.2:.6f},{row or ''}")
    content = end.join(lines).encode()
    options = {"date_format": date_format.replace("-", "")} if date_format else {}
    monkeypatch.setattr("backfleet.sources.long_file.LONG_BYTES", 0)
    bars = parse(content, **options)
    monkeypatch.setattr("backfleet.sources.long_file.LONG_BYTES", len(content) + 1)
    assert parse(content, **options).digest() == bars.digest()
    monkeypatch.setattr("backfleet.sources.csv._fast", lambda *_: None)
    assert parse(content, **options).digest() == bars.digest()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("2019-01-12 13:03,1,3,x,2,1", "row 15001: low is 'x', not a number"),
        ("2019-03-01,1,3,1,2", "row 15001: 5 values for 6 columns"),
        ("nonsense,1,3,1,2,1", "row 15001: date is 'nonsense', not an ISO 8601 date or time"),
    ],
)
def test_a_fault_in_a_long_file_is_named_with_its_row(
    monkeypatch: pytest.MonkeyPatch, value: str, message: str
) -> None:
    monkeypatch.setattr("backfleet.sources.long_file.LONG_BYTES", 0)
    first = datetime(2019, 1, 2, 3, 4)
    lines = [
        f"{first + row * timedelta(minutes=1)},1.25,3.5,0.125,2.5,1000" for row in range(30_000)
    ]
    lines[14_999] = value
    with pytest.raises(DataError, match=message):
        parse(HEADER + "\n".join(lines))
