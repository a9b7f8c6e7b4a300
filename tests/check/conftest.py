"""Strategies on the sample data, to be checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from backfleet.check import CheckCase, CheckResult, Status, check_cases_of, check_strategy
from backfleet.check.request import check_job
from backfleet.job import Overrides
from backfleet.plan.plan import plan_job
from backfleet.strategy import locate_strategy


@pytest.fixture(scope="session")
def bad_strategies() -> Path:
    """The folder of strategies that fail one check each."""
    return Path(__file__).parent.parent.parent / "examples" / "bad-strategies"


@pytest.fixture(scope="session")
def subjects() -> Callable[..., Sequence[CheckCase]]:
    """A strategy, by its reference, on the sample data."""

    def find(strategy: str, *params: str, symbols: str | None = None) -> Sequence[CheckCase]:
        job = check_job(strategy, None, "csv", Overrides(params, symbols))
        return check_cases_of(plan_job(job))

    return find


@pytest.fixture
def one(subjects: Callable[..., Sequence[CheckCase]]) -> CheckCase:
    """The bars of one symbol, with a strategy to be replaced."""
    (subject,) = subjects("sma-crossover", symbols="600519")
    return subject


@pytest.fixture(scope="session")
def failures() -> Callable[..., dict[str, CheckResult]]:
    """The checks that a strategy fails, by name; that of its wheel only where it is named."""

    def find(subjects: Sequence[CheckCase], strategy: str | None = None) -> dict[str, Any]:
        results = check_strategy(subjects, locate_strategy(strategy) if strategy else None)
        return {result.check: result for result in results if result.status is Status.FAILED}

    return find
