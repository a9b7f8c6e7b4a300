"""Markets: what `apply` adds to every market, switching rules off, and a stranger's market."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from datetime import date

import pytest

from backfleet.engine import RejectReason
from backfleet.errors import MarketError
from backfleet.facts import SymbolFacts
from backfleet.market import MarketSettings
from backfleet.markets.cn_a.market import CnAMarket
from backfleet.markets.us_equity import UsEquity
from backfleet.terms import TERMS
from market_of_a_stranger import ENTRY_POINTS, MODULE
from markets.market_bars import bars_of

Cli = Callable[..., subprocess.CompletedProcess[str]]

DAYS = ["2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05", "2024-01-08"]
FACTS = SymbolFacts("600000")

UP, DOWN = RejectReason.LIMIT_UP, RejectReason.LIMIT_DOWN


def test_opens_at_a_limit_block_one_side() -> None:
    rows = [
        (10.0, 10.0, 10.0, 10.0),
        (11.0, 11.0, 10.5, 10.0),
        (9.0, 9.5, 9.0, 10.0),
        (11.0, 11.0, 11.0, 11.0),
        (9.9, 9.9, 9.9, 9.9),
    ]
    bars = bars_of("600000", DAYS, rows)
    terms = CnAMarket().apply(bars, FACTS, MarketSettings())
    assert terms.buy_block.tolist() == [0, UP, 0, UP, 0]
    assert terms.sell_block.tolist() == [0, 0, DOWN, 0, DOWN]
    lenient = CnAMarket().apply(bars, FACTS, MarketSettings(limit_fill="bar"))
    assert lenient.buy_block.tolist() == [0, 0, 0, UP, 0]
    assert lenient.sell_block.tolist() == [0, 0, 0, 0, DOWN]


def test_orders_die_in_a_halted_session_unless_they_wait() -> None:
    bars = bars_of("600000", DAYS, [(10.0,) * 4] * 5, tradable=[True, True, False, False, True])
    assert CnAMarket().apply(bars, FACTS, MarketSettings()).missed.tolist()[-1] is True
    waiting = CnAMarket().apply(bars, FACTS, MarketSettings(orders="wait"))
    assert not waiting.missed.any()


def test_a_halt_within_a_session_does_not_end_an_order() -> None:
    days = ["2024-01-02", "2024-01-03", "2024-01-03", "2024-01-03", "2024-01-04"]
    bars = bars_of("600000", days, [(10.0,) * 4] * 5, tradable=[True, True, False, True, True])
    assert not CnAMarket().apply(bars, FACTS, MarketSettings()).missed.any()


def test_the_volume_share_is_a_whole_number_of_shares() -> None:
    bars = bars_of("600000", DAYS, [(10.0,) * 4] * 5, volume=1030)
    terms = CnAMarket().apply(bars, FACTS, MarketSettings(volume_share=0.25))
    assert terms.cap.tolist() == [257.0] * 5


def test_orders_outside_the_listing_are_blocked() -> None:
    facts = SymbolFacts("600000", listed=date(2024, 1, 3), delisted=date(2024, 1, 8))
    bars = bars_of("600000", DAYS, [(10.0,) * 4] * 5)
    terms = CnAMarket().apply(bars, facts, MarketSettings())
    gone = RejectReason.UNLISTED
    assert terms.buy_block.tolist() == [gone, 0, 0, 0, gone]
    assert terms.sell_block.tolist() == [gone, 0, 0, 0, gone]


def test_a_value_that_nobody_has_checked_is_refused() -> None:
    bars = bars_of("AAPL", ["2026-01-02"], [(10.0,) * 4])
    with pytest.raises(MarketError, match="checked for days before 2026-01-01"):
        UsEquity().terms(bars, SymbolFacts("AAPL"), frozenset())
    without = UsEquity().terms(bars, SymbolFacts("AAPL"), frozenset({"section-31"}))
    assert without.steady.sell_tax[0] == 0


def test_days_outside_the_tables_are_neutral_and_others_as_without_them() -> None:
    days = ["1997-05-08", "1997-05-09", "1997-05-12", "1997-05-13", "1997-05-14"]
    prices = [10.0, 10.0, 10.0, 11.0, 9.9]
    bars = bars_of("600000", days, [(price,) * 4 for price in prices])
    terms = CnAMarket().apply(bars, FACTS, MarketSettings())
    assert terms.steady.step.tolist() == [0.0, 0.0, 100.0, 100.0, 100.0]
    assert [int(block.argmax()) for _, block in terms.blocks] == [3, 4]
    later = CnAMarket().apply(bars[2:], FACTS, MarketSettings())
    for name in TERMS:
        assert terms.column(name)[2:].tolist() == later.column(name).tolist(), name
    ended = bars_of("AAPL", ["2025-12-30", "2025-12-31", "2026-01-02"], [(10.0,) * 4] * 3)
    stepped = UsEquity().apply(ended, SymbolFacts("AAPL"), MarketSettings())
    assert stepped.steady.step.tolist() == [1.0, 1.0, 0.0]


def test_bars_of_which_no_day_is_covered_are_refused() -> None:
    bars = bars_of("600000", ["1991-01-02", "1991-01-03"], [(10.0,) * 4] * 2)
    with pytest.raises(MarketError, match="the table begins on"):
        CnAMarket().apply(bars, FACTS, MarketSettings())


def test_us_equity_charges_sales_by_date() -> None:
    days = ["2021-02-24", "2021-02-25", "2025-05-13", "2025-05-14"]
    terms = UsEquity().terms(bars_of("AAPL", days, [(10.0,) * 4] * 4), FACTS, frozenset())
    assert terms.steady.sell_tax.tolist() == [22.10e-6, 5.10e-6, 27.80e-6, 0.0]
    assert terms.steady.shorts.all()


def test_show_says_what_held_on_a_day_and_from_which_source(backfleet: Cli) -> None:
    shown = backfleet(
        "markets", "show", "cn-a", "--on", "2020-08-24", "--symbol", "300750", "--json"
    )
    rules = {rule["rule"]: rule for rule in json.loads(shown.stdout)}
    assert rules["price limit"]["value"] == "200"
    assert rules["price limit"]["since"] == "2020-08-24"
    assert rules["price limit"]["source"] == "Shenzhen Stock Exchange"
    assert rules["stamp duty of sales"]["until"] == "2023-08-28"
    text = backfleet("markets", "show", "cn-a", "--on", "2020-08-24", "--symbol", "300750").stdout
    assert re.search(r"^price limit +20 +% of the reference price; 0: none", text, re.MULTILINE)
    assert re.search(r"^stamp duty of sales +0.1 +% of the value", text, re.MULTILINE)


def test_a_market_of_another_package_is_shown_like_any_other(
    backfleet: Cli, installed: Callable[..., dict[str, str]]
) -> None:
    env = installed("acme", MODULE, ENTRY_POINTS)
    shown = backfleet("markets", "show", "acme", "--on", "2024-01-02", "--symbol", "X", env=env)
    assert "Acme" in shown.stdout
    early = backfleet("markets", "show", "acme", "--on", "1999-12-31", "--symbol", "X", env=env)
    assert early.returncode == 2
    assert "lot: the table begins on 2000-01-01, and 1999-12-31 is earlier\n" in early.stderr
