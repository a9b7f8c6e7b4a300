"""The conformance tests of strategies hold for good ones, and fail for bad ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from backfleet import Bars, VectorStrategy
from backfleet.testing import StrategyConformance
from backfleet_strategies.sma_crossover import SmaCrossover
from backfleet_strategies.top_n_momentum import TopNMomentum


class TestVector(StrategyConformance):
    strategy = SmaCrossover


class TestPortfolio(StrategyConformance):
    strategy = TopNMomentum


class LooksAhead(VectorStrategy):
    def targets(self, bars: Bars) -> NDArray[np.float64]:
        return np.append(np.diff(bars.close) > 0, False).astype(np.float64)


class OfLooksAhead(StrategyConformance):
    strategy = LooksAhead
    markets = ("rising",)


TESTS = [name for name in dir(StrategyConformance) if name.startswith("test_")]


@pytest.mark.parametrize("test", TESTS)
def test_a_bad_strategy_fails_one_test(test: str) -> None:
    call: Callable[[], None] = getattr(OfLooksAhead(), test)
    if test != "test_no_signal_depends_on_later_bars":
        call()
        return
    with pytest.raises(AssertionError, match=r"rising, bar \d+ \(2018-.*depends on later bars"):
        call()
