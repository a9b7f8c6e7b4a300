"""CSV files read by the column against files read by backtrader line by line."""

from __future__ import annotations

import datetime
import io
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import IO, Any

import pytest

from backfleet.engines.bt import bt
from backfleet.engines.fast import csv_feed
from backfleet.engines.fast.column_feeds import read_by_the_column
from engines.fast.random_csv import CsvCase, random_case
from exhaustive_cases import cases

CASES_PER_BLOCK = 200
MIN_FILLED = 0.3
"""At least this part of the files must be read by the column, or nothing is tested."""


def seen(feed: bt.DataBase, cerebro: bt.Cerebro) -> tuple[Any, ...]:
    """All that a script can see of a feed that was read, or of the error that it ended with."""
    feed.setenvironment(cerebro)
    try:
        feed._start()
        feed.preload()
    except Exception as error:
        file = feed.f
        where = None if file is None or file.closed else _position(file)
        if file is not None:
            file.close()
        return type(error), str(error), where, feed.lines.datetime.array.tobytes()
    lines = {name: getattr(feed.lines, name).array for name in feed.getlinealiases()}
    bits = {name: (values.typecode, values.tobytes()) for name, values in lines.items()}
    places = [(line.idx, line.lencount, line.extension) for line in feed.lines]
    return bits, places, len(feed), feed.f, feed.buflen()


def _position(file: IO[str]) -> int | None:
    try:
        return int(file.tell())
    except OSError:
        return None


def read_both_ways(case: CsvCase, folder: Path) -> tuple[Any, Any, bool]:
    """Return what backtrader gives, what the columns give, and whether columns were used."""
    cerebro = bt.Cerebro()
    expected = seen(case.feed(folder / "data.csv"), cerebro)
    filled: list[bool] = []
    fill = csv_feed.fill
    feed = case.feed(folder / "data.csv")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            csv_feed, "fill", lambda feed, **how: filled.append(fill(feed, **how)) or filled[-1]
        )
        with read_by_the_column([feed]):
            actual = seen(feed, cerebro)
    return expected, actual, any(filled)


@pytest.mark.parametrize("block", cases(0, 1, exhaustive=range(2, 250)))
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_random_files_give_the_bits_and_errors_of_backtrader(block: int, tmp_path: Path) -> None:
    used = 0
    for number in range(CASES_PER_BLOCK):
        seed = block * CASES_PER_BLOCK + number
        case = random_case(Random(seed))
        expected, actual, filled = read_both_ways(case, tmp_path)
        assert actual == expected, f"seed {seed}: {case}"
        used += filled
    assert used >= MIN_FILLED * CASES_PER_BLOCK


GENERIC = {"dtformat": "%Y-%m-%d", "openinterest": -1}
ROW = "2020-01-02,1,2,0.5,1.5,7"
TRAPS: dict[str, tuple[Any, dict[str, Any], str, bool]] = {
    "a row at 15:00 moves to the end of its day": (
        bt.feeds.GenericCSVData,
        {"openinterest": -1},
        "h\n2020-01-02 15:00:00,1,2,0.5,1.5,7\n2020-01-02 16:00:00,1,2,0.5,1.5,7\n",
        True,
    ),
    "todate as a datetime leaves out the day's own bar": (
        bt.feeds.GenericCSVData,
        {**GENERIC, "todate": datetime.datetime(2020, 1, 2)},
        f"h\n2020-01-01,1,1,1,1,1\n{ROW}\n",
        True,
    ),
    "todate as a date includes it": (
        bt.feeds.GenericCSVData,
        {**GENERIC, "todate": datetime.date(2020, 1, 2)},
        f"h\n{ROW}\n2020-01-03,1,1,1,1,1\n",
        True,
    ),
    "a descending file ends at once": (
        bt.feeds.GenericCSVData,
        {**GENERIC, "todate": datetime.datetime(2020, 1, 4)},
        f"h\n2020-01-09,1,1,1,1,1\n{ROW}\n",
        True,
    ),
    "a bad number behind todate is never read": (
        bt.feeds.GenericCSVData,
        {**GENERIC, "todate": datetime.datetime(2020, 1, 4)},
        f"h\n{ROW}\n2020-01-09,1,1,1,1,1\n2020-01-10,x,1,1,1,1\n",
        True,
    ),
    "a bad number before fromdate raises": (
        bt.feeds.GenericCSVData,
        {**GENERIC, "fromdate": datetime.datetime(2020, 1, 9)},
        f"h\n2020-01-01,x,1,1,1,1\n{ROW}\n",
        False,
    ),
    "a number as Python writes it": (
        bt.feeds.GenericCSVData,
        GENERIC,
        "h\n2020-01-02, 1_0 ,2,0.5,1.5,7\n",
        True,
    ),
    "rows of several widths": (
        bt.feeds.GenericCSVData,
        GENERIC,
        f"h\n{ROW}\n2020-01-03,1,1,1,1,1,9\n",
        False,
    ),
    "a separator that begins at the end of a row": (
        bt.feeds.GenericCSVData,
        {**GENERIC, "separator": "aa"},
        "h\n2020-01-02aa1aa2aa0.5aa1aa7a\n",
        False,
    ),
    "a price that decimal rounding takes down": (
        bt.feeds.YahooFinanceCSVData,
        {},
        "h\n2020-01-02,2.675,2.675,2.665,2.675,2.675,100\n",
        True,
    ),
    "a close of zero": (
        bt.feeds.YahooFinanceCSVData,
        {},
        "h\n2020-01-02,1,1,1,0,1,100\n",
        False,
    ),
    "dates with any separators": (
        bt.feeds.BacktraderCSVData,
        {},
        "h\n2020/01x02,1,2,0.5,1.5,7,0\n",
        True,
    ),
    "no rows": (bt.feeds.GenericCSVData, GENERIC, "h\n", False),
}


@pytest.mark.parametrize("name", TRAPS)
def test_traps_of_csv_feeds_are_those_of_backtrader(name: str, tmp_path: Path) -> None:
    feed_class, options, text, by_column = TRAPS[name]
    case = CsvCase(feed_class, options, text, "path")
    expected, actual, filled = read_both_ways(case, tmp_path)
    assert actual == expected
    assert filled == by_column


class OwnLine(bt.feeds.GenericCSVData):  # backtrader is untyped
    def _loadline(self, linetokens: list[str]) -> Any:
        return super()._loadline([linetokens[0], "9", *linetokens[2:]])


def test_reader_of_the_script_is_left_to_backtrader(tmp_path: Path) -> None:
    case = CsvCase(OwnLine, GENERIC, f"h\n{ROW}\n", "path")
    expected, actual, filled = read_both_ways(case, tmp_path)
    assert actual == expected
    assert not filled


def test_file_that_the_script_has_read_from_is_read_from_there() -> None:
    file = io.StringIO(f"h\nskipped\n{ROW}\n")
    file.readline()
    feed = bt.feeds.GenericCSVData(dataname=file, name="x", **GENERIC)
    feed.setenvironment(bt.Cerebro())
    with read_by_the_column([feed]):
        feed._start()
        feed.preload()
    assert list(feed.lines.close.array) == [1.5]
    assert file.closed


def test_small_script_with_a_csv_feed_does_without_numpy(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text(
        "h\n" + "".join(f"2020-01-{day:02},1,2,0.5,1.{day},7\n" for day in range(1, 31))
    )
    script = """
import sys
import backtrader as bt
import backfleet
cerebro = backfleet.Cerebro()
cerebro.adddata(bt.feeds.GenericCSVData(dataname="data.csv", dtformat="%Y-%m-%d", openinterest=-1))
class Average(bt.Strategy):
    def __init__(self):
        self.average = bt.ind.SMA(period=5)
    def next(self):
        self.order_target_size(target=int(self.data.close > self.average))
cerebro.addstrategy(Average)
cerebro.run()
assert cerebro.fallback is None
print(sorted({"numpy", "pandas", "pyarrow", "numba", "pydantic"} & sys.modules.keys()))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
