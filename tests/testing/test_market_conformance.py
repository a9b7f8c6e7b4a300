"""The conformance tests of markets hold for good ones, and fail for bad ones."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest

from backfleet.bars import Bars
from backfleet.facts import SymbolFacts
from backfleet.market import Certainty, Dated, Market, Step
from backfleet.markets.cn_a.market import CnAMarket
from backfleet.markets.crypto import Crypto
from backfleet.markets.none import NoRules
from backfleet.markets.us_equity import UsEquity
from backfleet.terms import Limits, Terms
from backfleet.testing import MarketConformance
from market_of_a_stranger import ENTRY_POINTS, MODULE


class TestCnA(MarketConformance):
    market = CnAMarket
    symbol = "600000"


class TestStar(MarketConformance):
    market = CnAMarket
    symbol = "688001"


class TestUsEquity(MarketConformance):
    market = UsEquity
    symbol = "AAPL"


class TestCrypto(MarketConformance):
    market = Crypto
    symbol = "BTCUSDT"


class TestNoRules(MarketConformance):
    market = NoRules
    symbol = "ANY"


class KnowsTheClose(Market):
    """Its limits are those of the close that nobody knows at the open."""

    name = "knows the close"
    rules = ("limits", "limits")

    def terms(self, bars: Bars, facts: SymbolFacts, off: frozenset[str]) -> Terms:
        return Terms.neutral(len(bars))

    def limits(self, bars: Bars, facts: SymbolFacts, off: frozenset[str]) -> Limits:
        return Limits(bars.raw.close, np.zeros(len(bars)), 0.01)

    def tables(self, facts: SymbolFacts) -> tuple[Dated, ...]:
        return (Dated("limit", Step.of("2000-01-01", 1.0, Certainty.OFFICIAL)),)


class KnowsTheEnd(Market):
    """Its fee depends on the last bar, on the facts and on how often it was asked."""

    name = "knows-the-end"
    rules = ("fee",)
    calls = 0

    def terms(self, bars: Bars, facts: SymbolFacts, off: frozenset[str]) -> Terms:
        assert facts.listed is not None
        assert not off
        KnowsTheEnd.calls += 1
        fee = np.full(len(bars), 1e-5 * bars.raw.close[-1] + KnowsTheEnd.calls)
        return Terms.neutral(len(bars)).having(buy_tax=fee)


class OfKnowsTheClose(MarketConformance):
    market = KnowsTheClose
    symbol = "X"


class OfKnowsTheEnd(MarketConformance):
    market = KnowsTheEnd
    symbol = "X"


@pytest.mark.parametrize(
    ("tests", "test"),
    [
        (OfKnowsTheClose, "test_the_names_of_its_rules_can_be_written_in_a_job"),
        (OfKnowsTheClose, "test_no_term_depends_on_what_follows_the_open_of_its_bar"),
        (OfKnowsTheClose, "test_without_any_rule_the_account_is_that_of_no_market"),
        (OfKnowsTheClose, "test_every_step_of_a_table_can_be_shown"),
        (OfKnowsTheEnd, "test_every_rule_can_be_switched_off_alone"),
        (OfKnowsTheEnd, "test_terms_follow_from_bars_and_facts_alone"),
        (OfKnowsTheEnd, "test_facts_may_be_unknown"),
        (OfKnowsTheEnd, "test_no_term_depends_on_a_later_bar"),
    ],
)
def test_a_bad_market_fails(tests: type[MarketConformance], test: str) -> None:
    with pytest.raises(AssertionError):
        getattr(tests(), test)()


ITS_TESTS = """
from acme_market import Acme
from backfleet.plugins import load_plugin
from backfleet.market import Market
from backfleet.testing import MarketConformance

class TestAcme(MarketConformance):
    market = Acme
    symbol = "X"

def test_jobs_find_it():
    assert load_plugin("market", "acme", Market) is Acme
"""


def test_the_package_of_a_stranger_is_tested_in_its_own_process(
    installed: Callable[..., dict[str, str]],
) -> None:
    env = installed("acme", {**MODULE, "acme_tests.py": ITS_TESTS}, ENTRY_POINTS)
    site = env["PYTHONPATH"].partition(":")[0]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "acme_tests.py"]
    done = subprocess.run(
        command, cwd=site, env={"PATH": "", **env}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "10 passed" in done.stdout
