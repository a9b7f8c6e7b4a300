"""Rules of adjustment: the factor of each row from what a vendor gives."""

from __future__ import annotations

from typing import Any

import pytest

from backfleet.errors import DataError
from sources.importing.conftest import Files, Import
from sources.importing.layouts import BARS, DAYS, table

PAIRS = list(zip(DAYS, BARS, strict=True))
CUT = 12
CODE = "600000.SH"
BAOSTOCK = (
    "date,code,open,high,low,close,preclose,volume,amount,adjustflag,turn,tradestatus,pctChg,isST"
)
TUSHARE = "ts_code,trade_date,open,high,low,close,pre_close,change,pct_chg,vol,amount"


def raw() -> list[tuple[float, ...]]:
    """Bars with a split of 2 for 1 at the cut: the prices before are twice as high."""
    return [(*(p * 2 for p in b[:4]), b[4]) if i < CUT else b for i, (_, b) in enumerate(PAIRS)]


def precloses() -> list[float]:
    closes = [b[3] for b in raw()]
    before = [closes[0], *closes[:-1]]
    return [p / 2 if i == CUT else p for i, p in enumerate(before)]


def baostock(flag: int) -> str:
    rows = [
        [d, "sh.600000", *b[:4], p, b[4], 1, flag, 0.5, 1, 0.1, 0]
        for d, b, p in zip(DAYS, raw(), precloses(), strict=True)
    ]
    return table(rows, BAOSTOCK)


def tushare(previous: list[float]) -> str:
    rows = [
        [CODE, f"{d:%Y%m%d}", *b[:4], p, 0, 0, b[4] / 100, b[4] * b[3] / 1000]
        for d, b, p in zip(DAYS, raw(), previous, strict=True)
    ]
    return table(reversed(rows), TUSHARE)


def adj_factor(days: slice = slice(None), doubled: float = 1.0) -> str:
    rows = [[CODE, f"{d:%Y%m%d}", 3.0 * doubled if i < CUT else 6.0] for i, d in enumerate(DAYS)]
    return table(reversed(rows[days]), "ts_code,trade_date,adj_factor")


def events(header: str) -> str:
    rows = [
        [d, *b, 0.0, 2.0 if i == CUT else 1.0]
        for i, (d, b) in enumerate(zip(DAYS, raw(), strict=True))
    ]
    return table(rows, f"date,open,high,low,close,volume,{header}")


def with_column(name: str, values: list[float]) -> str:
    rows = [[d, *b, v] for d, b, v in zip(DAYS, raw(), values, strict=True)]
    return table(rows, f"date,open,high,low,close,volume,{name}")


ADJUSTED = [b[3] for b in BARS]
CUMULATIVE = [1.0 if i < CUT else 2.0 for i in range(len(DAYS))]

HALVED: dict[str, tuple[Files, dict[str, Any]]] = {
    "adjusted close": ({"A.csv": with_column("Adj Close", ADJUSTED)}, {}),
    "factor": ({"A.csv": with_column("factor", CUMULATIVE)}, {"adjust": "factor"}),
    "previous close": ({"sh.600000.csv": baostock(3)}, {}),
    "previous close, stated": (
        {"A.csv": with_column("preclose", precloses())}, {"adjust": "preclose"}),
    "dividends and splits": ({"A.csv": events("dividend,split")}, {}),
    "a table of factors": ({"daily.csv": tushare(precloses()), "adj.csv": adj_factor()}, {}),
    "a table of factors for each day": ({"daily.csv": tushare(precloses())} | {
        f"adj/{day}.csv": adj_factor(slice(i, i + 1)) for i, day in enumerate(DAYS)}, {}),
}  # fmt: skip


@pytest.mark.parametrize("name", HALVED)
def test_rule_halves_the_prices_before_a_split(importing: Import, name: str) -> None:
    files, choices = HALVED[name]
    outcome = importing(files, **choices)
    assert sum(fact.startswith("adjustment: ") for fact in outcome.record.facts) == 1
    bars = importing.bars(outcome)
    ratio = bars.factor / bars.factor[-1]
    assert list(ratio.round(12)) == [0.5 if i < CUT else 1.0 for i in range(len(DAYS))]
    assert list(bars.raw.close) == [b[3] for b in raw()]


def test_two_factors_of_one_day_are_refused(importing: Import) -> None:
    tables = {"a.csv": adj_factor(), "b.csv": adj_factor(slice(3, 5), doubled=2.0)}
    with pytest.raises(
        DataError, match=r"b\.csv: row 3: the factor of 600000\.SH on 2021-05-20 is"
    ):
        importing({"daily.csv": tushare(precloses()), **tables})


def test_divided_prices_become_raw_and_volume_too(importing: Import) -> None:
    factor = [0.5 if i < CUT else 1.0 for i in range(len(DAYS))]
    rows = [
        ["SH600000", d, *(p * f for p in b[:4]), b[4] / f, f, 0]
        for d, b, f in zip(DAYS, raw(), factor, strict=True)
    ]
    text = table(rows, "symbol,date,open,high,low,close,volume,factor,change")
    bars = importing.bars(importing({"SH600000.csv": text}))
    assert list(bars.raw.close.round(9)) == [round(b[3], 9) for b in raw()]
    assert list(bars.volume.round(6)) == [float(b[4]) for b in raw()]
    assert list(bars.factor) == factor


@pytest.mark.parametrize("flag", [1, 2])
def test_prices_that_are_adjusted_already_have_a_factor_of_one(
    importing: Import, flag: int
) -> None:
    outcome = importing({"sh.600000.csv": baostock(flag)})
    assert set(importing.bars(outcome).factor) == {1.0}
    assert set(outcome.record.adjustment.values()) == {"already-adjusted"}


def test_adjusted_prices_beside_raw_previous_closes_are_refused(importing: Import) -> None:
    doubled = [p * 1.5 for p in precloses()]
    with pytest.raises(DataError, match=r"prices are adjusted, and it is not\. State --adjust"):
        importing({"daily.csv": tushare(doubled)})


def test_suspensions_are_not_traded_and_keep_the_last_close(importing: Import) -> None:
    rows = [
        [d, b[0], b[3], b[1], b[2], b[4], b[4] * b[3], float(i in (4, 5))]
        for i, (d, b) in enumerate(PAIRS)
    ]
    text = table(rows, ",open,close,high,low,volume,money,paused")
    bars = importing.bars(importing({"600000.XSHG.csv": text}))
    assert [i for i, traded in enumerate(bars.tradable) if not traded] == [4, 5]
    assert list(bars.raw.open[4:6]) == [BARS[3][3]] * 2
    assert list(bars.volume[4:6]) == [0.0, 0.0]
