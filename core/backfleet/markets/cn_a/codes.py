"""Exchanges and boards of Chinese securities, by their codes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache

from backfleet.errors import MarketError

__all__ = ["Board", "Code", "Exchange", "find_board", "parse_code"]


class Exchange(StrEnum):
    """The exchange of a security; the value is the suffix that backfleet prints."""

    SHANGHAI = "SH"
    SHENZHEN = "SZ"
    BEIJING = "BJ"


class Board(StrEnum):
    """Which rules a security follows."""

    MAIN = "main"
    CHINEXT = "chinext"
    STAR = "star"
    BEIJING = "beijing"
    FUND = "fund"
    FUND_20 = "fund-20"
    """A fund whose limits are 20 %, since it holds only shares that have such limits."""
    REIT = "reit"
    CONVERTIBLE = "convertible"
    B_SHARE = "b-share"
    INDEX = "index"
    REPO = "repo"


REFUSED = {
    Board.B_SHARE: "is a B share. It trades in another currency, and a run has one currency",
    Board.INDEX: "is an index, which cannot be traded. results.benchmark can name it",
    Board.REPO: "is a bond repurchase, which these rules do not cover",
}

SPELLINGS = {
    Exchange.SHANGHAI: ("SH", "XSHG", "SS", "SHSE"),
    Exchange.SHENZHEN: ("SZ", "XSHE", "SZSE"),
    Exchange.BEIJING: ("BJ", "BJSE"),
}
EXCHANGES = {spelling: home for home, names in SPELLINGS.items() for spelling in names}

AFTER = re.compile(r"(\d{6})\.([A-Z]+)")
BEFORE = re.compile(r"([A-Z]+)\.?(\d{6})")

NO_BOARD = "has a board that does not follow from its digits"
NAME_IT = "Name it as in 600519.SH"

PREFIXES: dict[Exchange, tuple[tuple[str, Board], ...]] = {
    Exchange.SHANGHAI: (
        *((prefix, Board.MAIN) for prefix in ("600", "601", "603", "605")),
        *((prefix, Board.STAR) for prefix in ("688", "689")),
        ("900", Board.B_SHARE),
        *((prefix, Board.FUND_20) for prefix in ("588", "589")),
        *((prefix, Board.FUND) for prefix in ("51", "52", "53", "56", "58")),
        *((prefix, Board.FUND) for prefix in ("501", "502", "506")),
        ("508", Board.REIT),
        *((prefix, Board.CONVERTIBLE) for prefix in ("110", "111", "113", "118")),
        ("204", Board.REPO),
        ("000", Board.INDEX),
    ),
    Exchange.SHENZHEN: (
        *((prefix, Board.MAIN) for prefix in ("000", "001", "002", "003")),
        ("30", Board.CHINEXT),
        ("200", Board.B_SHARE),
        ("159", Board.FUND),
        ("16", Board.FUND),
        ("180", Board.REIT),
        *((prefix, Board.CONVERTIBLE) for prefix in ("123", "127", "128")),
        ("1318", Board.REPO),
        ("399", Board.INDEX),
    ),
    Exchange.BEIJING: (
        *((prefix, Board.BEIJING) for prefix in ("43", "83", "87", "88", "920")),
        ("899", Board.INDEX),
    ),
}

MAX_PREFIX = 4
"""Digits of the longest prefix."""

BOARDS = {exchange: dict(entries) for exchange, entries in PREFIXES.items()}


@dataclass(frozen=True)
class Code:
    """A security: six digits, its exchange, and the board that its digits belong to.

    The board is None if no known range has the digits.
    """

    digits: str
    exchange: Exchange
    board: Board | None

    def __str__(self) -> str:
        return f"{self.digits}.{self.exchange}"


@lru_cache(maxsize=8)
def parse_code(symbol: str) -> Code:
    """Return the security that a symbol names, in any of the usual spellings.

    Six digits alone are a stock or fund: `000001` is Ping An Bank, and the composite index is
    `000001.SH`. Raises MarketError for anything else.
    """
    text = symbol.upper()
    # `isascii`, because `isdigit` also accepts digits of other scripts.
    if text.isascii() and text.isdigit() and len(text) == 6:
        return _without_exchange(text)
    if match := AFTER.fullmatch(text):
        digits, spelling = match.groups()
    elif match := BEFORE.fullmatch(text):
        spelling, digits = match.groups()
    else:
        raise _unknown(symbol, "is not a code of six digits, with or without its exchange", NAME_IT)
    exchange = EXCHANGES.get(spelling)
    if exchange is None:
        reason = f"names the exchange {spelling}, which is none of SH, SZ and BJ"
        raise _unknown(symbol, reason, NAME_IT)
    return Code(digits, exchange, _board_of(digits, exchange))


def find_board(code: Code, stated: str | None) -> Board:
    """Return the board of a security; `stated` is what the facts say, which counts first.

    Raises MarketError if the board is unknown or its securities cannot be traded in a run.
    """
    if stated is not None and stated not in set(Board):
        raise MarketError(
            f"{code}: the facts give the board {stated!r}, which cn-a does not know. Use one of "
            f"{', '.join(Board)}"
        )
    board = code.board if stated is None else Board(stated)
    if board is None:
        raise _unknown(str(code), NO_BOARD, "Give its board in the facts of the job's data")
    # Stated boards are checked as well: the facts may say that a code is an index.
    if board in REFUSED:
        raise MarketError(f"{code} {REFUSED[board]}. Leave it out of data.symbols")
    return board


def _without_exchange(digits: str) -> Code:
    # Stocks and funds go before indexes with the same digits, since they can be traded.
    home = _home_of(digits[:MAX_PREFIX])
    if home is not None:
        return Code(digits, *home)
    fix = f"Name its exchange, as in {digits}.SH, and give its board in the facts of the job's data"
    raise _unknown(digits, NO_BOARD, fix)


# A run has thousands of symbols, and few prefixes.
@cache
def _home_of(prefix: str) -> tuple[Exchange, Board] | None:
    """Return the exchange and the board of the digits that begin like this; an index only if they
    can be nothing else."""
    homes = [(exchange, _board_of(prefix, exchange)) for exchange in Exchange]
    known = [(exchange, board) for exchange, board in homes if board is not None]
    return next((home for home in known if home[1] is not Board.INDEX), next(iter(known), None))


def _board_of(digits: str, exchange: Exchange) -> Board | None:
    boards = BOARDS[exchange]
    # The longest prefix counts.
    return next(
        (boards[digits[:n]] for n in range(MAX_PREFIX, 1, -1) if digits[:n] in boards), None
    )


def _unknown(symbol: str, reason: str, fix: str) -> MarketError:
    return MarketError(
        f"{symbol} {reason}, so that the rules of cn-a cannot be chosen. {fix}, or leave it out of "
        "data.symbols"
    )
