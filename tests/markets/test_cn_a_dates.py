"""The dated figures of cn-a and us-equity: each change on the day before it and on the day."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta

import numpy as np
import pytest

from backfleet.bars import Bars
from backfleet.errors import MarketError
from backfleet.facts import SymbolFacts
from backfleet.market import Dated, MarketSettings
from backfleet.markets import us_equity
from backfleet.markets.cn_a import tables
from backfleet.markets.cn_a.codes import Board, Exchange
from backfleet.markets.cn_a.market import CnAMarket
from backfleet.terms import Limits, Terms
from markets.market_bars import bars_of

NOTHING_OFF: frozenset[str] = frozenset()


def all_tables() -> Iterator[Dated]:
    """Yield each table of cn-a and us-equity once."""
    seen: set[int] = set()
    for value in [*vars(tables).values(), *vars(us_equity).values()]:
        entries = value.values() if isinstance(value, dict) else value
        for table in entries if isinstance(entries, Iterable) else [entries]:
            if isinstance(table, Dated) and id(table) not in seen:
                seen.add(id(table))
                yield table


def bars_before(symbol: str, day: str) -> Bars:
    """Return a bar at 10.00 of a day, and one of the day before it."""
    before = np.busday_offset(np.datetime64(day), -1, roll="backward")
    return bars_of(symbol, [str(before), day], [(10.0,) * 4] * 2)


def limits_of(bars: Bars, facts: SymbolFacts) -> Limits:
    limits = CnAMarket().limits(bars, facts, NOTHING_OFF)
    assert limits is not None
    return limits


def terms_on(symbol: str, day: str, **facts: object) -> Terms:
    """Return the terms of a day whose previous close was 10.00, as one bar."""
    facts_of = SymbolFacts(symbol, **facts)
    return CnAMarket().terms(bars_before(symbol, day), facts_of, NOTHING_OFF)[1:]


def limits_on(symbol: str, day: str, **facts: object) -> tuple[float, float]:
    limits = limits_of(bars_before(symbol, day), SymbolFacts(symbol, **facts))
    return float(limits.up[1]), float(limits.down[1])


@pytest.mark.parametrize("table", list(all_tables()), ids=lambda table: table.rule)
def test_every_change_holds_from_its_day_on_and_not_on_the_day_before(table: Dated) -> None:
    for earlier, step in zip((None, *table.steps), table.steps, strict=False):
        days = [step.first - timedelta(days=1), step.first]
        if earlier is None:
            with pytest.raises(MarketError, match=f"begins on {step.first}"):
                table.on(np.array(days, "datetime64[D]"))
            continue
        assert table.on(np.array(days, "datetime64[D]")).tolist() == [earlier.value, step.value]
        assert table.step(days[0]) == earlier
        assert table.until(days[0]) == step.first
    assert table.until(table.steps[-1].first) is None


@pytest.mark.parametrize(
    ("day", "buyer", "seller"),
    [
        ("1998-06-11", 0.005, 0.005),
        ("1998-06-12", 0.004, 0.004),
        ("2001-11-15", 0.004, 0.004),
        ("2001-11-16", 0.002, 0.002),
        ("2005-01-21", 0.002, 0.002),
        ("2005-01-24", 0.001, 0.001),
        ("2007-05-29", 0.001, 0.001),
        ("2007-05-30", 0.003, 0.003),
        ("2008-04-23", 0.003, 0.003),
        ("2008-04-24", 0.001, 0.001),
        ("2008-09-18", 0.001, 0.001),
        ("2008-09-19", 0.0, 0.001),
        ("2023-08-25", 0.0, 0.001),
        ("2023-08-28", 0.0, 0.0005),
    ],
)
def test_stamp_duty(day: str, buyer: float, seller: float) -> None:
    bars = bars_of("600000", [day], [(10.0,) * 4])
    terms = CnAMarket().terms(bars, SymbolFacts("600000"), frozenset({"transfer"}))
    assert (terms.steady.buy_tax[0], terms.steady.sell_tax[0]) == (buyer, seller)


@pytest.mark.parametrize(
    ("symbol", "day", "rate", "a_share"),
    [
        ("600000", "2012-05-31", 0.0, 0.0005),
        ("600000", "2012-06-01", 0.0, 0.000375),
        ("600000", "2012-08-31", 0.0, 0.000375),
        ("600000", "2012-09-03", 0.0, 0.0003),
        ("600000", "2015-07-31", 0.0, 0.0003),
        ("600000", "2015-08-03", 0.00002, 0.0),
        ("000001", "2015-07-31", 0.0000255, 0.0),
        ("000001", "2015-08-03", 0.00002, 0.0),
        ("600000", "2022-04-28", 0.00002, 0.0),
        ("600000", "2022-04-29", 0.00001, 0.0),
        ("920001.BJ", "2022-04-28", 0.000025, 0.0),
        ("920001.BJ", "2022-04-29", 0.00001, 0.0),
    ],
)
def test_transfer_fee(symbol: str, day: str, rate: float, a_share: float) -> None:
    bars = bars_of(symbol, [day], [(10.0,) * 4])
    terms = CnAMarket().terms(bars, SymbolFacts(symbol), frozenset({"duty"}))
    assert (terms.steady.buy_tax[0], terms.steady.sell_tax[0], terms.steady.share_fee[0]) == (
        rate,
        rate,
        a_share,
    )


def test_funds_and_convertibles_pay_neither_duty_nor_transfer_fee_but_the_minimum() -> None:
    for symbol in ("510300", "159915", "113050"):
        terms = terms_on(symbol, "2024-01-04")
        costs = (
            terms.steady.buy_tax[0],
            terms.steady.sell_tax[0],
            terms.steady.share_fee[0],
            terms.steady.minimum[0],
        )
        assert costs == (0.0, 0.0, 0.0, 5.0)


def test_the_minimum_commission_begins_in_may_2002() -> None:
    assert terms_on("600000", "2002-04-30").steady.minimum[0] == 0.0
    assert terms_on("600000", "2002-05-08").steady.minimum[0] == 5.0


@pytest.mark.parametrize(
    ("symbol", "day", "limits"),
    [
        ("600000", "1997-12-15", (11.0, 9.0)),
        ("300001", "2020-08-21", (11.0, 9.0)),
        ("300001", "2020-08-24", (12.0, 8.0)),
        ("688001", "2019-07-23", (12.0, 8.0)),
        ("920001.BJ", "2021-11-16", (13.0, 7.0)),
        ("588000.SH", "2020-08-20", (11.0, 9.0)),
        ("588000.SH", "2020-08-21", (12.0, 8.0)),
        ("510300", "2024-01-04", (11.0, 9.0)),
        ("113050", "2022-07-29", (np.nan, np.nan)),
        ("113050", "2022-08-01", (12.0, 8.0)),
    ],
)
def test_price_limits_by_board_and_date(symbol: str, day: str, limits: tuple[float, float]) -> None:
    assert limits_on(symbol, day) == pytest.approx(limits, abs=0, nan_ok=True)


def test_there_were_no_limits_before_1996_12_16() -> None:
    days = ["1996-12-12", "1996-12-13", "1996-12-16"]
    limits = limits_of(bars_of("600000", days, [(10.0,) * 4] * 3), SymbolFacts("600000"))
    assert limits.up.tolist() == pytest.approx([np.nan, np.nan, 11.0], nan_ok=True)


@pytest.mark.parametrize(
    ("symbol", "day", "limits"),
    [
        ("600000", "1998-04-21", (11.0, 9.0)),
        ("600000", "1998-04-22", (10.5, 9.5)),
        ("600000", "2026-07-03", (10.5, 9.5)),
        ("600000", "2026-07-06", (11.0, 9.0)),
        ("300001", "2020-08-21", (10.5, 9.5)),
        ("300001", "2020-08-24", (12.0, 8.0)),
        ("688001", "2024-01-04", (12.0, 8.0)),
        ("920001.BJ", "2024-01-04", (13.0, 7.0)),
    ],
)
def test_limits_of_st_shares(symbol: str, day: str, limits: tuple[float, float]) -> None:
    spans = {"st": ((date(1998, 1, 1), None),)}
    assert limits_on(symbol, day, spans=spans) == limits


def test_an_st_span_ends_on_the_day_after_its_last_one() -> None:
    spans = {"st": ((date(2024, 1, 2), date(2024, 1, 4)),)}
    assert limits_on("600000", "2024-01-03", spans=spans) == (10.5, 9.5)
    assert limits_on("600000", "2024-01-04", spans=spans) == (11.0, 9.0)


@pytest.mark.parametrize(
    ("symbol", "listed", "free"),
    [
        ("600000", "2013-12-12", 1),
        ("600000", "2023-04-10", 5),
        ("000001", "2014-06-12", 1),
        ("000001", "2023-04-10", 5),
        ("300001", "2014-06-12", 1),
        ("300001", "2020-08-24", 5),
        ("688001", "2019-07-22", 5),
        ("920001.BJ", "2021-11-15", 1),
    ],
)
def test_sessions_without_limits_after_a_listing(symbol: str, listed: str, free: int) -> None:
    days = np.busday_offset(np.datetime64(listed), np.arange(8)).astype(str).tolist()
    facts = SymbolFacts(symbol, listed=date.fromisoformat(listed))
    limits = limits_of(bars_of(symbol, days, [(10.0,) * 4] * 8), facts)
    assert np.isnan(limits.up).sum() == free
    # A window that begins later must not restart the count.
    later = limits_of(bars_of(symbol, days[3:], [(10.0,) * 4] * 5), facts)
    assert later.up[1:].tolist() == pytest.approx(limits.up[4:].tolist(), abs=0, nan_ok=True)


@pytest.mark.parametrize(
    ("symbol", "listed"),
    [
        ("600000", "2013-12-13"),
        ("600000", "2023-04-07"),
        ("000001", "2014-06-13"),
        ("000001", "2023-04-07"),
        ("300001", "2014-06-13"),
        ("300001", "2020-08-21"),
    ],
)
def test_the_first_session_has_limits_of_the_issue_price(symbol: str, listed: str) -> None:
    day = date.fromisoformat(listed)
    following = str(np.busday_offset(np.datetime64(listed), 1))
    bars = bars_of(symbol, [listed, following], [(14.4,) * 4, (15.84,) * 4])
    facts = SymbolFacts(symbol, listed=day, issue_price=10.0)
    limits = limits_of(bars, facts)
    assert (limits.up[0], limits.down[0]) == (14.4, 6.4)
    # The limits of the second day come from the first close, and chinext had 20 % from 2020-08-24.
    is_wide = symbol == "300001" and following >= "2020-08-24"
    assert (limits.up[1], limits.down[1]) == ((17.28, 11.52) if is_wide else (15.84, 12.96))
    unknown = CnAMarket().apply(bars, SymbolFacts(symbol, listed=day), MarketSettings())
    assert unknown.buy_block.tolist() == [4, 0 if is_wide else 4]
    assert unknown.sell_block.tolist() == [5, 0]


@pytest.mark.parametrize(
    ("first", "limits"), [("2020-12-30", (11.0, 9.0)), ("2020-12-31", (np.nan, np.nan))]
)
def test_the_delisting_period_begins_without_limits_from_2020_12_31_on(
    first: str, limits: tuple[float, float]
) -> None:
    spans = {"delisting": ((date.fromisoformat(first), None),), "st": ((date(2020, 1, 2), None),)}
    assert limits_on("600000", first, spans=spans) == pytest.approx(limits, abs=0, nan_ok=True)
    second = str(np.busday_offset(np.datetime64(first), 1))
    days = [first, second]
    bars = bars_of("600000", days, [(10.0,) * 4] * 2)
    assert limits_of(bars, SymbolFacts("600000", spans=spans)).up[1] == 11.0


def test_a_chinext_share_that_was_being_delisted_before_the_reform_stays_at_ten_percent() -> None:
    before = {"delisting": ((date(2020, 8, 20), None),)}
    after = {"delisting": ((date(2020, 8, 24), None),)}
    assert limits_on("300001", "2020-08-25", spans=before) == (11.0, 9.0)
    assert limits_on("300001", "2020-08-25", spans=after) == (12.0, 8.0)


@pytest.mark.parametrize(
    ("symbol", "day", "limits"),
    [
        ("000001", "2011-02-25", (0.04, 0.04)),
        ("000001", "2011-02-28", (0.05, 0.03)),
        ("600000", "2023-04-07", (0.04, 0.04)),
        ("600000", "2023-04-10", (0.05, 0.03)),
    ],
)
def test_limits_are_one_tick_away_where_a_rule_says_so(
    symbol: str, day: str, limits: tuple[float, float]
) -> None:
    before = str(np.busday_offset(np.datetime64(day), -1, roll="backward"))
    bars = bars_of(symbol, [before, day], [(0.04,) * 4] * 2)
    up, down, _ = limits_of(bars, SymbolFacts(symbol))
    assert (up[1], down[1]) == limits


def test_the_delisting_board_of_shanghai_had_the_tick_floor_from_2013_on() -> None:
    facts = SymbolFacts("600000", spans={"delisting": ((date(2012, 12, 1), None),)})
    bars = bars_of("600000", ["2012-12-28", "2012-12-31", "2013-01-04"], [(0.04,) * 4] * 3)
    assert limits_of(bars, facts).up[1:].tolist() == [0.04, 0.05]


@pytest.mark.parametrize(
    ("symbol", "lot", "least", "most"),
    [
        ("600000", 100, 100, 1_000_000),
        ("300001", 100, 100, 150_000),
        ("688001", 1, 200, 50_000),
        ("920001.BJ", 1, 100, 1_000_000),
        ("510300", 100, 100, 1_000_000),
        ("113050", 10, 10, 1_000_000),
    ],
)
def test_lots_by_board(symbol: str, lot: int, least: int, most: int) -> None:
    terms = terms_on(symbol, "2024-01-04")
    assert (terms.steady.step[0], terms.steady.least[0], terms.steady.most[0]) == (lot, least, most)


def test_shares_are_sold_in_the_next_session_since_1995_and_some_funds_at_once() -> None:
    off = frozenset({"duty"})
    days = ["1994-12-30", "1995-01-03"]
    bars = bars_of("600000", days, [(10.0,) * 4] * 2)
    terms = CnAMarket().terms(bars, SymbolFacts("600000"), off)
    assert terms.steady.locked.tolist() == [False, True]
    assert terms_on("511010", "2015-01-16", same_session=True).steady.locked.tolist() == [True]
    assert terms_on("511010", "2015-01-19", same_session=True).steady.locked.tolist() == [False]
    assert terms_on("113050", "2024-01-04").steady.locked.tolist() == [False]


def test_a_date_before_the_tables_names_the_rule() -> None:
    with pytest.raises(MarketError, match=r"stamp duty of purchases: .* 1997-05-10"):
        terms_on("600000", "1997-05-09")


def test_exchanges_have_the_same_boards_in_all_tables() -> None:
    for board in Board:
        if board in tables.LIMITS:
            assert board in tables.LOT
            assert board in tables.MIN_ORDER
    assert set(tables.TRANSFER) == set(Exchange)
