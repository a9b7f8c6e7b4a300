"""Training and test windows over the sessions of a run, which are numbered from 0.

Windows of months begin with a month, the first one with the month of the first session. They are
counted in months, not from one window to the next: a window that begins on the first session after
a holiday would make all later ones begin later, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

from backfleet.console import count_of
from backfleet.errors import JobError
from backfleet.job.validation import Validation
from backfleet.job.window_length import WindowLength
from backfleet.job.windowed_points import Window

__all__ = [
    "CutWindows",
    "Days",
    "Fold",
    "Months",
    "Sessions",
    "WalkForward",
    "cut_windows",
    "group_folds",
    "group_paths",
    "walk_forward",
]

Days = NDArray[np.datetime64]

MAX_MONTH_END_GAP = np.timedelta64(7, "D")
"""A month is complete if the data end this close to its end, which can be a holiday."""


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


@dataclass(frozen=True, eq=False)
class CutWindows:
    """The windows of a run.

    Attributes
    ----------
    days
        datetime64[D], ascending: the sessions on which at least one symbol has a return. Folds
        number them from 0.
    folds
        At least one. None of them reaches the holdout.
    holdout
        The holdout as a test window, trained on what lies before it; None without sessions in it.
    """

    days: Days
    folds: tuple[Fold, ...]
    holdout: Fold | None = None

    def spans(self) -> list[Window]:
        """Return all distinct windows, in order of their first and last session."""
        folds = [*self.folds, *([] if self.holdout is None else [self.holdout])]
        # A set of pairs, since folds share windows.
        parts = {(part.start, part.stop) for fold in folds for part in (*fold.train, *fold.test)}
        return [self.span(range(*part)) for part in sorted(parts)]

    def gaps(self) -> list[str]:
        """Return the sessions that are in no window, as ISO 8601."""
        is_outside = np.ones(len(self.days), np.bool_)
        # A holiday inside a window stays inside; only sessions between windows are gaps.
        for first, last in self.spans():
            is_outside &= (self.days < np.datetime64(first)) | (self.days > np.datetime64(last))
        return [str(day) for day in self.days[is_outside]]

    def span(self, part: range) -> Window:
        """Return the first and the last session of a part of a window."""
        return str(self.days[part.start]), str(self.days[part.stop - 1])

    @property
    def tested(self) -> tuple[np.datetime64, np.datetime64]:
        """The first and the last session that is tested."""
        sessions = [session for fold in self.folds for session in fold.test_sessions]
        return self.days[min(sessions)], self.days[max(sessions)]


@dataclass(frozen=True)
class Sessions:
    """Windows are counted in sessions; `sessions` is their number."""

    sessions: int

    @property
    def total(self) -> int:
        """Number of complete units."""
        return self.sessions

    def place(self, count: int) -> int:
        """Return the number of the session with which the unit of this number begins."""
        return count

    def length(self, count: int) -> str:
        """Return a length in words."""
        return f"{count:,}"


@dataclass(frozen=True, eq=False)
class Months:
    """Windows are counted in months from that of the first session; `days` are the sessions."""

    days: Days

    @property
    def sessions(self) -> int:
        return len(self.days)

    @property
    def first(self) -> np.datetime64:
        """The month of the first session."""
        month: np.datetime64 = self.days[0].astype("datetime64[M]")
        return month

    @property
    def total(self) -> int:
        """Number of complete months."""
        if not len(self.days):
            return 0
        # The month after the last complete one: close to its end, the last month counts as
        # complete.
        end = (self.days[-1] + MAX_MONTH_END_GAP).astype("datetime64[M]")
        return int((end - self.first).astype(int))

    def place(self, count: int) -> int:
        """Return the number of the first session in or after the month of this number."""
        day = (self.first + np.timedelta64(count, "M")).astype("datetime64[D]")
        return int(np.searchsorted(self.days, day))

    def length(self, count: int) -> str:
        """Return a length in words."""
        return str(WindowLength(count, "months"))


@dataclass(frozen=True)
class WalkForward:
    """Lengths of windows that move over time, in sessions or months.

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
    keeps_short
        Whether the last test window is kept if the data end in its second half.
    """

    train: int
    test: int
    step: int | None = None
    purge: int = 0
    anchored: bool = False
    keeps_short: bool = False


def cut_windows(rule: Validation, days: Days) -> CutWindows:
    """Return the windows that `[validation]` describes.

    Parameters
    ----------
    rule
        It has `windows`.
    days
        datetime64[D], ascending: the sessions on which at least one symbol has a return.

    Raises
    ------
    JobError
        If the windows do not fit.
    """
    all_days = days
    if rule.holdout is not None:
        # Cut off before anything is counted, so no window can reach it.
        days = days[days < np.datetime64(rule.holdout, "D")]
    try:
        folds = _folds(rule, days)
    except JobError as error:
        if len(days) == len(all_days):
            raise
        raise JobError(
            f"{error} validation.holdout = {rule.holdout} leaves {len(days):,} of "
            f"{count_of(len(all_days), 'session')} to the windows."
        ) from None
    holdout = _holdout(rule, folds, range(len(days), len(all_days)))
    return CutWindows(all_days, tuple(folds), holdout)


def _folds(rule: Validation, days: Days) -> list[Fold]:
    """Return the folds without the holdout. Raises JobError if the windows do not fit."""
    if rule.windows == "groups":
        folds = group_folds(len(days), rule.groups, rule.test_groups, rule.purge, rule.embargo)
    else:
        length = rule.train or rule.test
        in_months = length is not None and length.unit == "months"
        units = Months(days) if in_months else Sessions(len(days))
        if rule.windows == "split":
            folds = [_split(units, rule)]
        else:
            folds = walk_forward(units, _walk_forward_of(rule))
    for fold in folds:
        # Months without a session, a purge or an embargo can leave a window empty.
        if not (fold.train_sessions and fold.test_sessions):
            raise JobError(
                "validation: a window holds no session after purge and embargo. Use longer "
                "windows, or a smaller purge and embargo."
            )
    return folds


def _holdout(rule: Validation, folds: Sequence[Fold], test: range) -> Fold | None:
    """Return the fold that tests the holdout. A rolling training window before it has as many
    sessions as the last one, other ones have all."""
    # The purge separates training from the holdout as it does from any test window.
    end = test.start - rule.purge
    length = len(folds[-1].train[0]) if rule.windows == "rolling" else end
    return Fold((range(max(end - length, 0), end),), (test,)) if test and end > 0 else None


def _walk_forward_of(rule: Validation) -> WalkForward:
    train, test, step = (
        None if length is None else length.count for length in (rule.train, rule.test, rule.step)
    )
    assert train is not None
    assert test is not None
    anchored = rule.windows == "anchored"
    return WalkForward(train, test, step, rule.purge, anchored, keeps_short=True)


def walk_forward(units: Sessions | Months, windows: WalkForward) -> list[Fold]:
    """Return the folds of rolling or anchored windows; sessions left over stand at the end."""
    step = windows.test if windows.step is None else windows.step
    if step < windows.test:
        raise JobError(
            f"validation.step: test windows overlap ({units.length(step)} after "
            f"{units.length(windows.test)}). Use at least the length of `test`."
        )
    # Half a test window, rounded up: less says too little.
    shortest = -(-windows.test // 2) if windows.keeps_short else windows.test
    # A purge in sessions has no length in months: it moves a test window as a whole.
    total = units.total - windows.purge if isinstance(units, Sessions) else units.total
    folds = []
    # `end` is where training ends, in units.
    for end in range(windows.train, total - shortest + 1, step):
        is_short = end + windows.test > total
        # A test window begins a purge later, so it also ends a purge later.
        stop = units.sessions if is_short else units.place(end + windows.test) + windows.purge
        train = range(0 if windows.anchored else units.place(end - windows.train), units.place(end))
        test = range(train.stop + windows.purge, min(stop, units.sessions))
        folds.append(Fold((train,), (test,), is_short))
    if not folds:
        raise _too_long(units, windows.train, windows.purge, windows.test)
    return folds


def _split(units: Sessions | Months, rule: Validation) -> Fold:
    """Return one training window and one test window; the one without a length has the rest."""
    train, test = (0 if length is None else length.count for length in (rule.train, rule.test))
    total = units.total
    if isinstance(units, Months) and units.sessions:
        # The last month counts, however many sessions it has.
        # `Months.total` leaves out an incomplete last month, but the rest of the data belongs to a
        # split.
        total = int((units.days[-1].astype("datetime64[M]") - units.first).astype(int)) + 1
    # A purge counts only in sessions: it has no length in months.
    if train + test + isinstance(units, Sessions) * rule.purge > total or max(train, test) == total:
        raise _too_long(units, train or 1, rule.purge, test or 1)
    # Counted from the end if only `test` has a length.
    border = units.place(train if train else total - test)
    end = units.place(train + test) + rule.purge if train and test else units.sessions
    return Fold((range(border),), (range(border + rule.purge, min(end, units.sessions)),))


def _too_long(units: Sessions | Months, train: int, purge: int, test: int) -> JobError:
    available = count_of(units.sessions, "session")
    if isinstance(units, Months):
        parts = [units.length(train), count_of(purge, "session"), units.length(test)]
        needed = " + ".join(parts if purge else parts[::2])
        if units.sessions:
            available += f" from {units.days[0]} to {units.days[-1]}"
    else:
        needed = f"{train:,} + {purge:,} + {test:,} = {train + purge + test:,}"
    return JobError(
        f"validation: no window fits into {available} (training, purge and test take "
        f"{needed}). Use shorter windows or more data."
    )


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
            f"{count_of(sessions, 'session')}. Use fewer test groups than groups, and fewer groups "
            "than sessions."
        )
    # Integer division spreads the remainder: the groups differ by at most one session.
    borders = [session * sessions // groups for session in range(groups + 1)]
    parts = [range(*pair) for pair in pairwise(borders)]
    gap = _Gap(purge, embargo)
    return [_group_fold(parts, chosen, gap) for chosen in combinations(range(groups), test_groups)]


def group_paths(groups: int, test_groups: int) -> NDArray[np.int64]:
    """Return the path of each test group of each fold, of shape (folds, test groups).

    The groups of one path cover all sessions once, so a path is an out-of-sample account. Paths
    share data: the spread of their results is no standard error.
    """
    # How often each group was tested so far: its k-th test belongs to path k.
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
        # A gap, or the end, closes the range that began at `start`.
        if end == len(sessions) or sessions[end] != sessions[end - 1] + 1:
            yield range(sessions[start], sessions[end - 1] + 1)
            start = end
