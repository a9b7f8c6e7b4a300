"""Names of prices with an addition, such as `openMid`: one family is read, several are refused."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from backfleet.errors import DataError
from sources.importing.conftest import Import
from sources.importing.layouts import BARS, DAYS, EXPECTED, table

PRICES = [bar[:4] for bar in BARS]
VOLUMES = [bar[4] for bar in BARS]
FAMILIES = {
    "words without a separator": "openMid,highMid,lowMid,closeMid",
    "the addition in front": "MidOpen,MidHigh,MidLow,MidClose",
    "a separated addition that is no symbol": "mid_open,mid_high,mid_low,mid_close",
}


def rows(columns: Sequence[Sequence[object]]) -> list[list[object]]:
    return [[day, *values] for day, values in zip(DAYS, columns, strict=True)]


@pytest.mark.parametrize("names", FAMILIES.values(), ids=list(FAMILIES))
def test_a_family_of_prices_is_read_without_options(importing: Import, names: str) -> None:
    files = {"ABC.csv": table(rows([*BARS]), f"date,{names},volume")}
    outcome = importing(files, yes=False)
    assert list(outcome.record.symbols) == ["ABC"]
    assert importing.rows(outcome) == EXPECTED


def test_date_and_volume_of_the_family_go_before_other_ones(importing: Import) -> None:
    content = [[day, *bar, "2020-01-01", 1] for day, bar in zip(DAYS, BARS, strict=True)]
    header = "Date_1d,Open_1d,High_1d,Low_1d,Close_1d,Volume_1d,Date,Hour"
    outcome = importing({"ABC.csv": table(content, header)}, yes=False)
    assert importing.rows(outcome) == EXPECTED


@pytest.mark.parametrize("form", ["Bid{0}", "bid_{0}", "{0}_bid"])
def test_bids_and_asks_are_no_symbols_and_need_a_choice(importing: Import, form: str) -> None:
    words = [word.title() if form[0] == "B" else word for word in ("open", "high", "low", "close")]
    bids = [form.format(word) for word in words]
    asks = [name.replace("Bid", "Ask").replace("bid", "ask") for name in bids]
    both = [(*prices, *(1.1 * price for price in prices)) for prices in PRICES]
    files = {"ABC.csv": table(rows(both), ",".join(["date", *bids, *asks]))}
    with pytest.raises(DataError, match=f"--column open='{bids[0]}' --column high"):
        importing(files)
    columns = dict(zip(("open", "high", "low", "close"), bids, strict=True))
    expected = [(*row[:5], None) for row in EXPECTED]
    assert importing.rows(importing({}, columns=columns)) == expected


def test_a_close_can_stand_in_for_an_open_that_is_not_there(importing: Import) -> None:
    files = {"ABC.csv": table(rows([p[1:] for p in PRICES]), "date,high,low,close")}
    with pytest.raises(DataError, match=r"no column for the open; .* with --column open=NAME"):
        importing(files)
    outcome = importing({}, columns={"open": "close"})
    assert importing.rows(outcome)[0][1] == EXPECTED[0][4]


def test_a_column_of_prices_alone_is_one_of_closes(importing: Import) -> None:
    files = {"ABC.csv": table(rows([(p[3],) for p in PRICES]), "date,price")}
    outcome = importing(files)
    assert importing.rows(outcome) == [(r[0], r[4], r[4], r[4], r[4], None) for r in EXPECTED]
    assert any("closes only" in sentence for sentence in importing.agreed)


def test_a_row_with_a_close_and_no_volume_is_a_day_without_trades(importing: Import) -> None:
    content: list[list[object]] = rows([*BARS])
    content[3] = [DAYS[3], "", "", "", BARS[2][3], 0]
    outcome = importing({"ABC.csv": table(content, "date,open,high,low,close,volume")})
    assert importing.bars(outcome).tradable.tolist() == [i != 3 for i in range(len(DAYS))]
    content[3][5] = 100
    with pytest.raises(DataError, match="row 5: open is empty"):
        importing({"ABC.csv": table(content, "date,open,high,low,close,volume")})


def test_the_names_of_the_national_stock_exchange_of_india_are_known(importing: Import) -> None:
    header = "TradDt,TckrSymb,OpnPric,HghPric,LwPric,ClsPric,LastPric,PrvsClsgPric,TtlTradgVol"
    content = [
        [day, "ABC", *bar[:4], 1.0, 1.0, bar[4]] for day, bar in zip(DAYS, BARS, strict=True)
    ]
    outcome = importing({"BhavCopy.csv": table(content, header)}, yes=False)
    assert list(outcome.record.symbols) == ["ABC"]
    assert importing.rows(outcome) == EXPECTED


def test_empty_cells_after_the_names_are_no_columns(importing: Import) -> None:
    text = table(rows([*BARS]), "date,open,high,low,close,volume")
    header, _, body = text.replace(",", "\t").partition("\n")
    outcome = importing({"ABC.txt": f"{header}\t\t\t\n{body}"}, yes=False)
    assert importing.rows(outcome) == EXPECTED


def test_a_zero_among_empty_cells_is_no_price(importing: Import) -> None:
    content: list[list[object]] = rows([*BARS])
    content[3] = [DAYS[3], " ", " ", 0, " ", " "]
    outcome = importing({"ABC.csv": table(content, "date,open,high,low,close,volume")})
    assert importing.rows(outcome) == [*EXPECTED[:3], *EXPECTED[4:]]


def test_volumes_of_chinese_stocks_that_may_be_lots_are_told(importing: Import) -> None:
    files = {"600519.csv": table(rows([*BARS]), "date,open,high,low,close,volume")}
    sentence = "'volume' is taken for shares; if one unit of it is a lot of 100 shares, say "
    sentence += "--volume-unit 100"
    assert sentence in importing(files).record.facts
    assert sentence not in importing(files, volume_unit=1.0).record.facts


def test_rows_with_a_volume_and_no_prices_are_not_left_out_without_consent(
    importing: Import,
) -> None:
    content: list[list[object]] = rows([*BARS])
    content[3] = [DAYS[3], "", "", "", "", 100]
    outcome = importing({"ABC.csv": table(content, "date,open,high,low,close,volume")})
    assert importing.rows(outcome) == [*EXPECTED[:3], *EXPECTED[4:]]
    assert any(
        "1 row has a volume and no prices and is left out" in text for text in importing.agreed
    )
    content[3][4] = 0
    with pytest.raises(DataError, match="row 5: open is empty"):
        importing({"ABC.csv": table(content, "date,open,high,low,close,volume")})
