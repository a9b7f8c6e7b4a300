"""Doubts: signs of misread files and of wrong prices, and none on sound bars."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from backfleet.bars import Bars, Prices
from backfleet.plan.data import open_source
from backfleet.source import SourceSettings
from backfleet.sources.doubts import find_doubts, one_line

Floats = NDArray[np.float64]
Days = NDArray[np.datetime64]

COUNT = 300
MONDAY = np.datetime64("2021-01-04", "D")
MINUTE_NS = 60_000_000_000


def walk(
    days: Days | None = None, *, seed: int = 1, volatility: float = 0.015, count: int = COUNT
) -> Bars:
    """A sound symbol on these days, by default of a five-day market."""
    random = np.random.default_rng(seed)
    if days is None:
        days = MONDAY + np.array([7 * (day // 5) + day % 5 for day in range(count)])
    session = np.asarray(days, "M8[D]")
    count = len(session)
    close = 50.0 * np.exp(np.cumsum(random.normal(0, volatility, count)))
    open_ = close * np.exp(random.normal(0, volatility / 2, count))
    high, low = np.maximum(open_, close), np.minimum(open_, close)
    spread = np.abs(random.normal(0, volatility / 2, (2, count)))
    prices = Prices(open_, high * np.exp(spread[0]), low * np.exp(-spread[1]), close)
    return Bars(
        symbol="X",
        time=session.astype("M8[ns]").astype(np.int64),
        session=session,
        prices=prices,
        raw=prices,
        volume=random.lognormal(12, 0.5, count).round(),
        factor=np.ones(count),
        tradable=np.ones(count, np.bool_),
    )


def changed(bars: Bars, change: Callable[..., None]) -> Bars:
    """The bars after `change(open, high, low, close, volume)` of copies of their arrays."""
    raw = bars.raw
    columns = [column.copy() for column in (raw.open, raw.high, raw.low, raw.close, bars.volume)]
    change(*columns)
    prices = Prices(*columns[:4])
    return replace(bars, prices=prices, raw=prices, volume=columns[4])


def kinds(bars: Bars, *, notes: bool = True) -> list[str]:
    return [doubt.kind for doubt in find_doubts(bars) if notes or doubt.is_serious]


def every_day(count: int = COUNT) -> Days:
    return MONDAY + np.arange(count)


@pytest.mark.parametrize("volatility", [0.003, 0.015, 0.04, 0.08])
@pytest.mark.parametrize("seed", range(5))
def test_sound_bars_raise_no_doubt(seed: int, volatility: float) -> None:
    assert kinds(walk(seed=seed, volatility=volatility)) == []
    assert kinds(walk(every_day(), seed=seed, volatility=volatility)) == []


def test_sound_minutes_weeks_and_months_raise_no_doubt() -> None:
    minutes = walk(np.repeat(every_day(20), 60), volatility=0.001)
    time = minutes.session.astype("M8[ns]").astype(np.int64) + np.arange(1200) % 60 * MINUTE_NS
    assert kinds(replace(minutes, time=time), notes=False) == []
    assert kinds(walk(MONDAY + np.arange(100) * 7)) == []
    assert kinds(walk(np.arange("2010-01", "2020-01", dtype="M8[M]").astype("M8[D]"))) == []


def test_the_sample_stocks_raise_no_serious_doubt(samples: Path) -> None:
    source = open_source("cn-daily", SourceSettings(str(samples), "Asia/Shanghai", (), {}))
    for symbol in source.symbols():
        assert kinds(source.parse(symbol, source.read(symbol)), notes=False) == []


@pytest.mark.parametrize("ratio", [2, 3, 4, 7, 10, 20, 1 / 2, 1 / 4, 1 / 10])
def test_a_split_in_raw_prices_is_a_jump_with_its_ratio(ratio: float) -> None:
    def split(*columns: Floats) -> None:
        for column in columns[:4]:
            column[150:] /= ratio

    (doubt,) = find_doubts(changed(walk(), split))
    words = f"{ratio:.0f} for 1" if ratio > 1 else f"1 for {1 / ratio:.0f}"
    assert (doubt.kind, doubt.bar) == ("jump", 150)
    assert f"like a split of {words}" in doubt.text
    assert str(walk().session[150]) in doubt.text


def test_a_split_that_the_factor_adjusts_is_none() -> None:
    def split(*columns: Floats) -> None:
        for column in columns[:4]:
            column[150:] /= 4

    factor = np.where(np.arange(COUNT) < 150, 1.0, 4.0)
    assert kinds(replace(changed(walk(), split), factor=factor)) == []


def test_a_fall_of_a_fifth_is_none_but_in_china_where_a_limit_forbids_it() -> None:
    def fall(*columns: Floats) -> None:
        for column in columns[:4]:
            column[150:] *= 0.75

    bars = changed(walk(), fall)
    assert kinds(bars) == []
    assert kinds(replace(bars, symbol="600519", timezone="Asia/Shanghai")) == ["jump"]
    assert kinds(replace(bars, symbol="AAPL", timezone="Asia/Shanghai")) == []


def test_a_close_outside_its_range_is_told_and_float_noise_is_not() -> None:
    def outside(open_: Floats, high: Floats, low: Floats, close: Floats, volume: Floats) -> None:
        close[7] = high[7] * 1.01

    def noise(open_: Floats, high: Floats, low: Floats, close: Floats, volume: Floats) -> None:
        close[:] = high * (1 + 1e-9)

    (doubt,) = find_doubts(changed(walk(), outside))
    assert (doubt.kind, doubt.bar) == ("outside", 7)
    assert "in 1 of 300 bars" in doubt.text
    assert kinds(changed(walk(), noise)) == []


def test_an_adjusted_close_beside_raw_prices_is_mixed() -> None:
    def adjust(open_: Floats, high: Floats, low: Floats, close: Floats, volume: Floats) -> None:
        close *= np.linspace(0.8, 1.0, COUNT)

    (doubt,) = find_doubts(changed(walk(), adjust))
    assert doubt.text.startswith("adjusted and raw prices are mixed: ")


def test_a_price_ten_times_too_high_is_a_spike() -> None:
    def tick(open_: Floats, high: Floats, low: Floats, close: Floats, volume: Floats) -> None:
        high[40] *= 10
        low[90] /= 10

    assert [(doubt.kind, doubt.bar) for doubt in find_doubts(changed(walk(), tick))] == [
        ("spike", 40),
        ("spike", 90),
    ]


def test_equal_bars_in_a_row_are_stale_and_without_a_volume_a_suspension() -> None:
    def stale(*columns: Floats) -> None:
        for column in columns[:4]:
            column[60:65] = columns[3][60]
        columns[4][60:65] = 7

    def suspended(*columns: Floats) -> None:
        stale(*columns)
        columns[4][60:65] = 0

    assert kinds(changed(walk(), stale)) == ["stale"]
    assert kinds(changed(walk(), suspended)) == ["idle"]
    tradable = np.ones(COUNT, np.bool_)
    tradable[60:65] = False
    assert kinds(replace(changed(walk(), suspended), tradable=tradable)) == []


def test_a_pasted_page_is_a_repeated_block() -> None:
    def paste(*columns: Floats) -> None:
        for column in columns[:4]:
            column[200:205] = column[100:105]

    doubts = find_doubts(changed(walk(), paste))
    assert [(doubt.kind, doubt.bar) for doubt in doubts] == [("repeated block", 200)]
    assert str(walk().session[100]) in doubts[0].text


def test_opens_highs_and_lows_that_copy_the_close_are_told() -> None:
    def closes(open_: Floats, high: Floats, low: Floats, close: Floats, volume: Floats) -> None:
        open_[:], high[:], low[:] = close, close, close

    assert kinds(changed(walk(), closes)) == ["one price"]


def test_days_that_are_shifted_by_one_have_sundays_and_no_fridays() -> None:
    sound = walk()
    shifted = replace(sound, session=sound.session - np.timedelta64(1, "D"))
    (doubt, *notes) = find_doubts(shifted)
    assert doubt.kind == "weekend"
    assert "Sunday" in doubt.text
    assert "Friday" in doubt.text
    assert not any(note.is_serious for note in notes)


def test_daily_bars_at_a_midnight_of_another_zone_are_told() -> None:
    sound = walk()
    bars = replace(sound, time=sound.time + 16 * 60 * MINUTE_NS)
    (doubt,) = find_doubts(bars)
    assert (doubt.kind, "data.timezone" in doubt.text) == ("midnight elsewhere", True)


def test_gaps_are_notes_of_a_length_that_holidays_never_have() -> None:
    days = walk().session
    assert kinds(walk(days[(days < days[100]) | (days > days[110])])) == ["gap"]
    assert kinds(walk(days[(days < days[100]) | (days > days[107])])) == []
    assert kinds(walk(np.delete(every_day(), 100))) == ["gap"]
    chinese = replace(walk(days[(days < days[100]) | (days > days[110])]), symbol="600519")
    assert kinds(replace(chinese, timezone="Asia/Shanghai")) == []


def test_volumes_that_are_missing_negative_or_rescaled_are_told() -> None:
    def none(*columns: Floats) -> None:
        columns[4][:] = np.nan

    def one_missing(*columns: Floats) -> None:
        columns[4][5] = np.nan

    def negative(*columns: Floats) -> None:
        columns[4][5] = -1

    def lots(*columns: Floats) -> None:
        columns[4][120:] *= 100

    sound = walk()
    doubts = [find_doubts(changed(sound, c))[0] for c in (none, one_missing, negative, lots)]
    assert [(doubt.kind, doubt.is_serious) for doubt in doubts] == [
        ("volume", False),
        ("volume", False),
        ("volume", True),
        ("volume scale", False),
    ]


def test_missing_bars_of_a_market_that_never_closes_are_counted() -> None:
    minutes = walk(np.repeat(every_day(20), 60), volatility=0.001)
    time = minutes.time[0] + np.arange(1200) * 24 * MINUTE_NS
    time[600:] += 72 * MINUTE_NS
    bars = replace(minutes, time=time, session=time.view("M8[ns]").astype("M8[D]"))
    (doubt,) = find_doubts(bars)
    assert (doubt.kind, doubt.is_serious) == ("missing bars", False)
    assert doubt.text.startswith("missing: 3 bars in 1 place: 3 after ")


def test_one_line_has_the_first_serious_doubt_and_the_number_of_others() -> None:
    def two(open_: Floats, high: Floats, low: Floats, close: Floats, volume: Floats) -> None:
        high[40] *= 10
        high[90] *= 10

    assert one_line(find_doubts(walk())) == ""
    line = one_line(find_doubts(changed(walk(), two)))
    assert line.startswith(f"spike on {walk().session[40]}")
    assert line.endswith("(and 1 more)")
