"""Walk-forward: the point that each training window chooses, and what it earns in the test window.

Selection is a pure function of the points' daily returns: another rule needs no new run.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from backfleet.job.validation import TRADES, Validation, parse_condition
from backfleet.plan.windows import CutWindows, Fold
from backfleet.validation.fold_series import FoldSeries, WindowReturns
from backfleet.validation.selection import Neighbors, choose_point, rank_among
from backfleet.validation.window_scores import AnnualBasis, window_metric

__all__ = [
    "MIN_SESSIONS",
    "FoldChoice",
    "Span",
    "choose_in_hindsight",
    "choose_points",
]

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

MIN_SESSIONS = 20
"""A symbol with fewer sessions in a window is left out of the fold."""

# Drawdowns are negative numbers, so their highest value is the best one.
LOWEST_IS_BEST = frozenset({"volatility"})


@dataclass(frozen=True)
class Span:
    """The first and the last session of a window, or of a part of one."""

    first: np.datetime64
    last: np.datetime64

    def __str__(self) -> str:
        return f"{self.first} to {self.last}"


@dataclass(frozen=True)
class FoldChoice:
    """The point that a fold has chosen, and how it did.

    Scores are values of the metric by which it was chosen.

    Attributes
    ----------
    fold
        Number of the fold, from 1; 0 for the holdout.
    symbol
        The symbol that the point is for; None for all symbols.
    train, test
        Parts of the windows.
    is_short
        Whether the test window is shorter than the others, because the data end.
    point
        Number of the point; None if no point could be chosen. The fold then holds cash.
    train_score, test_score
        The chosen point's own scores, also if neighbors took part in the choice.
    train_sharpe
        Annual Sharpe ratio of the chosen point in training.
    rank
        Place of the chosen point among all points in the test window: 0 is worst, 1 is best.
    test_median, test_best
        Scores of all points in the test window.
    trades, fees
        Trades of the chosen point that closed in the test window, and commissions that it paid
        there; None if they are not stored, or if nobody asked for them.
    """

    fold: int
    symbol: str | None
    train: tuple[Span, ...]
    test: tuple[Span, ...]
    is_short: bool
    point: int | None
    train_score: float | None = None
    test_score: float | None = None
    train_sharpe: float | None = None
    rank: float | None = None
    test_median: float | None = None
    test_best: float | None = None
    trades: int | None = None
    fees: float | None = None


def choose_points(
    windows: CutWindows,
    series: FoldSeries,
    neighbors: Neighbors | None,
    rule: Validation,
    basis: AnnualBasis,
) -> list[FoldChoice]:
    """Return the choice of every fold, and last that of the holdout, if there is one.

    Parameters
    ----------
    windows
        Numbered by sessions of the union calendar.
    series
        The points' returns, of one symbol or of all; with trades if `where` asks for them.
    neighbors
        The neighbors of the points if they take part in the choice, `rule.plateau`; None otherwise.
    rule
        `select` and `where` count.
    basis
        What metrics per year are counted by.
    """
    chooser = _Chooser(windows, series, rule, basis, neighbors)
    numbered = list(enumerate(windows.folds, start=1))
    if windows.holdout is not None:
        # The holdout is chosen and tested like a fold. Its number 0 keeps it apart from the folds.
        numbered.append((0, windows.holdout))
    choices = (chooser.choice(number, fold) for number, fold in numbered)
    return [choice for choice in choices if choice is not None]


def choose_in_hindsight(
    windows: CutWindows,
    series: FoldSeries,
    neighbors: Neighbors | None,
    rule: Validation,
    basis: AnnualBasis,
) -> int | None:
    """Return the point that the rule chooses if it may see all sessions before the holdout."""
    holdout = windows.holdout
    # Not even hindsight may look into the holdout.
    end = len(windows.days) if holdout is None else holdout.test[0].start
    chooser = _Chooser(windows, series, rule, basis, neighbors)
    return chooser.point(series.window([range(end)]))


@dataclass(frozen=True, eq=False)
class _Chooser:
    windows: CutWindows
    series: FoldSeries
    rule: Validation
    basis: AnnualBasis
    neighbors: Neighbors | None

    def choice(self, number: int, fold: Fold) -> FoldChoice | None:
        """Return the choice of a fold; None for a symbol that has too few sessions."""
        train, test = self.series.window(fold.train), self.series.window(fold.test)
        # The union over all symbols has every session of the window. A single symbol may be listed
        # late.
        is_little = min(len(train.days), len(test.days)) < MIN_SESSIONS
        if self.series.symbol is not None and is_little:
            return None
        point = self.point(train)
        blank = FoldChoice(
            number,
            self.series.symbol,
            tuple(map(self._span, fold.train)),
            tuple(map(self._span, fold.test)),
            fold.is_short,
            point,
        )
        return blank if point is None else self._tested(blank, point, train, test)

    def point(self, train: WindowReturns) -> int | None:
        """Return the point that a training window chooses."""
        scores = self._metric(self.rule.select, train)
        # Points with the best scores win, and the plateau is a mean of scores, so the sign is
        # turned first.
        direction = -1.0 if self.rule.select in LOWEST_IS_BEST else 1.0
        return choose_point(direction * scores, self._are_allowed(train), self.neighbors)

    def _tested(
        self, blank: FoldChoice, point: int, train: WindowReturns, test: WindowReturns
    ) -> FoldChoice:
        tested = self._metric(self.rule.select, test)
        direction = -1.0 if self.rule.select in LOWEST_IS_BEST else 1.0
        # Scores are NaN for two reasons: a task failed, or the metric of an account without trades
        # is undefined. The former have no rank.
        has_returns = ~np.isnan(test.returns).any(axis=0)
        # An account that stood still earned 0, which has its place among the others.
        ranked = np.where(has_returns & np.isnan(tested), 0.0, direction * tested)
        known = tested[~np.isnan(tested)]
        trades, fees = (
            None if daily is None else float(daily[:, point].sum())
            for daily in (test.trades, test.fees)
        )
        return replace(
            blank,
            train_score=_number(self._metric(self.rule.select, train)[point]),
            test_score=_number(tested[point]),
            train_sharpe=_number(self._metric("sharpe", train)[point]),
            rank=rank_among(ranked, point),
            test_median=_number(np.median(known)) if len(known) else None,
            # Turned for the maximum, and turned back to be shown.
            test_best=_number(direction * (direction * known).max()) if len(known) else None,
            trades=None if trades is None else int(trades),
            fees=fees,
        )

    def _metric(self, name: str, window: WindowReturns) -> Floats:
        return window_metric(name, window.returns, self.basis)

    def _are_allowed(self, train: WindowReturns) -> Bools:
        """Return which points satisfy the condition in the training window."""
        count = train.returns.shape[1]
        if self.rule.where is None:
            return np.ones(count, np.bool_)
        condition = parse_condition(self.rule.where)
        columns = {name: self._column(name, train) for name in condition.names}
        return condition.mask(columns, count)

    def _column(self, name: str, train: WindowReturns) -> Floats:
        if name != TRADES:
            return self._metric(name, train)
        # The reader of the run reads trades if the condition names them (`runs.folds`).
        assert train.trades is not None
        counts: Floats = train.trades.sum(axis=0)
        return counts

    def _span(self, part: range) -> Span:
        return Span(self.windows.days[part.start], self.windows.days[part.stop - 1])


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
