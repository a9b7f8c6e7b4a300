"""How much history a signal needs is found, and that it needs all of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from backfleet import Bars, VectorStrategy
from backfleet.check import CheckCase, Status
from backfleet.check.warmup import check_warmup


class Cumulates(VectorStrategy):
    """Compares with the mean of all closes so far."""

    def targets(self, bars: Bars) -> NDArray[np.float64]:
        so_far = np.cumsum(bars.close) / np.arange(1, len(bars) + 1)
        return np.where(bars.close > so_far, 1.0, 0.0)


@pytest.mark.parametrize(("period", "enough"), [(15, 16), (60, 64), (100, 128)])
def test_it_says_how_many_bars_are_enough(
    subjects: Callable[..., Sequence[CheckCase]], period: int, enough: int
) -> None:
    result = check_warmup(subjects("sma-crossover", f"period={period}"))
    assert result.status is Status.PASSED
    assert f"from {enough} bars of history on" in result.message


def test_what_never_forgets_fails(subjects: Callable[..., Sequence[CheckCase]]) -> None:
    cases = [replace(case, strategy=Cumulates, params={}) for case in subjects("buy-and-hold")]
    result = check_warmup(cases)
    assert result.status is Status.FAILED
    assert result.place is not None
    assert result.place.bar >= 304


class NeedsMany(VectorStrategy):
    """Raises with a history that is too short."""

    def targets(self, bars: Bars) -> NDArray[np.float64]:
        if bars.warmup < 280:
            raise ValueError("needs 280 bars of history")
        return np.where(bars.close > bars.open, 1.0, 0.0)


def test_a_crash_on_a_short_history_is_skipped(
    subjects: Callable[..., Sequence[CheckCase]],
) -> None:
    cases = [replace(case, strategy=NeedsMany, params={}) for case in subjects("buy-and-hold")]
    result = check_warmup(cases[:1])
    assert result.status is Status.SKIPPED
    assert "raises ValueError with" in result.message
