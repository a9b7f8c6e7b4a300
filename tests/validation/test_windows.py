"""Windows of walk-forward and of groups, beyond the reference cases."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfleet.errors import JobError
from backfleet.validation.windows import WalkForward, group_folds, group_paths, walk_forward


def test_short_last_test_window_is_kept_if_it_is_long_enough_and_marked() -> None:
    folds = walk_forward(24, WalkForward(train=9, test=4, purge=1, min_test=2))
    assert [fold.is_short for fold in folds] == [False, False, False, True]
    assert folds[-1].test_sessions == [22, 23]
    assert len(walk_forward(24, WalkForward(train=9, test=4, purge=1, min_test=3))) == 3


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
    windows = WalkForward(train, test, purge=purge, anchored=anchored, min_test=(test + 1) // 2)
    if sessions < train + purge + (test + 1) // 2:
        with pytest.raises(JobError, match="no window fits"):
            walk_forward(sessions, windows)
        return
    folds = walk_forward(sessions, windows)
    tested = [session for fold in folds for session in fold.test_sessions]
    assert tested == list(range(train + purge, train + purge + len(tested)))
    assert sessions - tested[-1] - 1 < (test + 1) // 2 or tested[-1] == sessions - 1
    for fold in folds:
        (part,) = fold.train
        assert part.stop + purge == fold.test[0].start
        assert part.start == 0 if anchored else len(part) == train


def test_overlapping_test_windows_are_refused_with_a_step_that_works() -> None:
    with pytest.raises(JobError) as caught:
        walk_forward(100, WalkForward(train=20, test=10, step=5))
    assert str(caught.value) == (
        "validation.step: test windows overlap (5 sessions after 10). "
        "Use at least the length of `test`, 10 sessions."
    )


def test_windows_that_do_not_fit_are_refused_with_their_length() -> None:
    with pytest.raises(JobError) as caught:
        walk_forward(100, WalkForward(train=90, test=10, purge=1))
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
