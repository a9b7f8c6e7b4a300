"""Tests that every strategy should pass, for subclassing in the tests of its own package."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from backfleet.bars import Bars
from backfleet.check.check_case import CheckCase
from backfleet.check.determinism import check_determinism
from backfleet.check.engines import check_engines
from backfleet.check.look_ahead import check_look_ahead
from backfleet.check.parameters import check_parameters
from backfleet.check.result import CheckResult, Status
from backfleet.check.running import check_signals
from backfleet.check.scale import check_scale
from backfleet.check.warmup import check_warmup
from backfleet.engine import Outcome
from backfleet.testing.markets import BARS, MARKETS, synthetic_bars
from backfleet.vector_strategy import VectorStrategy

__all__ = ["StrategyConformance", "run_strategy"]


class StrategyConformance:
    """The checks of `backfleet check` as tests, on synthetic bars::

        class TestMyFactor(StrategyConformance):
            strategy = MyFactor

    Attributes
    ----------
    strategy
        The class.
    params
        A value for each parameter that is to differ from its default.
    markets
        Of `backfleet.testing.MARKETS`; a strategy that compares symbols has them as one portfolio.
    bars
        Of each; the check of the warm-up suffices for a look back on three eighths of them.
    """

    strategy: ClassVar[type]
    params: ClassVar[Mapping[str, Any]] = {}
    markets: ClassVar[Sequence[str]] = MARKETS
    bars: ClassVar[int] = BARS

    def subjects(self) -> Sequence[CheckCase]:
        """Return the cases to check; a subclass may give bars of its own."""
        bars = tuple(synthetic_bars(market, self.bars) for market in self.markets)
        # A strategy that compares symbols has nothing to compare in one of them.
        if issubclass(self.strategy, VectorStrategy) and self.strategy.is_cross_sectional():
            return [CheckCase(self.strategy, bars, self.params)]
        return [CheckCase(self.strategy, (symbol_bars,), self.params) for symbol_bars in bars]

    def test_parameters_can_be_set_by_a_job(self) -> None:
        _assert_passed(check_parameters(self.subjects()[0]))

    def test_it_runs_and_makes_orders(self) -> None:
        self._check(check_signals)

    def test_it_is_deterministic(self) -> None:
        self._check(check_determinism)

    def test_no_signal_depends_on_later_bars(self) -> None:
        self._check(check_look_ahead)

    def test_no_signal_depends_on_how_much_history_precedes(self) -> None:
        self._check(check_warmup)

    def test_no_signal_depends_on_the_level_of_adjusted_prices(self) -> None:
        self._check(check_scale)

    def test_every_engine_comes_to_the_same(self) -> None:
        self._check(check_engines)

    def _check(self, check: Callable[[Sequence[CheckCase]], CheckResult]) -> None:
        _assert_passed(check(self.subjects()))


def _assert_passed(result: CheckResult) -> None:
    # A check that was skipped has proved nothing.
    if result.status is not Status.PASSED:
        raise AssertionError(str(result))


def run_strategy(strategy: type, *bars: Bars, **params: Any) -> Outcome:
    """Run a strategy on bars, with much cash and without commission; several are a portfolio.

    Parameters
    ----------
    params
        A value for each parameter that is to differ from its default.
    """
    return CheckCase(strategy, bars, params).run()
