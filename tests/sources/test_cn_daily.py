"""The source `cn-daily`, against pandas on the stocks that come along."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backfleet.bars import BarsWindow
from backfleet.errors import DataError
from backfleet.source import Source
from backfleet.sources.cn_daily import CnDailySource

Make = Callable[..., Source]
SYMBOLS = ("600519", "600559", "600560")
HEADER = (
    "ticker,secid,tradedate,openprice,highestprice,lowestprice,closeprice,"
    "turnovervol,turnovervalue,accumadjfactor,isopen\n"
)


@pytest.mark.parametrize("end", [None, date(2020, 6, 30), date(2019, 1, 2)])
@pytest.mark.parametrize("symbol", SYMBOLS)
def test_adjusted_prices_are_those_of_pandas_to_the_bit(
    source: Make, samples: Path, symbol: str, end: date | None
) -> None:
    stocks = source(CnDailySource, samples, "Asia/Shanghai", ("turnovervalue",))
    bars = stocks.parse(symbol, stocks.read(symbol)).window(BarsWindow(end=end))

    # Not every version of pandas rounds floats correctly by itself.
    numbers = ["openprice", "highestprice", "lowestprice", "closeprice", "turnovervol",
               "turnovervalue", "accumadjfactor"]  # fmt: skip
    frame = pd.read_csv(samples / f"{symbol}.csv", converters=dict.fromkeys(numbers, float))
    frame = frame[frame["tradedate"] <= str(end)] if end else frame
    factor = frame["accumadjfactor"]
    for name, column in (("open", "openprice"), ("high", "highestprice"),
                         ("low", "lowestprice"), ("close", "closeprice")):  # fmt: skip
        expected = (frame[column] * factor / factor.iloc[-1]).to_numpy()
        assert np.array_equal(getattr(bars, name), expected)
        assert np.array_equal(getattr(bars.raw, name), frame[column].to_numpy())
    assert np.array_equal(bars.volume, frame["turnovervol"].to_numpy())
    assert np.array_equal(bars.extra["turnovervalue"], frame["turnovervalue"].to_numpy())
    assert [str(session) for session in bars.session] == frame["tradedate"].tolist()
    local = pd.to_datetime(frame["tradedate"]).dt.tz_localize("Asia/Shanghai")
    assert bars.time.tolist() == [moment.value for moment in local]


def test_the_samples_are_all_there_is(source: Make, samples: Path) -> None:
    stocks = source(CnDailySource, samples, "Asia/Shanghai")
    assert list(stocks.symbols()) == list(SYMBOLS)
    assert [len(stocks.parse(symbol, stocks.read(symbol))) for symbol in SYMBOLS] == [608] * 3


def test_tickers_without_their_zeros_are_understood(source: Make) -> None:
    row = "1,000001.SZ,2019-01-02,9,10,8,9.5,1000,9500,2.0,true\n"
    bars = source(CnDailySource, "dir").parse("000001", (HEADER + row).encode())
    assert bars.symbol == "000001"


def test_another_ticker_in_the_file_is_refused(source: Make) -> None:
    row = "600519,600519.SH,2019-01-02,9,10,8,9.5,1000,9500,2.0,true\n"
    with pytest.raises(DataError, match=r"dir/600559\.csv: row 2: ticker is '600519', not 600559"):
        source(CnDailySource, "dir").parse("600559", (HEADER + row).encode())


def test_suspended_rows_stay_and_are_not_tradable(source: Make) -> None:
    rows = (
        "600519,x,2019-01-02,9,10,8,9.5,1000,9500,2.0,true\n"
        "600519,x,2019-01-03,0,0,0,0,0,0,0,false\n"
        "600519,x,2019-01-04,9,10,8,9,1000,9500,4.0,true\n"
    )
    bars = source(CnDailySource, "dir").parse("600519", (HEADER + rows).encode())
    assert bars.tradable.tolist() == [True, False, True]
    assert bars.raw.close.tolist() == [9.5, 9.5, 9]
    assert bars.window(BarsWindow()).close.tolist() == [9.5 * 2 / 4, 9.5 * 2 / 4, 9]


def test_before_the_first_trade_a_suspension_has_its_own_close(source: Make) -> None:
    rows = (
        "600519,x,2019-01-02,0,0,0,0,0,0,2.0,false\n"
        "600519,x,2019-01-03,0,0,0,8,0,0,2.0,false\n"
        "600519,x,2019-01-04,9,10,8,9,1000,9500,2.0,true\n"
    )
    bars = source(CnDailySource, "dir").parse("600519", (HEADER + rows).encode())
    assert bars.raw.open.tolist() == [8, 9]
    assert str(bars.session[0]) == "2019-01-03"


@pytest.mark.parametrize("symbol", ["60051", "AAPL", "600519.SH"])
def test_symbols_are_six_digits(source: Make, samples: Path, symbol: str) -> None:
    with pytest.raises(DataError, match=f"symbol '{symbol}': .*six digits"):
        source(CnDailySource, samples).fingerprint(symbol)


def test_a_file_beside_them_that_is_no_stock_is_named(source: Make, data: Path) -> None:
    (data / "600519.csv").write_text(HEADER)
    (data / "index.csv").write_text(HEADER)
    stocks = source(CnDailySource, data)
    with pytest.raises(DataError, match=r"symbol 'index': .*six digits"):
        stocks.symbols()
    with pytest.raises(DataError, match=r"there is no .*600518\.csv; did you mean '600519'"):
        stocks.read("600518")


def test_files_of_another_vendor_are_refused(source: Make) -> None:
    with pytest.raises(DataError, match=r"row 1: there is no column 'tradedate'"):
        source(CnDailySource, "dir").parse("600519", b"date,open,high,low,close\n")


def test_reading_and_preparing_leave_pandas_out(samples: Path, tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from backfleet.bars import BarsWindow\n"
        "from backfleet.source import SourceSettings\n"
        "from backfleet.sources.cn_daily import CnDailySource\n"
        "from backfleet.sources.parquet import ParquetSource\n"
        "from backfleet.sources.bar_cache import BarCache\n"
        "settings = SourceSettings(sys.argv[1], 'Asia/Shanghai', ('turnovervalue',), {})\n"
        "with BarCache('code', Path(sys.argv[2])) as bar_cache:\n"
        "    for _ in range(2):\n"
        "        source = CnDailySource(settings)\n"
        "        for symbol in source.symbols():\n"
        "            bar_cache.digest(source, symbol, BarsWindow())\n"
        "assert not {'pandas', 'backtrader', 'boto3'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(samples), str(tmp_path)], check=True)
