"""Windows of walk-forward and of groups, beyond the reference cases."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfleet.errors import JobError
from backfleet.job import Validation
from backfleet.plan.windows import (
    CutWindows,
    Days,
    Sessions,
    WalkForward,
    cut_windows,
    group_folds,
    group_paths,
    walk_forward,
)


def test_short_last_test_window_is_kept_if_it_is_long_enough_and_marked() -> None:
    windows = WalkForward(train=9, test=4, purge=1, keeps_short=True)
    folds = walk_forward(Sessions(24), windows)
    assert [fold.is_short for fold in folds] == [False, False, False, True]
    assert folds[-1].test_sessions == [22, 23]
    assert len(walk_forward(Sessions(23), windows)) == 3
    assert len(walk_forward(Sessions(24), replace(windows, keeps_short=False))) == 3


@given(
    sessions=st.integers(1, 300),
    train=st.integers(1, 60),
    test=st.integers(1, 40),
    purge=st.integers(0, 10),
    anchored=st.booleans(),
)
def test_training_ends_before_its_test_and_tests_tile_the_sessions(
    sessions: int, train: int, test: int, purge: int, anchored: bool
) -> None:
    windows = WalkForward(train, test, purge=purge, anchored=anchored, keeps_short=True)
    if sessions < train + purge + (test + 1) // 2:
        with pytest.raises(JobError, match="no window fits"):
            walk_forward(Sessions(sessions), windows)
        return
    folds = walk_forward(Sessions(sessions), windows)
    tested = [session for fold in folds for session in fold.test_sessions]
    assert tested == list(range(train + purge, train + purge + len(tested)))
    assert sessions - tested[-1] - 1 < (test + 1) // 2 or tested[-1] == sessions - 1
    for fold in folds:
        (part,) = fold.train
        assert part.stop + purge == fold.test[0].start
        assert part.start == 0 if anchored else len(part) == train


def test_overlapping_test_windows_are_refused_with_a_step_that_works() -> None:
    with pytest.raises(JobError) as caught:
        walk_forward(Sessions(100), WalkForward(train=20, test=10, step=5))
    assert str(caught.value) == (
        "validation.step: test windows overlap (5 after 10). Use at least the length of `test`."
    )


def test_windows_that_do_not_fit_are_refused_with_their_length() -> None:
    with pytest.raises(JobError) as caught:
        walk_forward(Sessions(100), WalkForward(train=90, test=10, purge=1))
    assert str(caught.value) == (
        "validation: no window fits into 100 sessions (training, purge and test take "
        "90 + 1 + 10 = 101). Use shorter windows or more data."
    )


@pytest.mark.parametrize(("groups", "test_groups"), [(1, 1), (4, 4), (4, 0), (25, 2)])
def test_groups_that_cannot_be_tested_are_refused(groups: int, test_groups: int) -> None:
    with pytest.raises(JobError, match=f"{test_groups} of {groups} groups cannot be tested"):
        group_folds(24, groups, test_groups)


@given(
    sessions=st.integers(12, 120),
    groups=st.integers(3, 7),
    purge=st.integers(0, 4),
    embargo=st.integers(0, 4),
)
def test_no_training_session_is_within_the_gap_of_a_test_group(
    sessions: int, groups: int, purge: int, embargo: int
) -> None:
    for fold in group_folds(sessions, groups, 2, purge, embargo):
        near = {
            session
            for part in fold.test
            for session in range(part.start - purge, part.stop + purge + embargo)
        }
        expected = [session for session in range(sessions) if session not in near]
        assert fold.train_sessions == expected


@pytest.mark.parametrize(("groups", "test_groups"), [(6, 2), (5, 3), (10, 2)])
def test_each_path_covers_every_group_once(groups: int, test_groups: int) -> None:
    folds, paths = group_folds(60, groups, test_groups), group_paths(groups, test_groups)
    size = 60 // groups
    for path in range(int(paths.max()) + 1):
        tested = sorted(
            part.start // size
            for fold, ids in zip(folds, paths, strict=True)
            for part, number in zip(fold.test, ids, strict=True)
            if number == path
        )
        assert tested == list(range(groups))


def weekdays(first: str, last: str) -> Days:
    days = np.arange(np.datetime64(first), np.datetime64(last) + np.timedelta64(1, "D"))
    return days[np.is_busday(days)]


def edges(windows: CutWindows) -> list[tuple[str, ...]]:
    """Return the first and the last day of each training and each test window."""
    return [
        tuple(
            str(windows.days[session])
            for session in (
                fold.train[0].start,
                fold.train[0].stop - 1,
                fold.test[0].start,
                fold.test[0].stop - 1,
            )
        )
        for fold in windows.folds
    ]


def rule(**keys: Any) -> Validation:
    return Validation(**({"windows": "rolling", "train": "2 years", "test": "1 year"} | keys))


def test_windows_of_years_begin_with_the_year_every_time() -> None:
    days = weekdays("2015-01-05", "2019-12-30")
    assert edges(cut_windows(rule(), days)) == [
        ("2015-01-05", "2016-12-30", "2017-01-02", "2017-12-29"),
        ("2016-01-01", "2017-12-29", "2018-01-01", "2018-12-31"),
        ("2017-01-02", "2018-12-31", "2019-01-01", "2019-12-30"),
    ]
    anchored = edges(cut_windows(rule(windows="anchored"), days))
    assert [first for first, *_ in anchored] == ["2015-01-05"] * 3


def test_last_window_of_months_is_short_if_the_data_end_in_its_second_half() -> None:
    windows = cut_windows(rule(), weekdays("2015-01-05", "2018-08-15"))
    assert [fold.is_short for fold in windows.folds] == [False, True]
    assert edges(windows)[-1][3] == "2018-08-15"
    assert len(cut_windows(rule(), weekdays("2015-01-05", "2018-05-15")).folds) == 1


def test_a_purge_moves_test_windows_of_months_as_a_whole() -> None:
    windows = cut_windows(rule(purge=3), weekdays("2015-01-01", "2019-12-31"))
    for (_, _, _, end), (_, last, start, _) in pairwise(edges(windows)):
        assert np.busday_count(end, start) == 1
        assert np.busday_count(last, start) == 4


def test_a_split_gives_what_is_left_to_the_window_without_a_length() -> None:
    days = weekdays("2015-01-05", "2019-12-30")
    split = {"windows": "split", "train": None, "test": None}
    assert edges(cut_windows(rule(**split | {"test": "1 year"}), days)) == [
        ("2015-01-05", "2018-12-31", "2019-01-01", "2019-12-30")
    ]
    assert edges(cut_windows(rule(**split | {"train": "1 year"}), days)) == [
        ("2015-01-05", "2015-12-31", "2016-01-01", "2019-12-30")
    ]
    both = rule(**split | {"train": "1 year", "test": "6 months"})
    assert edges(cut_windows(both, days)) == [
        ("2015-01-05", "2015-12-31", "2016-01-01", "2016-06-30")
    ]
    (fold,) = cut_windows(rule(**split | {"train": 100, "purge": 5}), days).folds
    assert (fold.train, fold.test) == ((range(100),), (range(105, len(days)),))


@pytest.mark.parametrize("length", ["5 years", "60 months"])
def test_a_split_of_all_sessions_is_refused(length: str) -> None:
    keys = {"windows": "split", "train": None, "test": length}
    with pytest.raises(JobError, match="no window fits into"):
        cut_windows(rule(**keys), weekdays("2015-01-05", "2019-12-30"))


def test_no_window_reaches_the_holdout() -> None:
    days = weekdays("2015-01-05", "2019-12-30")
    for keys in ({}, {"windows": "groups", "train": None, "test": None}):
        windows = cut_windows(rule(holdout="2018-07-01", **keys), days)
        assert str(windows.tested[1]) < "2018-07-01"
        assert max(max(fold.train_sessions) for fold in windows.folds) < 913
