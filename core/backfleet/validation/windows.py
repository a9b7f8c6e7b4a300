"""Training and test windows over sessions, numbered from 0."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

from backfleet.errors import JobError

__all__ = ["Fold", "WalkForward", "group_folds", "group_paths", "walk_forward"]


@dataclass(frozen=True)
class Fold:
    """Sessions on which a point is chosen, and those on which it is tested.

    Attributes
    ----------
    train, test
        Contiguous ranges of sessions, in order.
    is_short
        Whether the test window is shorter than the others, because the data end.
    """

    train: tuple[range, ...]
    test: tuple[range, ...]
    is_short: bool = False

    @property
    def train_sessions(self) -> list[int]:
        """The training sessions in order."""
        return [session for part in self.train for session in part]

    @property
    def test_sessions(self) -> list[int]:
        """The test sessions in order."""
        return [session for part in self.test for session in part]


@dataclass(frozen=True)
class WalkForward:
    """Lengths of windows that move over time, in sessions.

    Attributes
    ----------
    train, test
        Lengths of a training and of a test window. An anchored training window begins with the
        first session, so `train` is the length of the first one.
    step
        Distance of consecutive test windows; None for `test`.
    purge
        Sessions left out between training and test.
    anchored
        Whether all training windows begin with the first session.
    min_test
        Length from which the last test window is kept if the data end in it; None for `test`.
    """

    train: int
    test: int
    step: int | None = None
    purge: int = 0
    anchored: bool = False
    min_test: int | None = None


def walk_forward(sessions: int, windows: WalkForward) -> list[Fold]:
    """Return the folds of rolling or anchored windows; sessions left over stand at the end."""
    step = windows.test if windows.step is None else windows.step
    if step < windows.test:
        raise JobError(
            f"validation.step: test windows overlap ({step:,} sessions after {windows.test:,}). "
            f"Use at least the length of `test`, {windows.test:,} sessions."
        )
    shortest = windows.test if windows.min_test is None else windows.min_test
    folds = []
    for first in range(windows.train + windows.purge, sessions - shortest + 1, step):
        end = first - windows.purge
        start = 0 if windows.anchored else end - windows.train
        last = min(first + windows.test, sessions)
        is_short = last < first + windows.test
        folds.append(Fold((range(start, end),), (range(first, last),), is_short))
    if not folds:
        needed = windows.train + windows.purge + shortest
        raise JobError(
            f"validation: no window fits into {sessions:,} sessions (training, purge and "
            f"test take {windows.train:,} + {windows.purge:,} + {shortest:,} = {needed:,}). "
            "Use shorter windows or more data."
        )
    return folds


@dataclass(frozen=True)
class _Gap:
    """Sessions left out around a test group: `purge` on both sides, then `embargo` after it."""

    purge: int
    embargo: int

    def around(self, group: range) -> range:
        return range(group.start - self.purge, group.stop + self.purge + self.embargo)


def group_folds(
    sessions: int, groups: int, test_groups: int, purge: int = 0, embargo: int = 0
) -> list[Fold]:
    """Return a fold for every choice of test groups.

    Parameters
    ----------
    sessions
        Number of sessions, at least as many as groups.
    groups
        Number of contiguous groups of about equal length.
    test_groups
        How many of them are tested in each fold.
    purge
        Sessions of training left out on both sides of each test group.
    embargo
        Sessions of training left out after the purge that follows a test group.
    """
    if not 0 < test_groups < groups <= sessions:
        raise JobError(
            f"validation.groups: {test_groups:,} of {groups:,} groups cannot be tested on "
            f"{sessions:,} sessions. Use fewer test groups than groups, and fewer groups than "
            "sessions."
        )
    borders = [session * sessions // groups for session in range(groups + 1)]
    parts = [range(*pair) for pair in pairwise(borders)]
    gap = _Gap(purge, embargo)
    return [_group_fold(parts, chosen, gap) for chosen in combinations(range(groups), test_groups)]


def group_paths(groups: int, test_groups: int) -> NDArray[np.int64]:
    """Return the path of each test group of each fold, of shape (folds, test groups).

    The groups of one path cover all sessions once, so a path is an out-of-sample account. Paths
    share data: the spread of their results is no standard error.
    """
    uses = [0] * groups
    paths = []
    for chosen in combinations(range(groups), test_groups):
        paths.append([uses[group] for group in chosen])
        for group in chosen:
            uses[group] += 1
    return np.array(paths)


def _group_fold(parts: Sequence[range], chosen: Sequence[int], gap: _Gap) -> Fold:
    # Each test group has its own gap: over their hull, training between two of them would be lost.
    gaps = [gap.around(parts[group]) for group in chosen]
    kept = [
        session
        for group, part in enumerate(parts)
        if group not in chosen
        for session in part
        if not any(session in left_out for left_out in gaps)
    ]
    return Fold(tuple(_runs(kept)), tuple(parts[group] for group in chosen))


def _runs(sessions: Sequence[int]) -> Iterator[range]:
    """Yield the contiguous ranges of ascending sessions."""
    start = 0
    for end in range(1, len(sessions) + 1):
        if end == len(sessions) or sessions[end] != sessions[end - 1] + 1:
            yield range(sessions[start], sessions[end - 1] + 1)
            start = end
