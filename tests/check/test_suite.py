"""Good strategies pass all checks, bad ones fail the one that they are bad at."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import backtrader as bt
import numpy as np
import pytest
from numpy.typing import NDArray

from backfleet import Bars, VectorStrategy
from backfleet.check import CHECKS, CheckCase, CheckResult, Status, check_strategy
from backfleet.check.running import describe_error
from backfleet.plugins import list_plugins
from backfleet.strategy import locate_strategy

Find = Callable[..., Sequence[CheckCase]]
Failures = Callable[..., dict[str, CheckResult]]

BAD = {
    "parameters": "callable_parameter.py:CallableParameter",
    "signals": "never_trades.py:NeverTrades",
    "deterministic": "remembers_tasks.py:RemembersTasks",
    "look-ahead": "looks_ahead.py:LooksAhead",
    "warm-up": "counts_from_the_first_bar.py:CountsFromTheFirstBar",
    "scale": "buys_cheap_shares.py:BuysCheapShares",
    "engines": "knows_its_engine.py:KnowsItsEngine",
    "wheel": "needs_its_folder.py:NeedsItsFolder",
}


def test_there_is_a_bad_strategy_for_every_check() -> None:
    assert tuple(BAD) == CHECKS


def test_an_error_that_was_never_raised_is_described_without_a_line() -> None:
    """Such as the cause of another: `raise ... from ValueError()`."""
    assert describe_error(ValueError("too few")) == "ValueError: too few"


@pytest.mark.parametrize("check", [*BAD][:-1])
def test_a_bad_strategy_fails_its_check_and_no_other(
    check: str, bad_strategies: Path, subjects: Find, failures: Failures
) -> None:
    strategy = f"{bad_strategies}/{BAD[check]}"
    assert list(failures(subjects(strategy, symbols="600519"))) == [check]


@pytest.mark.parametrize(
    "check", [*(pytest.param(name, marks=pytest.mark.testbed) for name in [*BAD][:-1]), "wheel"]
)
def test_nor_does_a_bad_strategy_fail_from_its_wheel_but_one(
    check: str, bad_strategies: Path, subjects: Find, failures: Failures
) -> None:
    strategy = f"{bad_strategies}/{BAD[check]}"
    assert list(failures(subjects(strategy), strategy)) == [check]


@pytest.mark.parametrize("strategy", [plugin.name for plugin in list_plugins("strategy")])
def test_an_installed_strategy_passes(strategy: str, subjects: Find, failures: Failures) -> None:
    symbols = None if strategy == "top-n-momentum" else "600519"
    assert failures(subjects(strategy, symbols=symbols)) == {}


class Crossing(bt.Strategy):
    """As a user writes one."""

    params = (("period", 15),)

    def __init__(self) -> None:
        self.signal = bt.indicators.CrossOver(
            self.data.close, bt.indicators.SMA(period=self.p.period)
        )

    def next(self) -> None:
        if self.signal > 0:
            self.buy(size=10)
        elif self.signal < 0 and self.position:
            self.close()

    def stop(self) -> None:
        self.close()


def test_a_backtrader_strategy_passes_even_if_it_closes_its_position_at_the_end(
    one: CheckCase, failures: Failures
) -> None:
    assert failures([replace(one, strategy=Crossing, params={})]) == {}


def test_what_a_failed_check_leaves_nothing_to_compare_for_is_skipped(
    bad_strategies: Path, subjects: Find
) -> None:
    strategy = f"{bad_strategies}/{BAD['signals']}"
    results = list(check_strategy(subjects(strategy), locate_strategy(strategy)))
    skipped = [result.check for result in results if result.status is Status.SKIPPED]
    assert skipped == ["deterministic", "look-ahead", "warm-up", "scale", "engines", "wheel"]
    assert results[-1].message == "the check 'signals' failed, so there is nothing to compare"
    assert "--data" in results[1].message


class Raises(VectorStrategy):
    at: int = 0

    def targets(self, bars: Bars) -> NDArray[np.float64]:
        while self.at == 2:
            pass
        raise (SystemExit(0), KeyError("moon"))[self.at]


@pytest.mark.parametrize(
    ("at", "name"),
    [(0, "SystemExit: 0"), (1, "KeyError: 'moon'"), (2, "TimeLimitExceeded: it takes .* 0.5 s.*")],
)
def test_a_strategy_that_raises_is_told_with_the_line(
    one: CheckCase, failures: Failures, at: int, name: str
) -> None:
    failed = failures([replace(one, strategy=Raises, params={"at": at}, timeout=0.5)])
    assert list(failed) == ["signals"]
    place = re.escape(f"({__file__}, line")
    assert re.match(f"600519: raises {name} {place}", failed["signals"].message)


def test_a_strategy_that_draws_from_a_generator_of_its_own_is_not_deterministic(
    one: CheckCase, failures: Failures
) -> None:
    class Draws(VectorStrategy):
        def targets(self, bars: Bars) -> NDArray[np.float64]:
            return np.random.default_rng().integers(0, 2, len(bars)).astype(np.float64)

    class Seeded(VectorStrategy):
        def targets(self, bars: Bars) -> NDArray[np.float64]:
            return np.random.randint(0, 2, len(bars)).astype(np.float64)

    assert list(failures([replace(one, strategy=Draws, params={})])) == ["deterministic"]
    assert "deterministic" not in failures([replace(one, strategy=Seeded, params={})])


def test_metrics_count_as_what_a_strategy_comes_to(one: CheckCase, failures: Failures) -> None:
    count: list[Any] = []

    class Counts(VectorStrategy):
        def targets(self, bars: Bars) -> NDArray[np.float64]:
            count.append(None)
            self.metrics["runs"] = len(count)
            return np.ones(len(bars))

    failed = failures([replace(one, strategy=Counts, params={})])
    assert list(failed) == ["deterministic"]
    assert "metrics" in failed["deterministic"].message
