"""Codes of Chinese securities: one security in every spelling, and what cannot be traded."""

from __future__ import annotations

import pytest

from backfleet.errors import MarketError
from backfleet.facts import SymbolFacts
from backfleet.markets.cn_a.codes import Board, find_board, parse_code
from backfleet.markets.cn_a.market import CnAMarket


@pytest.mark.parametrize(
    "spelling",
    [
        "600519", "600519.SH", "600519.XSHG", "600519.SS", "sh600519", "SH600519", "sh.600519",
        "SHSE.600519",
    ],
)  # fmt: skip
def test_every_spelling_is_one_security(spelling: str) -> None:
    assert str(parse_code(spelling)) == "600519.SH"


@pytest.mark.parametrize(
    ("symbol", "code", "board"),
    [
        ("000001", "000001.SZ", Board.MAIN),
        ("sz000001", "000001.SZ", Board.MAIN),
        ("000001.SZSE", "000001.SZ", Board.MAIN),
        ("002001", "002001.SZ", Board.MAIN),
        ("300750", "300750.SZ", Board.CHINEXT),
        ("302132", "302132.SZ", Board.CHINEXT),
        ("689009", "689009.SH", Board.STAR),
        ("920001", "920001.BJ", Board.BEIJING),
        ("830799.BJSE", "830799.BJ", Board.BEIJING),
        ("588000", "588000.SH", Board.FUND_20),
        ("510300", "510300.SH", Board.FUND),
        ("159915", "159915.SZ", Board.FUND),
        ("508000", "508000.SH", Board.REIT),
        ("180101", "180101.SZ", Board.REIT),
        ("123001", "123001.SZ", Board.CONVERTIBLE),
    ],
)
def test_boards_follow_from_the_digits(symbol: str, code: str, board: Board) -> None:
    security = parse_code(symbol)
    assert (str(security), security.board) == (code, board)


@pytest.mark.parametrize(
    ("symbol", "message"),
    [
        ("000001.SH", r"000001\.SH is an index"),
        ("399001", r"399001\.SZ is an index"),
        ("900901", r"900901\.SH is a B share\. It trades in another currency"),
        ("204001", r"204001\.SH is a bond repurchase"),
        ("770001", r"770001 has a board that does not follow from its digits"),
        ("AAPL", "AAPL is not a code of six digits"),
        ("600519.NYSE", "names the exchange NYSE"),
    ],
)
def test_what_the_rules_do_not_cover_is_refused(symbol: str, message: str) -> None:
    with pytest.raises(MarketError, match=message):
        CnAMarket().tables(SymbolFacts(symbol))


def test_a_board_in_the_facts_counts_first() -> None:
    assert find_board(parse_code("159915.SZ"), "fund-20") is Board.FUND_20
    assert find_board(parse_code("770001.SZ"), "main") is Board.MAIN
    with pytest.raises(MarketError, match="the facts give the board 'kcb'"):
        find_board(parse_code("688001"), "kcb")


def test_missing_facts_are_said() -> None:
    first, second = CnAMarket().assumptions(SymbolFacts("600519"))
    assert "ST" in first
    assert "listing" in second
    assert len(CnAMarket().assumptions(SymbolFacts("688001"))) == 1
