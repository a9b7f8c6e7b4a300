"""Bars: windows, adjustment, digests."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfleet.bars import Bars, BarsWindow, Prices

START = date(2020, 1, 1)


def make_bars(count: int, factors: list[float] | None = None) -> Bars:
    """Bars of consecutive days from the first of January 2020."""
    session = np.datetime64(START, "D") + np.arange(count)
    close = np.arange(count, dtype=np.float64) + 10
    raw = Prices(close - 0.5, close + 1.0, close - 1.0, close)
    return Bars(
        symbol="X",
        time=session.astype("datetime64[ns]").view(np.int64),
        session=session,
        prices=raw,
        raw=raw,
        volume=np.full(count, 100.0),
        factor=np.array(factors if factors is not None else [1.0] * count),
        tradable=np.ones(count, dtype=np.bool_),
        extra={"pe": np.arange(count, dtype=np.float64)},
    )


def day(offset: int) -> date:
    return START + timedelta(days=offset)


def test_arrays_are_read_only() -> None:
    bars = make_bars(3)
    for column in (bars.time, bars.close, bars.raw.open, bars.factor, bars.extra["pe"]):
        with pytest.raises(ValueError, match="read-only"):
            column[0] = 1


@given(
    count=st.integers(1, 30),
    start=st.integers(-5, 35),
    end=st.integers(-5, 35),
    warmup=st.integers(0, 10),
)
def test_a_window_has_the_sessions_between_its_ends_and_the_warmup_before(
    count: int, start: int, end: int, warmup: int
) -> None:
    bars = make_bars(count).window(BarsWindow(day(start), day(end), warmup))
    inside = [offset for offset in range(count) if start <= offset <= end]
    expected = [*range(max(0, inside[0] - warmup), inside[0]), *inside] if inside else []
    assert [session.item() for session in bars.session] == [day(offset) for offset in expected]
    assert bars.warmup == len(expected) - len(inside)
    assert bars.extra["pe"].tolist() == expected


def test_a_window_without_ends_is_everything() -> None:
    assert len(make_bars(7).window(BarsWindow())) == 7


def test_prices_are_in_the_money_of_the_last_bar_of_the_window() -> None:
    bars = make_bars(4, [1.0, 2.0, 3.0, 7.0])
    window = bars.window(BarsWindow(end=day(2)))
    assert window.close.tolist() == [10.0 * 1.0 / 3.0, 11.0 * 2.0 / 3.0, 12.0]
    assert window.raw.close.tolist() == [10.0, 11.0, 12.0]


def test_returns_include_what_the_factor_makes_up_for() -> None:
    bars = make_bars(4, [1.0, 2.0, 2.0, 3.0])
    expected = [11.0 * 2.0 / 10.0 - 1.0, 24.0 / 22.0 - 1.0, 13.0 * 3.0 / 24.0 - 1.0]
    assert np.isnan(bars.returns[0])
    assert bars.returns[1:].tolist() == expected
    with pytest.raises(ValueError, match="read-only"):
        bars.returns[1] = 0.0


def test_raw_prices_and_returns_depend_on_no_later_row() -> None:
    factors = [1.0, 2.0, 3.0, 7.0, 9.0]
    whole = make_bars(5, factors).window(BarsWindow())
    for end in range(5):
        window = make_bars(5, factors).window(BarsWindow(end=day(end)))
        np.testing.assert_array_equal(window.returns, whole.returns[: end + 1])
        np.testing.assert_array_equal(window.raw.close, whole.raw.close[: end + 1])


def test_unadjusted_bars_keep_one_set_of_prices() -> None:
    window = make_bars(4).window(BarsWindow(end=day(2)))
    assert window.prices is window.raw


def test_rows_after_the_end_leave_the_digest() -> None:
    factors = [1.0, 2.0, 3.0, 7.0, 9.0]
    window = BarsWindow(day(1), day(2), warmup=1)
    short, long = make_bars(3, factors[:3]), make_bars(5, factors)
    assert short.window(window).digest() == long.window(window).digest()


@pytest.mark.parametrize("column", ["time", "volume", "factor", "tradable", "session"])
def test_each_column_is_in_the_digest(column: str) -> None:
    bars = make_bars(4)
    values = getattr(bars, column).copy()
    step = np.timedelta64(1, "D") if column == "session" else 1
    values[2] = not values[2] if column == "tradable" else values[2] + step
    assert replace(bars, **{column: values}).digest() != bars.digest()


def test_name_prices_extra_columns_feeds_and_warmup_are_in_the_digest() -> None:
    bars = make_bars(4)
    higher = replace(bars.raw, high=bars.raw.high + 1)
    variants = [
        bars,
        replace(bars, symbol="Y"),
        replace(bars, warmup=1),
        replace(bars, timezone="Asia/Shanghai"),
        replace(bars, prices=higher),
        replace(bars, raw=higher),
        replace(bars, extra={"pb": bars.extra["pe"]}),
        replace(bars, extra={"pe": bars.extra["pe"] + 1}),
        replace(bars, auxiliary={"index": make_bars(4)}),
    ]
    assert len({variant.digest() for variant in variants}) == len(variants)


def test_a_slice_keeps_the_warmup_that_is_in_it() -> None:
    bars = make_bars(10).window(BarsWindow(day(4), warmup=4))
    assert [bars[key].warmup for key in (slice(1, None), slice(6, None), slice(0, 2))] == [3, 0, 2]
    assert bars[2:5].close.tolist() == bars.close[2:5].tolist()


def test_bars_are_not_sliced_with_gaps() -> None:
    with pytest.raises(ValueError, match="consecutive"):
        make_bars(4)[::2]
