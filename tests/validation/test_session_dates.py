"""The dates of returns follow from the number of returns in each segment."""

from __future__ import annotations

import numpy as np
import pytest

from backfleet.validation.session_dates import session_dates


def dates_of(start: str, months: int, counts: list[int], periods: float = 252.0) -> list[str]:
    first = np.datetime64(start, "M")
    starts = (first + np.arange(len(counts)) * months).astype("datetime64[D]")
    dates = session_dates(starts, months, np.array(counts), periods)
    return [str(day) for day in dates]


@pytest.mark.parametrize("months", [1, 3, 12])
def test_dates_lie_in_their_segments_in_order(months: int) -> None:
    counts = [5, 20, 0, 21, 3]
    dates = dates_of("2020-01", months, counts)
    assert dates == sorted(dates)
    first = np.datetime64("2020-01", "M")
    segments = (np.array(dates, "datetime64[M]") - first).astype(int) // months
    assert np.bincount(segments, minlength=5).tolist() == counts


def test_first_and_last_segment_keep_the_usual_distance_at_their_inner_ends() -> None:
    dates = dates_of("2020-01", 3, [2, 63, 2])
    assert dates[:2] == ["2020-03-29", "2020-03-31"]
    assert dates[-2:] == ["2020-07-01", "2020-07-03"]


def test_single_segment_and_no_return_at_all() -> None:
    assert dates_of("2020-01", 12, [3], 365.25) == ["2020-01-01", "2020-01-02", "2020-01-03"]
    assert dates_of("2020-01", 1, [0, 0]) == []
