"""The figures of the Chinese A-share market: every value with its first session and its source.

Rates are fractions, limits are per mille of the reference price, and 0 per mille is no limit.
Official texts are quoted in the rule data set marina-rules 2026.10.26.5 (CC0) unless another source
is named.
"""

from __future__ import annotations

from backfleet.market import Certainty, Dated, Step
from backfleet.markets.cn_a.codes import Board, Exchange

__all__ = [
    "BUY_DUTY",
    "DELISTING_FREE_DAYS",
    "DELISTING_LIMITS",
    "DELISTING_TICK_FLOOR",
    "DIVIDEND_TAX",
    "FIRST_DAY_LIMITS",
    "FREE_DAYS",
    "FUND_20_LIMITS",
    "LIMITS",
    "LOT",
    "MAX_ORDER",
    "MINIMUM",
    "MIN_ORDER",
    "NEXT_SESSION",
    "PAR_VALUE",
    "SAME_SESSION_FUNDS",
    "SELL_DUTY",
    "SHARE_FEE",
    "ST_LIMITS",
    "TICK",
    "TICK_FLOOR",
    "TRANSFER",
]

OFFICIAL, TWO = Certainty.OFFICIAL, Certainty.TWO_SOURCES
CODE, UNCONFIRMED = Certainty.CODE, Certainty.UNCONFIRMED

MINISTRY = "Ministry of Finance"
DEPOSITORY = "China Securities Depository and Clearing"
REGULATOR = "China Securities Regulatory Commission"
SSE, SZSE, BSE = "Shanghai Stock Exchange", "Shenzhen Stock Exchange", "Beijing Stock Exchange"
EXCHANGES = "Shanghai and Shenzhen Stock Exchanges"

OPENING = "1990-12-19"
CHINEXT_OPENING, STAR_OPENING, BEIJING_OPENING = "2009-10-30", "2019-07-22", "2021-11-15"
CHINEXT_REFORM, MAIN_REFORM = "2020-08-24", "2023-04-10"

EARLY_DUTY = (
    Step.of("1997-05-10", 0.005, UNCONFIRMED, f"{MINISTRY}; 1997-05-12 is also reported"),
    Step.of("1998-06-12", 0.004, CODE, MINISTRY),
    Step.of("2001-11-16", 0.002, TWO, MINISTRY),
    Step.of("2005-01-24", 0.001, OFFICIAL, MINISTRY),
    Step.of("2007-05-30", 0.003, OFFICIAL, MINISTRY),
    Step.of("2008-04-24", 0.001, OFFICIAL, MINISTRY),
)
BUY_DUTY = Dated(
    "stamp duty of purchases",
    *EARLY_DUTY,
    Step.of("2008-09-19", 0.0, OFFICIAL, MINISTRY),
    unit="of the value",
)
SELL_DUTY = Dated(
    "stamp duty of sales",
    *EARLY_DUTY,
    Step.of("2023-08-28", 0.0005, OFFICIAL, MINISTRY),
    unit="of the value",
)

LATE_TRANSFER = Step.of("2022-04-29", 0.00001, OFFICIAL, DEPOSITORY)
TRANSFER = {
    Exchange.SHANGHAI: Dated(
        "transfer fee",
        Step.of(OPENING, 0.0, OFFICIAL, f"{DEPOSITORY}: charged on par value until 2015"),
        Step.of("2015-08-01", 0.00002, OFFICIAL, DEPOSITORY),
        LATE_TRANSFER,
        unit="of the value",
    ),
    Exchange.SHENZHEN: Dated(
        "transfer fee",
        Step.of(OPENING, 0.0000255, OFFICIAL, f"{DEPOSITORY}; the first years are unconfirmed"),
        Step.of("2015-08-01", 0.00002, OFFICIAL, DEPOSITORY),
        LATE_TRANSFER,
        unit="of the value",
    ),
    Exchange.BEIJING: Dated(
        "transfer fee",
        Step.of(BEIJING_OPENING, 0.000025, OFFICIAL, DEPOSITORY),
        LATE_TRANSFER,
        unit="of the value",
    ),
}
# The other exchanges charge the value only. A table of zeros spares callers a case of their own.
NO_SHARE_FEE = Dated("transfer fee on par value", Step.of(OPENING, 0.0, OFFICIAL, DEPOSITORY))
PAR_VALUE = 1.0
"""CNY per share, with few exceptions, which are not modeled."""

SHARE_FEE = {
    Exchange.SHANGHAI: Dated(
        "transfer fee on par value",
        Step.of(OPENING, 0.0005, UNCONFIRMED, DEPOSITORY),
        Step.of("2012-06-01", 0.000375, UNCONFIRMED, DEPOSITORY),
        Step.of("2012-09-01", 0.0003, OFFICIAL, DEPOSITORY),
        Step.of("2015-08-01", 0.0, OFFICIAL, DEPOSITORY),
        unit="CNY per share",
    ),
    Exchange.SHENZHEN: NO_SHARE_FEE,
    Exchange.BEIJING: NO_SHARE_FEE,
}
MINIMUM = Dated(
    "minimum commission",
    Step.of(OPENING, 0.0, UNCONFIRMED, "commissions were fixed, at about 0.35 %"),
    Step.of("2002-05-01", 5.0, OFFICIAL, REGULATOR),
    unit="CNY per order",
)

LOT_RULE, LEAST_RULE, MOST_RULE = "lot", "smallest order", "largest order"
HUNDRED = Step.of(OPENING, 100.0, TWO, EXCHANGES)
LOT = {
    Board.MAIN: Dated(LOT_RULE, HUNDRED, unit="shares"),
    Board.CHINEXT: Dated(LOT_RULE, HUNDRED, unit="shares"),
    Board.FUND: Dated(LOT_RULE, HUNDRED, unit="shares"),
    Board.FUND_20: Dated(LOT_RULE, HUNDRED, unit="shares"),
    Board.REIT: Dated(LOT_RULE, HUNDRED, unit="shares"),
    Board.STAR: Dated(LOT_RULE, Step.of(STAR_OPENING, 1.0, TWO, SSE), unit="shares"),
    Board.BEIJING: Dated(LOT_RULE, Step.of(BEIJING_OPENING, 1.0, TWO, BSE), unit="shares"),
    Board.CONVERTIBLE: Dated(LOT_RULE, Step.of(OPENING, 10.0, UNCONFIRMED), unit="bonds"),
}
MIN_ORDER = {
    # On most boards the smallest order is one lot.
    **LOT,
    Board.STAR: Dated(LEAST_RULE, Step.of(STAR_OPENING, 200.0, TWO, SSE), unit="shares"),
    Board.BEIJING: Dated(LEAST_RULE, Step.of(BEIJING_OPENING, 100.0, TWO, BSE), unit="shares"),
}
MILLION = Dated(MOST_RULE, Step.of(OPENING, 1_000_000.0, UNCONFIRMED), unit="shares")
MAX_ORDER = {
    **dict.fromkeys(Board, MILLION),
    Board.STAR: Dated(MOST_RULE, Step.of(STAR_OPENING, 50_000.0, TWO, SSE), unit="shares"),
    Board.CHINEXT: Dated(
        MOST_RULE, Step.of(CHINEXT_OPENING, 150_000.0, UNCONFIRMED, SZSE), unit="shares"
    ),
}
"""Of market orders."""

LIMIT_RULE, PER_MILLE = "price limit", "per mille of the reference price; 0: none"
TEN_PERCENT = Dated(
    LIMIT_RULE,
    Step.of(OPENING, 0.0, OFFICIAL, EXCHANGES),
    Step.of("1996-12-16", 100.0, OFFICIAL, EXCHANGES),
    unit=PER_MILLE,
)
LIMITS = {
    Board.MAIN: TEN_PERCENT,
    Board.FUND: TEN_PERCENT,
    Board.CHINEXT: Dated(
        LIMIT_RULE,
        Step.of(CHINEXT_OPENING, 100.0, OFFICIAL, SZSE),
        Step.of(CHINEXT_REFORM, 200.0, OFFICIAL, SZSE),
        unit=PER_MILLE,
    ),
    Board.STAR: Dated(LIMIT_RULE, Step.of(STAR_OPENING, 200.0, OFFICIAL, SSE), unit=PER_MILLE),
    Board.BEIJING: Dated(
        LIMIT_RULE, Step.of(BEIJING_OPENING, 300.0, OFFICIAL, BSE), unit=PER_MILLE
    ),
    Board.CONVERTIBLE: Dated(
        LIMIT_RULE,
        Step.of(OPENING, 0.0, OFFICIAL, EXCHANGES),
        Step.of("2022-08-01", 200.0, OFFICIAL, EXCHANGES),
        unit=PER_MILLE,
    ),
    Board.REIT: Dated(LIMIT_RULE, Step.of("2021-01-29", 100.0, OFFICIAL, SSE), unit=PER_MILLE),
}
FUND_20_LIMITS = {
    exchange: Dated(
        LIMIT_RULE,
        # Before, these funds had the limits of all funds.
        *TEN_PERCENT.steps,
        Step.of(first, 200.0, OFFICIAL, source),
        unit=PER_MILLE,
    )
    for exchange, first, source in (
        (Exchange.SHANGHAI, "2020-08-21", SSE),
        (Exchange.SHENZHEN, "2020-08-24", SZSE),
    )
}

ST_RULE = "price limit of ST shares"
ST_LIMITS = {
    Board.MAIN: Dated(
        ST_RULE,
        *TEN_PERCENT.steps,
        Step.of("1998-04-22", 50.0, OFFICIAL, f"{EXCHANGES}; 04-27 and 04-28 are also reported"),
        Step.of("2026-07-06", 100.0, OFFICIAL, f"{EXCHANGES}, rules of 2026-04-24"),
        unit=PER_MILLE,
    ),
    Board.CHINEXT: Dated(
        ST_RULE,
        Step.of(CHINEXT_OPENING, 50.0, OFFICIAL, SZSE),
        Step.of(CHINEXT_REFORM, 200.0, OFFICIAL, SZSE),
        unit=PER_MILLE,
    ),
}
"""On the other boards, ST shares have the limits of all shares."""

DELISTING_LIMITS = {
    Board.CHINEXT: Dated(
        "price limit in the delisting period",
        Step.of(CHINEXT_OPENING, 100.0, OFFICIAL, SZSE),
        Step.of(CHINEXT_REFORM, 200.0, OFFICIAL, SZSE),
        unit=PER_MILLE,
    ),
}
"""By the first day of the period, so that one that had begun before the reform kept its limit."""

DELISTING_FREE_DAYS = Dated(
    "sessions without limits at the beginning of the delisting period",
    Step.of(OPENING, 0.0, OFFICIAL, EXCHANGES),
    Step.of("2020-12-31", 1.0, OFFICIAL, EXCHANGES),
    unit="sessions",
)


def _free_days(*steps: Step) -> Dated:
    return Dated("sessions without limits of shares listed on this day", *steps, unit="sessions")


REGISTERED = Step.of(MAIN_REFORM, 5.0, OFFICIAL, f"{EXCHANGES}: first registered listing")
FREE_DAYS = {
    (Board.MAIN, Exchange.SHANGHAI): _free_days(
        Step.of(OPENING, 1.0, OFFICIAL, SSE),
        Step.of("2013-12-13", 0.0, OFFICIAL, SSE),
        REGISTERED,
    ),
    (Board.MAIN, Exchange.SHENZHEN): _free_days(
        Step.of(OPENING, 1.0, OFFICIAL, SZSE),
        Step.of("2014-06-13", 0.0, OFFICIAL, SZSE),
        REGISTERED,
    ),
    (Board.CHINEXT, Exchange.SHENZHEN): _free_days(
        Step.of(CHINEXT_OPENING, 1.0, OFFICIAL, SZSE),
        Step.of("2014-06-13", 0.0, OFFICIAL, SZSE),
        Step.of(CHINEXT_REFORM, 5.0, OFFICIAL, SZSE),
    ),
    (Board.STAR, Exchange.SHANGHAI): _free_days(Step.of(STAR_OPENING, 5.0, OFFICIAL, SSE)),
    (Board.BEIJING, Exchange.BEIJING): _free_days(Step.of(BEIJING_OPENING, 1.0, OFFICIAL, BSE)),
    (Board.CONVERTIBLE, Exchange.SHANGHAI): _free_days(
        Step.of(OPENING, 1.0, OFFICIAL, SSE),
        Step.of("2022-08-01", 0.0, OFFICIAL, SSE),
    ),
    (Board.CONVERTIBLE, Exchange.SHENZHEN): _free_days(
        Step.of(OPENING, 1.0, OFFICIAL, SZSE),
        Step.of("2022-08-01", 0.0, OFFICIAL, SZSE),
    ),
    (Board.REIT, Exchange.SHANGHAI): _free_days(Step.of("2021-01-29", 0.0, OFFICIAL, SSE)),
    (Board.REIT, Exchange.SHENZHEN): _free_days(Step.of("2021-01-29", 0.0, UNCONFIRMED, SZSE)),
}
"""By the day of the listing. Funds have their usual limits from the first session on."""

FIRST_DAY_LIMITS = {
    Board.MAIN: (440, 360),
    Board.CHINEXT: (440, 360),
    Board.CONVERTIBLE: (573, 433),
    Board.REIT: (300, 300),
}
"""Per mille above and below the issue price in the first session, if that is not without limits."""

SAME_SESSION = "shares bought today can be sold from the next session on"
YES_OR_NO = "1: yes; 0: no"
NEXT_SESSION = Dated(
    SAME_SESSION,
    Step.of(OPENING, 0.0, OFFICIAL, EXCHANGES),
    Step.of("1995-01-01", 1.0, OFFICIAL, f"{EXCHANGES}; the first day has one source"),
    unit=YES_OR_NO,
)
SAME_SESSION_FUNDS = Dated(
    SAME_SESSION,
    *NEXT_SESSION.steps,
    Step.of("2015-01-19", 0.0, OFFICIAL, f"{EXCHANGES}; commodity futures funds follow later"),
    unit=YES_OR_NO,
)


def _tick_floor(*steps: Step) -> Dated:
    rule = "limits are at least one tick away from the reference price"
    return Dated(rule, *steps, unit=YES_OR_NO)


TICK_FLOOR = {
    Exchange.SHANGHAI: _tick_floor(
        Step.of(OPENING, 0.0, OFFICIAL, SSE),
        Step.of(MAIN_REFORM, 1.0, OFFICIAL, SSE),
    ),
    Exchange.SHENZHEN: _tick_floor(
        Step.of(OPENING, 0.0, OFFICIAL, SZSE),
        Step.of("2011-02-28", 1.0, OFFICIAL, SZSE),
    ),
    Exchange.BEIJING: _tick_floor(
        Step.of(BEIJING_OPENING, 0.0, UNCONFIRMED, BSE),
    ),
}
# Only Shanghai had the floor in the delisting period before it had it for all shares.
DELISTING_TICK_FLOOR = {
    **TICK_FLOOR,
    Exchange.SHANGHAI: _tick_floor(
        Step.of(OPENING, 0.0, OFFICIAL, SSE),
        Step.of("2013-01-01", 1.0, OFFICIAL, f"{SSE}: delisting board"),
    ),
}

TICK = {
    **dict.fromkeys(Board, 100),
    **dict.fromkeys((Board.FUND, Board.FUND_20, Board.REIT, Board.CONVERTIBLE), 1000),
}
"""Ticks a CNY."""


def _dividend_tax(holding: str, *steps: Step) -> Dated:
    return Dated(f"dividend tax of shares held {holding}", *steps, unit="of the dividend")


FLAT_TAX = Step.of("2005-06-13", 0.10, UNCONFIRMED, "Caishui 2005/102")
GRADED = "Caishui 2012/85"

DIVIDEND_TAX = (
    _dividend_tax("up to a month", FLAT_TAX, Step.of("2013-01-01", 0.20, OFFICIAL, GRADED)),
    _dividend_tax("up to a year", FLAT_TAX, Step.of("2013-01-01", 0.10, OFFICIAL, GRADED)),
    _dividend_tax(
        "longer",
        FLAT_TAX,
        Step.of("2013-01-01", 0.05, OFFICIAL, GRADED),
        Step.of("2015-09-08", 0.0, OFFICIAL, "Caishui 2015/101"),
    ),
)
"""By the ex-date of the dividend, of its cash and of the par value of its shares from profit."""
