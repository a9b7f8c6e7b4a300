"""`Folds`: what the windows of `[validation]` say about a run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backfleet.job.points import Points
from backfleet.job.validation import Validation
from backfleet.plan.windows import CutWindows
from backfleet.validation.bootstrap import Interval, generator_of, sharpe_interval
from backfleet.validation.folds import FoldChoice, Span
from backfleet.validation.missing import Missing
from backfleet.validation.out_of_sample import StitchedAccount
from backfleet.validation.selection import count_steps
from backfleet.validation.sharpe import annualize
from backfleet.validation.verdict import FoldEvidence
from backfleet.validation.window_scores import AnnualBasis

# pandas takes longer to import than folds to compute, and only `to_frame` needs it.
if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Folds"]

Floats = NDArray[np.float64]

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, eq=False)
class Folds:
    """The choices of all folds, and the account that follows from them.

    Attributes
    ----------
    run_id
        The run.
    rule
        `[validation]` of the job, with the changes that were asked for.
    windows
        Training and test windows over the union calendar.
    points
        The points of the sweep.
    choices
        The choice of every fold, in order; for `per = "symbol"` of every symbol and fold.
    account
        The stitched account; None for groups, whose test windows overlap.
    hindsight
        The account of the best point over all sessions, in the same test windows; None for groups.
    paths
        float64 of shape (paths,): annual Sharpe ratio of each path of groups; None for other
        windows.
    basis
        What metrics per year are counted by.
    holdout
        The choices before the holdout, tested in it; for `per = "symbol"` of every symbol. Empty
        without sessions in the holdout.
    looks
        How many runs of the strategy's family in the store include the holdout; None without one.
    symbols
        Number of symbols for which points are chosen; 1 for all together.
    """

    run_id: str
    rule: Validation
    windows: CutWindows
    points: Points
    choices: tuple[FoldChoice, ...]
    account: StitchedAccount | None
    hindsight: StitchedAccount | None
    paths: Floats | None
    basis: AnnualBasis
    holdout: tuple[FoldChoice, ...] = ()
    looks: int | None = None
    symbols: int = 1

    @property
    def chosen(self) -> Sequence[FoldChoice]:
        """The choices that have a point; the others hold cash."""
        return [choice for choice in self.choices if choice.point is not None]

    @property
    def train_score(self) -> float | None:
        """Mean score of the chosen points in training."""
        return _mean([choice.train_score for choice in self.chosen])

    @property
    def test_score(self) -> float | None:
        """Mean score of the chosen points in the tests; it is no score of the stitched account."""
        return _mean([choice.test_score for choice in self.chosen])

    @property
    def decay(self) -> float | None:
        """Mean score in the tests minus that in training."""
        if self.train_score is None or self.test_score is None:
            return None
        return self.test_score - self.train_score

    @property
    def rank(self) -> float | None:
        """Mean place of the chosen points among all points in the tests; 0.5 is chance."""
        return _mean([choice.rank for choice in self.chosen])

    @property
    def rank_error(self) -> float | None:
        """Standard error of `rank` if choices say nothing: 1 / √(12 · number of ranks). None for
        groups, whose tests overlap."""
        if self.rule.windows == "groups":
            return None
        # A rank that is drawn at random is uniform from 0 to 1, which has the variance 1 / 12.
        ranks = sum(choice.rank is not None for choice in self.chosen)
        return 1 / math.sqrt(12 * ranks) if ranks else None

    @property
    def consecutive(self) -> Sequence[tuple[FoldChoice, FoldChoice]]:
        """Choices of consecutive folds, of the same symbol. Groups have no order."""
        if self.rule.windows == "groups":
            return []
        # Choices come symbol by symbol, and in the order of the folds. A fold that holds cash is
        # passed over: the next choice is compared with the last one before it.
        pairs = pairwise(self.chosen)
        return [(one, next_) for one, next_ in pairs if one.symbol == next_.symbol]

    @property
    def changes(self) -> int:
        """The number of folds whose chosen point differs from that of the fold before."""
        return sum(one.point != next_.point for one, next_ in self.consecutive)

    @property
    def left_out(self) -> int:
        """The number of times that a symbol was left out of a fold with too few of its sessions."""
        return self.symbols * len(self.windows.folds) - len(self.choices)

    @property
    def cash_folds(self) -> Sequence[int]:
        """Numbers of the folds that hold cash only, because no point could be chosen."""
        chosen = {choice.fold for choice in self.chosen}
        return [fold for fold in range(1, len(self.windows.folds) + 1) if fold not in chosen]

    @cached_property
    def interval(self) -> Interval | Missing | None:
        """Interval of the stitched account's Sharpe ratio per year; None without an account."""
        if self.account is None:
            return None
        # The numbers are drawn from the run's id, so that the interval is the same at each look.
        generator = generator_of(self.run_id, "folds")
        interval = sharpe_interval(self.basis.excess(self.account.returns), generator)
        if not isinstance(interval, Interval):
            return interval
        low, high = (
            annualize(bound, self.basis.periods) for bound in (interval.low, interval.high)
        )
        return Interval(low, high, interval.level)

    def evidence(self) -> FoldEvidence | None:
        """Return what the verdict reads of the folds; None if there is no stitched account."""
        # Without any choice, or with an account that stood still, there is nothing to say about the
        # strategy.
        train = _mean([choice.train_sharpe for choice in self.chosen])
        if self.account is None or self.interval is None or train is None:
            return None
        sharpe = self.account.metrics["sharpe"]
        if sharpe is None:
            return None
        folds = len(self.windows.folds)
        steps = len(self.consecutive)
        return FoldEvidence(folds, train, sharpe, self.interval, self.changes, steps)

    def steps(self, one: FoldChoice, next_: FoldChoice) -> int:
        """Return how many steps on the grid lie between two choices."""
        if one.point is None or next_.point is None:
            return 0
        return sum(count_steps(self.points, one.point, next_.point).values())

    def path_quantiles(self) -> dict[float, float] | None:
        """Return quantiles of the paths' Sharpe ratios; None without paths."""
        if self.paths is None:
            return None
        # A path that held cash in all its tests has no Sharpe ratio.
        known = self.paths[~np.isnan(self.paths)]
        if not len(known):
            return None
        return dict(zip(QUANTILES, np.quantile(known, QUANTILES).tolist(), strict=True))

    def rows(self) -> list[dict[str, Any]]:
        """Return the table of folds, with the values of the chosen points."""
        has_symbols = any(choice.symbol is not None for choice in self.choices)
        return [self._row(choice, has_symbols) for choice in self.choices]

    def fixed_columns(self) -> list[str]:
        """Return the columns of `rows` of the parameters that are the same in all of them."""
        rows = self.rows()
        names = (f"param_{name}" for name in self.points.names)
        # `repr` also serves values without a hash, such as lists, and tells 1 and True apart.
        return [name for name in names if len({repr(row[name]) for row in rows}) < 2]

    def to_frame(self) -> pd.DataFrame:
        """Return the table of folds as a DataFrame."""
        import pandas as pd

        frame = pd.DataFrame(self.rows())
        # A fold that holds cash must not turn the numbers of the others into floats.
        return frame.astype({"point": "Int64", "trades": "Int64"})

    def to_json(self) -> dict[str, Any]:
        """Return the folds and their summary as plain JSON."""
        account = self.account
        interval = self.interval
        return {
            "run_id": self.run_id,
            # Only the keys that the job sets, as it could have written them.
            "rule": self.rule.model_dump(mode="json", exclude_defaults=True),
            "folds": self.rows(),
            "train_score": self.train_score,
            "test_score": self.test_score,
            "decay": self.decay,
            "rank": self.rank,
            "rank_error": self.rank_error,
            "changes": self.changes,
            "left_out": self.left_out,
            "steps": [self.steps(*pair) for pair in self.consecutive],
            "cash_folds": list(self.cash_folds),
            "account": None
            if account is None
            else {
                "first": str(account.days[0]),
                "last": str(account.days[-1]),
                **account.metrics,
                "sharpe_interval": [interval.low, interval.high]
                if isinstance(interval, Interval)
                else None,
                "trades": account.trades,
                "fees": account.fees,
            },
            "hindsight": None if self.hindsight is None else self.hindsight.metrics,
            "path_sharpe": self.path_quantiles(),
            "holdout": [self._row(choice, has_symbols=True) for choice in self.holdout],
            "looks": self.looks,
        }

    def _row(self, choice: FoldChoice, has_symbols: bool) -> dict[str, Any]:
        names = self.points.names
        values = dict.fromkeys(names) if choice.point is None else self.points[choice.point]
        row: dict[str, Any] = {"fold": choice.fold}
        if has_symbols:
            row["symbol"] = choice.symbol
        return row | {
            "train": _spans(choice.train),
            "test": _spans(choice.test),
            "is_short": choice.is_short,
            "point": choice.point,
            **{f"param_{name}": values[name] for name in names},
            "train_score": choice.train_score,
            "test_score": choice.test_score,
            "rank": choice.rank,
            "test_median": choice.test_median,
            "test_best": choice.test_best,
            "trades": choice.trades,
            "fees": choice.fees,
        }


def _spans(spans: Sequence[Span]) -> str:
    return ", ".join(map(str, spans))


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    # `fsum` does not depend on the order of the symbols.
    return math.fsum(known) / len(known) if known else None
