"""Leaks are found, whatever they look like, and the first bar that leaks is named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import backtrader as bt
import numpy as np
import pytest
from numpy.typing import NDArray

from backfleet import Bars, Panel, VectorStrategy
from backfleet.check import CheckCase, Status
from backfleet.check.look_ahead import check_look_ahead
from backfleet.check.result import CheckResult
from backfleet.indicators import sma

Floats = NDArray[np.float64]


def leak_of(subject: CheckCase, strategy: type) -> CheckResult:
    return check_look_ahead([replace(subject, strategy=strategy, params={})])


class Normalized(VectorStrategy):
    """Takes the mean of all closes, also of those to come."""

    def targets(self, bars: Bars) -> Floats:
        return np.where(bars.close > bars.close.mean(), 1.0, 0.0)


class LateLeak(VectorStrategy):
    """Looks a bar ahead, but for the first hundred bars."""

    def targets(self, bars: Bars) -> Floats:
        positions = np.where(bars.close > sma(bars.close, 15), 1.0, 0.0)
        positions[100:-1] = bars.close[101:] > bars.close[100:-1]
        return positions


class ClosesAtTheEnd(VectorStrategy):
    """Knows which bar is the last."""

    def targets(self, bars: Bars) -> Floats:
        positions = np.ones(len(bars))
        positions[-1] = 0.0
        return positions


class NeedsMany(VectorStrategy):
    """Refuses bars that are too few for it, which is no leak."""

    def targets(self, bars: Bars) -> Floats:
        if len(bars) < 200:
            raise ValueError("needs 200 bars")
        return np.where(bars.close > sma(bars.close, 15), 1.0, 0.0)


class CrashesWhileShort(VectorStrategy):
    """Has no signals for some bars, and raises while its history is short; no leak either."""

    def targets(self, bars: Bars) -> Floats:
        if 25 < len(bars) < 120:
            raise ZeroDivisionError("division by zero")
        return np.where(bars.close > sma(bars.close, 60), 1.0, np.nan)


class Peeks(bt.Strategy):
    """Reads the next close, where there is one."""

    def next(self) -> None:
        if len(self) + 1 < self.data.buflen() and len(self) > 40:
            if self.data.close[1] > self.data.close[0] * 1.02 and not self.position:
                self.buy(size=1)
            elif self.data.close[1] < self.data.close[0] and self.position:
                self.close()


class RanksLater(VectorStrategy):
    """Holds of several symbols the one that will have risen most."""

    target = "percent"

    def portfolio_targets(self, universe: Panel) -> Floats:
        best = np.nanargmax(universe.close[-1] / universe.close)
        return np.where(np.arange(len(universe.bars)) == best % 3, 0.5, 0.0) + 0 * universe.close


@pytest.mark.parametrize(
    ("strategy", "first"), [(Normalized, 0), (LateLeak, 100), (ClosesAtTheEnd, 0)]
)
def test_the_first_bar_that_leaks_is_named(one: CheckCase, strategy: type, first: int) -> None:
    result = leak_of(one, strategy)
    assert result.status is Status.FAILED
    assert result.place is not None
    # Whether a bar leaks may depend on its price; the first that can is meant, or one soon after.
    assert first <= result.place.bar <= first + 5
    assert result.place.session == str(one.bars[0].session[result.place.bar])


def test_a_backtrader_strategy_that_peeks_is_caught_at_its_first_order(one: CheckCase) -> None:
    orders = replace(one, strategy=Peeks, params={}).run().orders
    result = leak_of(one, Peeks)
    assert result.status is Status.FAILED
    assert result.place is not None
    first = int(np.searchsorted(one.bars[0].time, orders["created"][0]))
    assert 40 <= result.place.bar <= first


def test_a_crash_on_a_short_history_is_no_leak(one: CheckCase) -> None:
    assert leak_of(one, CrashesWhileShort).status is Status.PASSED


def test_a_strategy_that_refuses_few_bars_does_not_leak(one: CheckCase) -> None:
    assert leak_of(one, NeedsMany).status is Status.PASSED


def test_a_portfolio_leaks_too(subjects: Callable[..., Sequence[CheckCase]]) -> None:
    (portfolio,) = subjects("top-n-momentum")
    assert leak_of(portfolio, RanksLater).status is Status.FAILED


def test_extra_columns_and_auxiliary_feeds_have_another_future_too(one: CheckCase) -> None:
    (bars,) = one.bars
    with_more = replace(bars, extra={"pe": bars.close.copy()}, auxiliary={"index": bars})

    class UsesExtra(VectorStrategy):
        def targets(self, bars: Bars) -> Floats:
            return np.append(np.diff(bars.extra["pe"]) > 0, False).astype(np.float64)

    class UsesFeed(VectorStrategy):
        def targets(self, bars: Bars) -> Floats:
            return np.append(np.diff(bars.auxiliary["index"].volume) > 0, False).astype(np.float64)

    for strategy in (UsesExtra, UsesFeed):
        assert leak_of(one.on((with_more,)), strategy).status is Status.FAILED
