"""Synthetic bars are what they say, and the same every time."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest

from backfleet import Bars
from backfleet.testing import MARKETS, synthetic_bars


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize("count", [20, 500])
def test_bars_are_sound(market: str, count: int) -> None:
    bars = synthetic_bars(market, count)
    assert len(bars) == count
    for prices in (bars.raw, bars.prices):
        assert (prices.low > 0).all()
        assert (prices.low <= np.minimum(prices.open, prices.close)).all()
        assert (prices.high >= np.maximum(prices.open, prices.close)).all()
    assert bars.is_daily
    assert np.is_busday(bars.session).all()


def test_they_are_the_same_in_every_process() -> None:
    code = "from backfleet.testing import *; print(*(synthetic_bars(m).digest() for m in MARKETS))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [synthetic_bars(market).digest() for market in MARKETS]


def test_trends_go_their_way(
    rising_bars: Bars, falling_bars: Bars, sideways_bars: Bars, choppy_bars: Bars
) -> None:
    assert rising_bars.close[-1] > 1.5 * rising_bars.close[0]
    assert falling_bars.close[-1] < 0.6 * falling_bars.close[0]
    assert 0.8 < sideways_bars.close[-1] / sideways_bars.close[0] < 1.25
    assert 0.3 < choppy_bars.close[-1] / choppy_bars.close[0] < 3.0


def test_gaps_lie_between_a_close_and_the_next_open(gapped_bars: Bars) -> None:
    overnight = gapped_bars.open[1:] / gapped_bars.close[:-1] - 1.0
    assert np.count_nonzero(np.abs(overnight) > 0.07) == 20
    assert (overnight.max(), overnight.min()) == pytest.approx((0.08, -0.08), abs=1e-3)


def test_halts_are_not_tradable_and_change_no_price(halted_bars: Bars) -> None:
    halted = ~halted_bars.tradable
    assert 30 < np.count_nonzero(halted) < 60
    assert (halted_bars.volume[halted] == 0).all()
    rows = np.flatnonzero(halted)
    assert (halted_bars.close[rows] == halted_bars.close[rows - 1]).all()


def test_on_limit_days_there_is_one_price(limit_bars: Bars) -> None:
    still = limit_bars.high == limit_bars.low
    assert np.count_nonzero(still) == 17
    rows = np.flatnonzero(still)
    moves = limit_bars.close[rows] / limit_bars.close[rows - 1] - 1.0
    assert np.abs(moves) == pytest.approx(0.1, abs=1e-3)


def test_splits_show_in_traded_prices_only(split_bars: Bars) -> None:
    traded = split_bars.raw.close[1:] / split_bars.raw.close[:-1]
    adjusted = split_bars.close[1:] / split_bars.close[:-1]
    assert np.sort(traded)[:2] == pytest.approx([0.1, 0.5], rel=0.05)
    assert np.abs(adjusted - 1.0).max() < 0.05
    assert split_bars.close[-1] == split_bars.raw.close[-1]


def test_an_unknown_market_is_refused(synthetic_bars: Callable[..., Bars]) -> None:
    with pytest.raises(ValueError, match=r"no market is named 'moon'; there are rising, falling"):
        synthetic_bars("moon")
    with pytest.raises(ValueError, match="at least 20"):
        synthetic_bars("rising", 5)


def test_pytest_loads_nothing_heavy_for_the_plugin() -> None:
    code = (
        "import sys, backfleet.testing.plugin; "
        "print([m for m in ('numpy', 'pydantic', 'backtrader') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
