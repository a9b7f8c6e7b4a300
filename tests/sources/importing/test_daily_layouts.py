"""Daily files in the layouts of vendors give the bars that they were written from."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from pyarrow import feather
from pyarrow import parquet as pq

from sources.importing.conftest import Files, Import
from sources.importing.layouts import BARS, DAYS, EXPECTED, epoch, table

PAIRS = list(zip(DAYS, BARS, strict=True))
OHLCV = "Date,Open,High,Low,Close,Volume"
NEW_YORK = ZoneInfo("America/New_York")


def zipped(**members: str) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name, text in members.items():
            archive.writestr(name.replace("__", "."), text)
    return sink.getvalue()


def stacked(fields_first: bool) -> str:
    order = {"Close": 3, "High": 1, "Low": 2, "Open": 0, "Volume": 4}
    fields = ["Price", *order]
    symbols = ["Ticker", *["MSFT"] * 5]
    top = [fields, symbols] if fields_first else [symbols, fields]
    rows = [[day, *(bar[i] for i in order.values())] for day, bar in PAIRS]
    return table([*top, ["Date", *[""] * 5], *rows])


def kline(moment: int, bar: tuple[float, ...], unit: int) -> list[object]:
    end = (moment + 86_400) * unit - 1
    return [moment * unit, *bar, end, round(bar[3] * bar[4], 4), 9, 5, 1.0, 0]


KLINES = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,"
    "taker_buy_quote_volume,ignore"
)
US = "%m/%d/%Y"
COLUMNS = {
    name: pa.array([float(bar[i]) for bar in BARS])
    for i, name in enumerate(("open", "high", "low", "close", "volume"))
}
HALF = len(PAIRS) // 2

LAYOUTS: dict[str, tuple[Files, str, str | None]] = {
    "plain": ({"ABC.csv": table([[d, *b] for d, b in PAIRS], OHLCV)}, "ABC", None),
    "yahoo": (
        {"ABC.csv": table(
            [[d, *b[:4], b[3], b[4]] for d, b in PAIRS],
            "Date,Open,High,Low,Close,Adj Close,Volume",
        )},
        "ABC", "yahoo",
    ),
    "yfinance history": (
        {"7203.T.csv": table(
            [[f"{d} 00:00:00+09:00", *b, 0.0, 0.0] for d, b in PAIRS],
            OHLCV + ",Dividends,Stock Splits",
        )},
        "7203.T", "yfinance",
    ),
    "yfinance download, price above ticker": ({"x.csv": stacked(True)}, "MSFT", None),
    "yfinance download, ticker above price": ({"x.csv": stacked(False)}, "MSFT", None),
    "stooq": (
        {"d/us/abc.us.txt": table(
            [["ABC.US", "D", f"{d:%Y%m%d}", "000000", *b, 0] for d, b in PAIRS],
            "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>",
            end="\r\n",
        )},
        "ABC.US", "stooq",
    ),
    "alpha vantage": (
        {"daily_adjusted_ABC.csv": table(
            [[d, *b[:4], b[3], b[4], "0.0000", "1.0"] for d, b in reversed(PAIRS)],
            "timestamp,open,high,low,close,adjusted_close,volume,dividend_amount,split_coefficient",
        )},
        "ABC", "alpha-vantage",
    ),
    "alpha vantage JSON": (
        {"ABC.json": json.dumps({
            "Meta Data": {"2. Symbol": "ABC"},
            "Time Series (Daily)": {
                str(d): {"1. open": str(b[0]), "2. high": str(b[1]), "3. low": str(b[2]),
                         "4. close": str(b[3]), "5. volume": str(b[4])}
                for d, b in reversed(PAIRS)
            },
        })},
        "ABC", None,
    ),
    "nasdaq": (
        {"HistoricalData_1.csv": table(
            [[d.strftime(US), f"${b[3]}", b[4], *(f"${p}" for p in b[:3])] for d, b in PAIRS],
            "Date,Close/Last,Volume,Open,High,Low",
        )},
        "QQQ", "nasdaq",
    ),
    "investing": (
        {"ABC Historical Data.csv": "\ufeff" + table(
            [[f'"{cell}"' for cell in (d.strftime(US), b[3], *b[:3], f"{b[4] / 1000:.2f}K", "1%")]
             for d, b in reversed(PAIRS)],
            '"Date","Price","Open","High","Low","Vol.","Change %"',
        )},
        "ABC", "investing",
    ),
    "investing, German": (
        {"ABC.csv": table(
            [[f'"{cell}"' for cell in (
                d.strftime("%d.%m.%Y"), *(str(p).replace(".", ",") for p in (b[3], *b[:3])),
                f"{b[4] / 1000:.2f}K".replace(".", ","), "0,1%")] for d, b in reversed(PAIRS)],
            '"Datum","Zuletzt","Eröffn.","Hoch","Tief","Vol.","+/- %"',
        )},
        "ABC", "investing",
    ),
    "quandl": (
        {"WIKI.csv": table(
            [["ABC", d, *b, 0.0, 1.0, *b] for d, b in PAIRS],
            "ticker,date,open,high,low,close,volume,ex-dividend,split_ratio,adj_open,adj_high,"
            "adj_low,adj_close,adj_volume",
        )},
        "ABC", "quandl",
    ),
    "kaggle": (
        {"abc.us.txt": table([[d, *b, 0] for d, b in PAIRS], OHLCV + ",OpenInt")},
        "abc.us", "kaggle",
    ),
    "polygon": (
        {f"{d}.csv.gz": gzip.compress(table(
            [["ABC", b[4], b[0], b[3], b[1], b[2],
              epoch(datetime(d.year, d.month, d.day, tzinfo=NEW_YORK), 10**9), 7]],
            "ticker,volume,open,close,high,low,window_start,transactions",
        ).encode()) for d, b in PAIRS},
        "ABC", "polygon",
    ),
    "databento": (
        {"x.ohlcv-1d.csv": table(
            [[epoch(d, 10**9), 35, 1, 7, *(round(p * 1e9) for p in b[:4]), b[4], "ESH4"]
             for d, b in PAIRS],
            "ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume,symbol",
        )},
        "ESH4", "databento",
    ),
    "binance": (
        {"BTCUSDT-1d.csv": table(
            [kline(epoch(d), b, 1000 if i < 9 else 1_000_000) for i, (d, b) in enumerate(PAIRS)]
        )},
        "BTCUSDT", "binance",
    ),
    "binance zips, the second with a header": (
        {
            "BTCUSDT-1d-2021-05.zip": zipped(**{"BTCUSDT-1d-2021-05__csv": table(
                [kline(epoch(d), b, 1000) for d, b in PAIRS if d.month == 5])}),
            "BTCUSDT-1d-2021-06.zip": zipped(**{"BTCUSDT-1d-2021-06__csv": table(
                [kline(epoch(d), b, 1000) for d, b in PAIRS if d.month == 6], KLINES)}),
        },
        "BTCUSDT", "binance",
    ),
    "freqtrade JSON": (
        {"BTC_USDT-1d.json": json.dumps([[epoch(d, 1000), *b] for d, b in PAIRS])},
        "BTC_USDT", "freqtrade",
    ),
    "freqtrade feather": (
        {"BTC_USDT-1d.feather": b"feather"}, "BTC_USDT", "freqtrade",
    ),
    "cryptodatadownload": (
        {"Bitstamp_BTCUSD_d.csv": "https://www.CryptoDataDownload.com\n" + table(
            [[epoch(d), f"{d} 00:00:00", "BTC/USD", *b, 5.5] for d, b in reversed(PAIRS)],
            "unix,date,symbol,open,high,low,close,Volume BTC,Volume USD",
        )},
        "BTCUSD", "cryptodatadownload",
    ),
    "mt5": (
        {"EURUSD_Daily_202105170000_202106250000.csv": table(
            [[d.strftime("%Y.%m.%d"), *b, 0, 9] for d, b in PAIRS],
            "<DATE>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>", "\t",
        )},
        "EURUSD", "mt5",
    ),
    "akshare in GBK": (
        {"600000.csv": table(
            [[d, "600000", b[0], b[3], b[1], b[2], b[4] // 100, round(b[4] * b[3], 2), 1, 1, 1, 1]
             for d, b in PAIRS],
            "日期,股票代码,开盘,收盘,最高,最低,成交量,成交额,振幅,涨跌幅,涨跌额,换手率",
        ).encode("gbk")},
        "600000", "akshare",
    ),
    "tushare": (
        {"daily.csv": table(
            [[i, "600000.SH", f"{d:%Y%m%d}", *b[:4], BARS[max(29 - i, 1) - 1][3], 0, 0,
              b[4] / 100, round(b[4] * b[3] / 1000, 3)]
             for i, (d, b) in enumerate(reversed(PAIRS))],
            ",ts_code,trade_date,open,high,low,close,pre_close,change,pct_chg,vol,amount",
        )},
        "600000.SH", "tushare",
    ),
    "tdx in GBK": (
        {"SH#600000.txt": ("600000 浦发银行 日线 不复权\r\n" + table(
            [[d.strftime("%Y/%m/%d"), *b, 9.5] for d, b in PAIRS],
            "   日期\t   开盘\t   最高\t   最低\t   收盘\t   成交量\t   成交额", "\t", "\r\n",
        ) + "数据来源:通达信\r\n").encode("gbk")},
        "600000", "tdx",
    ),
    "ths in GBK": (
        {"600000.xls": table(
            [[f"{d},{'一二三四五六日'[d.weekday()]}", *b[:4], "1%", "2%", b[4] // 100,
              "1.5亿", 0.6, "--"] for d, b in PAIRS],
            "时间\t开盘\t最高\t最低\t收盘\t涨幅\t振幅\t总手\t金额\t换手%\t成交次数", "\t",
        ).encode("gbk")},
        "600000", "ths",
    ),
    "joinquant": (
        {"600000.XSHG.csv": table(
            [[d, b[0], b[3], b[1], b[2], b[4], b[4] * b[3]] for d, b in PAIRS],
            ",open,close,high,low,volume,money",
        )},
        "600000.XSHG", "joinquant",
    ),
    "ricequant": (
        {"x.csv": table(
            [["600000.XSHG", d, b[0], b[3], b[1], b[2], b[4], b[4] * b[3]] for d, b in PAIRS],
            "order_book_id,date,open,close,high,low,volume,total_turnover",
        )},
        "600000.XSHG", "ricequant",
    ),
    "zipline csvdir": (
        {"daily/ABC.csv": table([[d, *b, 0.0, 1.0] for d, b in PAIRS],
                                "date,open,high,low,close,volume,dividend,split")},
        "ABC", "zipline",
    ),
    "lean": (
        {"equity/usa/daily/abc.zip": zipped(abc__csv=table(
            [[f"{d:%Y%m%d} 00:00", *(round(p * 10_000) for p in b[:4]), b[4]] for d, b in PAIRS]))},
        "abc", "lean",
    ),
    "backtrader": (
        {"abc.txt": table([[d, *b, 0] for d, b in PAIRS], OHLCV + ",OpenInterest", end="\r\n")},
        "abc", "backtrader",
    ),
    "long": (
        {"all.csv": table([[d, s, *b] for d, b in PAIRS for s in ("ABC", "^GSPC")],
                          "date,symbol,open,high,low,close,volume")},
        "^GSPC", "long",
    ),
    "blocks of columns": (
        {"all.csv": table([[d, *b, *b] for d, b in PAIRS], "date," + ",".join(
            f"{s}_{f}" for s in ("ABC", "BRK.B") for f in ("Open", "High", "Low", "Close", "Volume")
        ))},
        "BRK.B", None,
    ),
    "hive": (
        {f"symbol=ABC/half={h}/part-0.parquet": b"hive" for h in (1, 2)}, "ABC", None,
    ),
    "parts by year": (
        {"ABC_2021-05.csv": table([[d, *b] for d, b in PAIRS if d.month == 5], OHLCV),
         "ABC_2021-06.csv": table([[d, *b] for d, b in PAIRS if d.month == 6], OHLCV)},
        "ABC", None,
    ),
    "UTF-16": (
        {"ABC.csv": table([[d, *b] for d, b in PAIRS], OHLCV).encode("utf-16")}, "ABC", None,
    ),
    "semicolons and decimal commas": (
        {"ABC.csv": table(
            [[d.strftime("%d.%m.%Y"), *(str(p).replace(".", ",") for p in b)] for d, b in PAIRS],
            OHLCV.replace(",", ";"), ";",
        )},
        "ABC", None,
    ),
    "investing, German, in cp1252": (
        {"ABC.csv": table(
            [[f'"{cell}"' for cell in (
                d.strftime("%d.%m.%Y"), *(str(p).replace(".", ",") for p in (b[3], *b[:3])),
                f"{b[4] / 1000:.2f}K".replace(".", ","), "0,1%")] for d, b in reversed(PAIRS)],
            '"Datum","Zuletzt","Eröffn.","Hoch","Tief","Vol.","+/- %"',
        ).encode("cp1252")},
        "ABC", "investing",
    ),
    "days of a spreadsheet": (
        {"ABC.csv": table([[(d - date(1899, 12, 30)).days, *b] for d, b in PAIRS], OHLCV)},
        "ABC", None,
    ),
    "JSON of pandas": (
        {"ABC.json": json.dumps({
            name: {str(epoch(d, 1000)): b[i] for d, b in PAIRS}
            for i, name in enumerate(("Open", "High", "Low", "Close", "Volume"))
        })},
        "ABC", None,
    ),
}  # fmt: skip


def content(name: str, files: Files) -> Files:
    """Return files with the binary ones filled in."""
    whole = pa.table({"date": pa.array([epoch(d, 10**9) for d in DAYS], pa.timestamp("ns", "UTC")),
                      **COLUMNS})  # fmt: skip
    if name == "freqtrade feather":
        sink = io.BytesIO()
        feather.write_feather(whole, sink, compression="uncompressed")
        return dict.fromkeys(files, sink.getvalue())
    if name == "hive":
        days = pa.table({"date": pa.array(DAYS, pa.date32()), **COLUMNS})
        halves = []
        for part in (days.slice(0, HALF), days.slice(HALF)):
            buffer = pa.BufferOutputStream()
            pq.write_table(part, buffer)
            halves.append(buffer.getvalue().to_pybytes())
        return dict(zip(files, halves, strict=True))
    return files


@pytest.mark.parametrize("name", LAYOUTS)
def test_layout_gives_the_bars_it_was_written_from(importing: Import, name: str) -> None:
    files, symbol, preset = LAYOUTS[name]
    stated = {"nasdaq": {"symbol": symbol}, "days of a spreadsheet": {"date_format": "excel"}}
    outcome = importing(content(name, files), **stated.get(name, {}))
    assert outcome.record.presets == ((preset,) if preset else ())
    assert importing.rows(outcome, symbol) == EXPECTED
    assert set(outcome.record.lengths.values()) == {"1d"}
    assert importing.agreed == []
    has_blocks = "layout: one table with columns for each symbol" in outcome.record.facts
    assert has_blocks or "yfinance download" not in name


def test_wide_file_of_closes_needs_consent_and_has_no_volume(importing: Import) -> None:
    files = {"closes.csv": table([[d, b[3], b[3] * 2] for d, b in PAIRS], "date,ABC,中国 银行")}
    outcome = importing(files)
    assert [sentence.split(":")[0] for sentence in importing.agreed] == [
        "each column is the closes of one symbol"
    ]
    closes = [(str(d), *[b[3] * 2] * 4, None) for d, b in PAIRS]
    assert importing.rows(outcome, "中国 银行") == closes
