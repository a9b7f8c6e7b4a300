"""Prices that an adjusted close, or splits and dividends of a CSV file, adjust."""

from __future__ import annotations

from typing import Any

import pytest

from backfleet.bars import BarsWindow
from backfleet.errors import DataError, JobError
from sources.csv_texts import HEADER, day_rows, parse


def adjusted(rows: str, **options: str) -> list[float]:
    """The adjusted closes of files with these rows."""
    bars = parse(rows, **options)
    return [round(value, 10) for value in bars.window(BarsWindow()).close.tolist()]


YAHOO = "Date,Open,High,Low,Close,Adj Close,Volume\n"
EVENTS = "date,open,high,low,close,dividends,splits\n"


def test_an_adjusted_close_adjusts_all_four_prices() -> None:
    rows = YAHOO + "2020-01-02,9,12,8,10,5,1\n2020-01-03,11,12,8,10,10,1\n"
    bars = parse(rows, adjusted="Adj Close").window(BarsWindow())
    assert bars.factor.tolist() == [0.5, 1.0]
    assert (bars.open.tolist(), bars.high.tolist()) == ([4.5, 11.0], [6.0, 12.0])
    assert bars.raw.close.tolist() == [10.0, 10.0]
    assert bars.adjustment == "adjusted by 'Adj Close' / close"


def test_without_a_rule_prices_stay_and_an_adjusted_close_is_mentioned() -> None:
    rows = YAHOO + "2020-01-02,9,12,8,10,5,1\n"
    assert parse(rows).adjustment == "as in the file; 'Adj Close' is not used"
    assert parse(day_rows("2020-01-02")).adjustment == "as in the file"
    words = "already adjusted in the file"
    assert parse(rows, adjusted="already-adjusted").adjustment == words


@pytest.mark.parametrize(
    ("rows", "options", "expected"),
    [
        (["10,0,0", "5,0,2", "6,0,0"], {"splits": "splits"}, [5, 5, 6]),
        (["10,0,1", "5,0,2", "6,0,1"], {"splits": "splits"}, [5, 5, 6]),
        (["10,,", "9,1,", "9,0,"], {"dividends": "dividends"}, [9, 9, 9]),
        (["10,5,9", "10,0,0"], {"dividends": "dividends", "splits": "splits"}, [10, 10]),
        (["10,0,0", "4.5,1,2"], {"dividends": "dividends", "splits": "splits"}, [4.5, 4.5]),
    ],
)
def test_splits_and_dividends_adjust_what_lies_before_them(
    rows: list[str], options: dict[str, str], expected: list[float]
) -> None:
    content = EVENTS
    for day, row in enumerate(rows, 1):
        close = row.partition(",")[0]
        content += f"2020-01-{day:02},{close},{close},{close},{row}\n"
    assert adjusted(content, **options) == expected


@pytest.mark.parametrize(
    ("row", "options", "message"),
    [
        ("10,-1,0", {"dividends": "dividends"}, "row 3: dividends is '-1', a negative dividend"),
        ("10,10,0", {"dividends": "dividends"}, "row 3: dividends is '10', not below the close"),
        ("10,0,-2", {"splits": "splits"}, "row 3: splits is '-2', not a positive number"),
    ],
)
def test_impossible_events_are_refused(row: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        parse(EVENTS + f"2020-01-01,10,10,10,10,0,0\n2020-01-02,10,10,10,{row}\n", **options)


def test_an_adjusted_close_must_be_positive() -> None:
    with pytest.raises(DataError, match="row 2: Adj Close is '0', not a positive number"):
        parse(YAHOO + "2020-01-02,9,12,8,10,0,1\n", adjusted="Adj Close")


@pytest.mark.parametrize(
    "options",
    [
        {"factor": "f", "adjusted": "a"},
        {"adjusted": "a", "splits": "s"},
        {"factor": "f", "dividends": "d"},
    ],
)
def test_two_adjustments_are_refused(options: dict[str, str]) -> None:
    with pytest.raises(JobError, match="two adjustments; give one"):
        parse(day_rows("2020-01-02"), **options)


def test_an_adjusted_close_beside_raw_prices_is_refused() -> None:
    rows = "".join(f"2020-01-{day:02},10,11,9,7,1\n" for day in range(1, 7))
    with pytest.raises(
        DataError, match=r"row 2: .* in 6 of 6 rows, so adjusted and raw prices are"
    ):
        parse(HEADER + rows)
