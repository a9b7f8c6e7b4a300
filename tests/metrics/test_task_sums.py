"""The sums of a task's returns: those of a slow numpy version, over segments of months."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from backfleet.engine import EQUITY, FILL, ORDER, TRADE, Outcome
from backfleet.jit import Compiled, plan_work
from backfleet.metrics import Calendar, summary_of
from backfleet.metrics.kernel import sessions_of
from backfleet.metrics.segments import MAX_SEGMENTS, segments_of
from backfleet.summary import Segments, TaskSums

Days = NDArray[np.datetime64]


@pytest.fixture(autouse=True, scope="module")
def compile_everything() -> None:
    plan_work(math.inf)


def random_sessions(seed: int, bars: int, longest_gap: int) -> Days:
    """Return days in order; some have several bars, some are left out."""
    steps = np.random.default_rng(seed).integers(0, longest_gap, bars)
    return np.datetime64("1969-11-20", "D") + np.cumsum(steps)


def outcome_of(values: Sequence[float] | NDArray[np.float64]) -> Outcome:
    equity = np.zeros(len(values), EQUITY)
    equity["value"] = values
    return Outcome(equity, *(np.zeros(0, kind) for kind in (ORDER, FILL, TRADE)))


def random_values(seed: int, bars: int) -> NDArray[np.float64]:
    return 100.0 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0.0, 0.02, bars)))


def sums_of(values: Sequence[float] | NDArray[np.float64], sessions: Days) -> TaskSums:
    return summary_of(outcome_of(values), 100.0, Calendar(sessions, 252.0)).sums


def starts_of(segments: Segments) -> Days:
    """Return the first day of every segment, and the day after the last one."""
    months = np.arange(len(segments) + 1) * segments.months
    return (segments.start.astype("datetime64[M]") + months).astype("datetime64[D]")


def slow_sums(
    values: Sequence[float] | NDArray[np.float64], sessions: Days, segments: Segments
) -> list[float]:
    """Return the sums by their definition."""
    closes = [
        (day, value)
        for (day, value), (after, _) in pairwise(
            [*zip(sessions, values, strict=True), (np.datetime64("9999-01-01"), 0.0)]
        )
        if after != day
    ]
    returns = [(day, value / before - 1.0) for (_, before), (day, value) in pairwise(closes)]
    by_segment = [
        [r for day, r in returns if start <= day < end]
        for start, end in pairwise(starts_of(segments))
    ]
    powers = [math.fsum(r**power for _, r in returns) for power in (3, 4)]
    lagged = math.fsum(r * before for (_, before), (_, r) in pairwise(returns))
    totals = [math.fsum(part) for part in by_segment]
    return [*totals, *(math.fsum(r * r for r in part) for part in by_segment), *powers, lagged]


@settings(max_examples=100)
@given(
    seed=st.integers(0, 2**32 - 1),
    bars=st.integers(2, 900),
    longest_gap=st.sampled_from([1, 2, 4, 40]),
)
def test_sums_are_those_of_their_definition(seed: int, bars: int, longest_gap: int) -> None:
    values, sessions = random_values(seed, bars), random_sessions(seed, bars, longest_gap)
    sums = sums_of(values, sessions)
    if sessions[0] == sessions[-1]:
        assert len(sums.segments) == 0
    else:
        expected = slow_sums(values, sessions, sums.segments)
        np.testing.assert_allclose(sums.values, expected, rtol=1e-10, atol=1e-13)


@settings(max_examples=100)
@given(
    seed=st.integers(0, 2**32 - 1),
    bars=st.integers(0, 900),
    spoilt=st.sampled_from([None, None, 0.0, -5.0, 1e-300, 1e300, np.nan, np.inf]),
)
def test_sums_have_the_same_bits_compiled_and_interpreted(
    seed: int, bars: int, spoilt: float | None
) -> None:
    values, sessions = random_values(seed, bars), random_sessions(seed, bars, 3)
    if spoilt is not None and bars:
        values[seed % bars] = spoilt
    ours = sums_of(values, sessions)
    with pytest.MonkeyPatch.context() as patch, np.errstate(all="ignore"):
        patch.setattr(Compiled, "run", lambda function, *args: function.function(*args))
        theirs = sums_of(values, sessions)
    assert ours.values.tobytes() == theirs.values.tobytes()


def test_an_account_without_returns_has_no_sums() -> None:
    sessions = random_sessions(1, 400, 2)
    values = random_values(1, 400)
    values[200] = 0.0
    assert np.isnan(sums_of(values, sessions).values).all()


def segments_between(first: str, last: str) -> Segments:
    end = np.datetime64(last) + np.timedelta64(1, "D")
    return segments_of(sessions_of(np.arange(np.datetime64(first), end))[1, 1:])


@pytest.mark.parametrize(
    ("first", "last", "start", "months", "count"),
    [
        ("2020-01-15", "2020-01-15", "1970-01-01", 1, 0),
        ("2020-01-15", "2020-01-16", "2020-01-01", 1, 1),
        ("2020-01-31", "2020-02-01", "2020-02-01", 1, 1),
        ("2020-01-15", "2023-06-30", "2020-01-01", 1, 42),
        ("2020-01-15", "2023-07-01", "2020-01-01", 3, 15),
        ("2010-02-15", "2020-02-14", "2010-01-01", 3, 41),
        ("2000-02-15", "2020-02-14", "2000-01-01", 6, 41),
        ("1965-02-15", "1968-02-14", "1965-02-01", 1, 37),
        ("1900-02-15", "2020-02-14", "1900-01-01", 12, 121),
    ],
)
def test_segments_begin_at_months_and_are_as_short_as_their_number_allows(
    first: str, last: str, start: str, months: int, count: int
) -> None:
    segments = segments_between(first, last)
    assert (str(segments.start), segments.months, len(segments)) == (start, months, count)
    assert count <= MAX_SEGMENTS or months == 12
    assert segments.borders[-1] == (np.datetime64(last) - np.datetime64(first)).astype(int)


def test_segments_of_a_longer_history_are_unions_of_those_of_a_shorter_one() -> None:
    short, long = (
        segments_between("2015-02-03", "2017-08-09"),
        segments_between("1990-05-06", "2021-08-09"),
    )
    assert short.months < long.months
    within = [day for day in starts_of(long) if starts_of(short)[0] < day < starts_of(short)[-1]]
    assert set(within) <= set(starts_of(short))
