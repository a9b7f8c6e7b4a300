"""Checks of strategies whose orders follow the rules of a market."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import backtrader as bt
import numpy as np
import pytest

from backfleet import Bars, VectorStrategy
from backfleet.bars import BarsWindow
from backfleet.check import CheckCase, CheckResult, Status, check_cases_of
from backfleet.check.look_ahead import check_look_ahead
from backfleet.check.request import check_job
from backfleet.check.scale import check_scale
from backfleet.facts import SymbolFacts
from backfleet.job import Overrides
from backfleet.market import MarketSettings
from backfleet.markets.cn_a.market import CnAMarket
from backfleet.plan.plan import plan_job
from markets.market_bars import bars_of

JOB = Path(__file__).parents[2] / "examples" / "jobs" / "sma-cn-a.toml"


class BuysWithCash(bt.Strategy):
    """Divides its cash by the price that it sees, as most scripts do."""

    def next(self) -> None:
        if len(self) % 10 == 1:
            self.buy(size=int(self.broker.getcash() * 0.3 / self.data.close[0]))
        elif len(self) % 10 == 6:
            self.close()


class BuysCheap(bt.Strategy):
    def next(self) -> None:
        if self.data.close[0] < 5.0:
            self.order_target_percent(target=0.5)


class HoldsShares(VectorStrategy):
    """Its sizes are traded shares in a market, and adjusted ones without."""

    target = "size"

    def targets(self, bars: Bars) -> np.ndarray:
        return np.where(np.arange(len(bars)) % 7 < 4, 500.0, 0.0)


def in_market(strategy: type) -> CheckCase:
    """Return a strategy on bars with two splits, under the rules of cn-a."""
    days = np.busday_offset(np.datetime64("2024-01-02"), np.arange(80)).astype(str).tolist()
    steps = np.arange(80)
    factor = np.where(steps < 30, 1.0, np.where(steps < 60, 2.0, 2.6))
    close = np.round(20.0 * (1 + 0.02 * np.sin(steps)) / factor, 2)
    bars = bars_of("600000", days, [(price,) * 4 for price in close], factor=factor.tolist())
    market = CnAMarket().follow(bars, SymbolFacts("600000"), MarketSettings(actions="factor"))
    return CheckCase(strategy, (market.window(BarsWindow()),))


@pytest.mark.parametrize("check", [check_look_ahead, check_scale])
@pytest.mark.parametrize("strategy", [BuysWithCash, HoldsShares])
def test_sizes_in_traded_shares_pass(check: Callable[..., CheckResult], strategy: type) -> None:
    case = in_market(strategy)
    assert len(case.run().fills) > 5
    result = check([case])
    assert result.status is Status.PASSED, str(result)
    assert "fixed" not in str(result)


def test_the_level_of_adjusted_prices_fails() -> None:
    result = check_scale([in_market(BuysCheap)])
    assert result.status is Status.FAILED
    assert "level of adjusted prices" in str(result)


def test_the_market_of_a_job_is_taken() -> None:
    job = check_job("sma-crossover", str(JOB), "csv", Overrides((), "600519"))
    (case,) = check_cases_of(plan_job(job))
    assert case.in_market
    assert case.engines == ("vector", "backtrader", "backtrader-stock")
    (bars,) = case.bars
    # Signals after a cut must not see other shares than before it.
    assert bars[:300].seen_scale.tolist() == bars.seen_scale[:300].tolist()
