"""Tables of facts of tushare and baostock become instruments, spans and actions, or are refused."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

from backfleet.errors import DataError
from backfleet.facts import Action, Facts
from backfleet.sources.facts import read_facts
from backfleet.sources.importing.fact_import import import_facts

TUSHARE = {
    # As `DataFrame.to_csv` writes it: with an index, and days as floats where some are missing.
    "basic_L": ",ts_code,name,market,list_date,delist_date\n0,600519.SH,茅台,主板,20010827,\n",
    "basic_D": ",ts_code,name,market,list_date,delist_date\n"
    "0,600001.SH,甲退,主板,19980122,20091229.0\n1,000001.SZ,乙,主板,19910403.0,20100101\n",
    "namechange": "ts_code,name,start_date,end_date\n"
    "600001.SH,甲股份,19980122,20050505\n"
    "600001.SH,ST甲,20050506,20060101\n"
    "600001.SH,*ST甲,20060102,\n"
    "600001.SH,*ST甲,20060102,20070228\n"
    "600001.SH,甲股份,20070301,20091130\n"
    "600001.SH,甲退,20091202,20091228\n",
    "new_share": "ts_code,price,issue_date\n600519.SH,31.39,20010827\n688001.SH,24.26,20190722\n",
    "dividend": "ts_code,div_proc,stk_div,stk_bo_rate,stk_co_rate,cash_div_tax,ex_date,pay_date,"
    "div_listdate\n"
    "600519.SH,实施,0.0,,,14.539,20190628,20190628,\n"
    "600519.SH,实施,0.0,,,14.539,20190628,20190628,\n"
    "600519.SH,预案,0.0,,,17.025,,,\n"
    "600001.SH,实施,0.5,0.2,0.3,0.0,20050608,,20050609\n"
    "600001.SH,实施,0.0,,,0.1,19970608,,\n",
}
BAOSTOCK = {
    "query_stock_basic": "code,code_name,ipoDate,outDate,type,status\n"
    "sh.600000,浦发银行,1999-11-10,,1,1\nsh.510300,沪深300ETF,2012-05-28,,5,1\n",
    "dividends": "code,dividPreNoticeDate,dividOperateDate,dividPayDate,dividStockMarketDate,"
    "dividCashPsBeforeTax,dividStocksPs,dividReserveToStockPs\n"
    "sh.600000,,2015-06-23,2015-06-23,,0.757,0.000000,\n"
    "sh.600000,,2016-06-23,2016-06-23,2016-06-24,0.515,0.000000,0.100000\n",
}


def imported(
    folder: Path, tables: Mapping[str, str], *, digits: bool = False
) -> tuple[Facts, list[str]]:
    vendor = folder / "vendor"
    vendor.mkdir(exist_ok=True)
    for name, content in tables.items():
        (vendor / f"{name}.csv").write_text(content)
    outcome = import_facts(vendor, folder / "facts", digits=digits)
    return read_facts(str(folder / "facts")), list(outcome.record.facts)


def test_tables_of_tushare(tmp_path: Path) -> None:
    facts, said = imported(tmp_path, TUSHARE)
    moutai, gone = facts.of("600519.SH"), facts.of("600001.SH")
    assert (moutai.listed, moutai.delisted) == (date(2001, 8, 27), None)
    assert (moutai.board, moutai.kind, moutai.issue_price) == ("main", "stock", 31.39)
    assert gone.delisted == date(2009, 12, 29)
    # *ST follows ST without a gap, and the day without a name is in no span.
    assert gone.spans["st"] == ((date(2005, 5, 6), date(2007, 3, 1)),)
    assert gone.spans["delisting"] == ((date(2009, 12, 2), date(2009, 12, 29)),)
    assert moutai.spans == {"st": (), "delisting": ()}
    assert moutai.actions == (Action(date(2019, 6, 28), cash=14.539, pay=date(2019, 6, 28)),)
    assert gone.actions == (
        Action(date(2005, 6, 8), bonus=0.2, capital=0.3, listing=date(2005, 6, 9)),
    )
    assert said == [
        "tushare: 3 symbols",
        "2 spans of ST and delisting periods, from the names",
        "2 corporate actions; the table has no rights",
        "a day of delisting is the first one without trading",
        "symbols without a row in namechange, which count as never ST: 2",
        "1 row of dividend is only proposals: left out",
        "1 row of new_share without a row in stock_basic is left out: 688001.SH",
        "1 row of namechange is followed by days without a name: 600001.SH 2009-11-30",
        "1 row of dividends before the listing is left out: 600001.SH 1997-06-08",
    ]


@pytest.mark.parametrize(("digits", "index"), [(False, "000300.SH"), (True, "000300")])
def test_snapshots_of_an_index_are_spans_of_its_members(
    tmp_path: Path, digits: bool, index: str
) -> None:
    days = {"20200131": ["600519.SH", "600001.SH"], "20200228": ["600519.SH"]}
    days |= {"20200331": ["600519.SH", "600001.SH"], "20200430": ["600001.SH", "600519.SH"]}
    rows = [f"000300.SH,{code},{day},1.0" for day in days for code in days[day]]
    table = "index_code,con_code,trade_date,weight\n" + "\n".join(rows) + "\n"
    basic = {name: TUSHARE[name] for name in ("basic_L", "basic_D")}
    facts, said = imported(tmp_path, basic | {"index_weight": table}, digits=digits)
    suffix = "" if digits else ".SH"
    assert facts.of(f"600519{suffix}").spans == {f"index:{index}": ((date(2020, 1, 31), None),)}
    assert facts.of(f"600001{suffix}").spans[f"index:{index}"] == (
        (date(2020, 1, 31), date(2020, 2, 28)),
        (date(2020, 3, 31), None),
    )
    assert any(
        line.startswith("members of 000300.SH: 4 snapshots from 2020-01-31") for line in said
    )
    assert "no history of ST shares: the table namechange is missing" in said


def test_tables_of_baostock(tmp_path: Path) -> None:
    facts, said = imported(tmp_path, BAOSTOCK)
    bank = facts.of("sh.600000")
    assert (bank.listed, bank.kind, facts.of("sh.510300").kind) == (
        date(1999, 11, 10),
        "stock",
        "fund",
    )
    assert [(action.cash, action.capital) for action in bank.actions or ()] == [
        (0.757, 0.0),
        (0.515, 0.1),
    ]
    assert "st" not in bank.spans
    assert "no history of ST shares: the daily bars with the column isST are missing" in said


BARS = {
    "600000_2019": "date,code,open,close,tradestatus,isST\n2019-12-30,sh.600000,1,1,1,0\n"
    "2019-12-31,sh.600000,1,1,1,1\n",
    "600000_2020": "date,code,open,close,tradestatus,isST\n2020-01-02,sh.600000,1,1,1,1\n"
    "2020-01-03,sh.600000,1,1,0,0\n2020-01-06,sh.600000,1,1,1,0\n2020-01-07,sh.600000,1,1,1,1\n",
}


def test_bars_of_baostock_tell_special_treatment(tmp_path: Path) -> None:
    facts, said = imported(tmp_path, BAOSTOCK | BARS)
    assert facts.of("sh.600000").spans == {
        "st": ((date(2019, 12, 31), date(2020, 1, 3)), (date(2020, 1, 7), None))
    }
    assert facts.of("sh.510300").spans == {"st": ()}
    assert "2 spans of ST, from the bars" in said


@pytest.mark.parametrize(
    ("bars", "message"),
    [
        ("2020-01-03,sh.600000,0\n2020-01-02,sh.600000,1\n", "row 3: date = .* sort the rows"),
        ("2020-01-03,sh.600000,maybe\n", "row 2: isST = 'maybe' must be true or false"),
        ("2020-01-03,sh.600009,1\n", "row 2: code = 'sh.600009' has no row"),
    ],
)
def test_bars_that_tell_no_special_treatment_are_refused(
    tmp_path: Path, bars: str, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        imported(tmp_path, BAOSTOCK | {"bars": "date,code,isST\n" + bars})


def test_bars_of_two_files_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    other = {"other": "date,code,isST\n2019-12-31,sh.600000,0\n"}
    with pytest.raises(DataError, match=r"isST is . on 2019-12-31, and . in .*, row"):
        imported(tmp_path, BAOSTOCK | BARS | other)


def test_digits_name_symbols_without_their_exchange(tmp_path: Path) -> None:
    facts, _ = imported(tmp_path, TUSHARE, digits=True)
    assert sorted(facts.symbols) == ["000001", "600001", "600519"]
    composite = TUSHARE["basic_L"] + "1,000001.SH,上证指数,主板,19901219,\n"
    with pytest.raises(DataError, match=r"000001.S. and 000001.S. have the same digits"):
        imported(tmp_path, TUSHARE | {"basic_L": composite}, digits=True)


def test_a_repeated_import_does_nothing_and_an_edited_one_replaces_it(tmp_path: Path) -> None:
    imported(tmp_path, BAOSTOCK)
    before = (tmp_path / "facts" / "instruments.csv").stat().st_mtime_ns
    assert import_facts(tmp_path / "vendor", tmp_path / "facts", digits=False).unchanged
    assert (tmp_path / "facts" / "instruments.csv").stat().st_mtime_ns == before
    edited = BAOSTOCK["query_stock_basic"].replace("1999-11-10", "1999-11-11")
    facts, _ = imported(tmp_path, {"query_stock_basic": edited})
    assert facts.of("sh.600000").listed == date(1999, 11, 11)


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        (
            {"namechange": "ts_code,name,start_date\n600009.SH,丙,19980122\n"},
            r"namechange.csv: row 2: ts_code = '600009.SH' has no row .* L, D and P",
        ),
        (
            {
                "namechange": "ts_code,name,start_date\n"
                "600001.SH,甲,20200101\n600001.SH,ST甲,20200101\n"
            },
            r"row 3: name = 'ST甲' begins on 2020-01-01 as '甲' in row 2 does",
        ),
        (
            {"basic_X": "ts_code,name,list_date\n600519.SH,茅台,20010828\n"},
            r"'600519.SH' has a row above that differs",
        ),
        (
            {"basic_X": "ts_code,name,list_date,delist_date\n600008.SH,丁,20010828,20000101\n"},
            r"600008.SH was delisted on 2000-01-01, not after 2001-08-28",
        ),
        (
            {"basic_X": "ts_code,name,list_date\n600008.SH,丁,20010832\n"},
            r"list_date = '20010832' is no date",
        ),
        (
            {"dividend": "ts_code,div_proc,ex_date,cash_div_tax\n600519.SH,实施,20190628,-1\n"},
            r"cash_div_tax = '-1' must be a number that is not negative",
        ),
        ({"daily": "ts_code,trade_date,open\n600519.SH,20190628,1\n"}, r"daily.csv: .* Move it"),
        (BAOSTOCK, r"is of tushare and .* of baostock, which name symbols"),
    ],
)
def test_tables_that_cannot_be_understood_are_refused_and_nothing_is_written(
    tmp_path: Path, tables: dict[str, str], message: str
) -> None:
    with pytest.raises(DataError, match=message) as error:
        imported(tmp_path, TUSHARE | tables)
    assert error.value.exit_code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["vendor"]


def test_dividends_alone_name_the_table_that_is_missing(tmp_path: Path) -> None:
    header = "ts_code,div_proc,ex_date,cash_div_tax\n"
    with pytest.raises(DataError, match="the table stock_basic of tushare is missing"):
        imported(tmp_path, {"dividend": header + "600519.SH,预案,,17.025\n"})
