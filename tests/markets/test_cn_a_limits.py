"""Price limits in whole ticks, and the reference prices that they come from."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import pytest

from backfleet.markets.cn_a.ticks import limit_ticks, reference_ticks
from markets.market_bars import bars_of


def test_limits_equal_those_of_exact_decimals_for_all_prices_up_to_100() -> None:
    ticks = np.arange(100.0, 10_001.0)
    for mille in (50, 100, 200, 300):
        widths = np.full(len(ticks), 1000 + mille), np.full(len(ticks), 1000 - mille)
        up, down = limit_ticks(ticks, *widths, np.zeros(len(ticks), np.bool_))
        for sign, limits in ((1, up), (-1, down)):
            exact = [
                int((Decimal(int(tick)) * (1000 + sign * mille) / 1000).quantize(
                    Decimal(1), ROUND_HALF_UP
                ))
                for tick in ticks
            ]  # fmt: skip
            assert limits.tolist() == exact


@pytest.mark.parametrize(
    ("reference", "mille", "limits"),
    [
        (1235, 100, (1359, 1112)),
        (1005, 100, (1106, 905)),
        (430, 50, (452, 409)),
        (555, 300, (722, 389)),
        (115, 100, (127, 104)),
        (777, 300, (1010, 544)),
    ],
)
def test_limits_round_half_up(reference: int, mille: int, limits: tuple[int, int]) -> None:
    widths = np.array([1000 + mille]), np.array([1000 - mille])
    up, down = limit_ticks(np.array([float(reference)]), *widths, np.array([False]))
    assert (up[0], down[0]) == limits


def test_the_reference_is_the_last_close_of_an_earlier_session() -> None:
    days = ["2024-01-02", "2024-01-03", "2024-01-03", "2024-01-04", "2024-01-05"]
    rows = [(close,) * 4 for close in (10.0, 10.1, 10.2, np.nan, 10.4)]
    bars = bars_of("600000", days, rows, tradable=[True, True, True, False, True])
    assert reference_ticks(bars, 100).tolist() == pytest.approx(
        [np.nan, 1000, 1000, 1020, 1020], nan_ok=True
    )


def test_the_reference_of_an_ex_date_is_rounded_half_up() -> None:
    days = ["2024-01-02", "2024-01-03", "2024-01-04"]
    bars = bars_of("600000", days, [(20.0,) * 4, (12.4,) * 4, (12.4,) * 4], factor=[1, 1, 1])
    ex = bars_of(
        "600000", days, [(20.0,) * 4, (12.4,) * 4, (12.4,) * 4], factor=[1, 20 / 12.36, 20 / 12.36]
    )
    assert reference_ticks(bars, 100)[1:].tolist() == [2000, 1240]
    assert reference_ticks(ex, 100)[1:].tolist() == [1236, 1240]
