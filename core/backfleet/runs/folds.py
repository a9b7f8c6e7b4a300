"""Folds of a run: what the windows of `[validation]` say, computed from what the run stores.

Nothing runs again. The daily returns of the points come from their sums by date, or from the equity
of their tasks; trades and fees come from the stored trades and fills.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backfleet.errors import JobError, UserError
from backfleet.job import Validation
from backfleet.job.validation import ANY_KEYS, MOVING, TRADES, parse_condition
from backfleet.plan.windows import CutWindows, cut_windows
from backfleet.results.daily import (
    DailyReturns,
    DatedEvents,
    read_closed_trades,
    read_fees,
    read_mean_returns,
    read_symbol_returns,
)
from backfleet.results.point_sums import PointReturns, read_point_returns
from backfleet.runs.stored_run import StoredRun
from backfleet.runs.validation_rule import read_rule
from backfleet.sources.prepared import sessions_per_year
from backfleet.store import open_store, split_url
from backfleet.validation.accounts import equal_weight
from backfleet.validation.folds import FoldChoice, TradeDays, choose_points
from backfleet.validation.out_of_sample import (
    StitchedAccount,
    measure_stitched,
    path_returns,
    stitched_returns,
)
from backfleet.validation.trial_counts import count_looks
from backfleet.validation.walk_forward import Folds
from backfleet.validation.window_scores import window_metric

__all__ = ["compute_folds"]

Floats = NDArray[np.float64]

NO_WINDOWS = (
    "the job of run {run} has no validation windows. Give them, such as "
    'windows="rolling", train="3 years", test="1 year"'
)


def compute_folds(run: StoredRun, rule: Validation | None, changes: dict[str, Any]) -> Folds:
    """Return the folds of a run.

    Parameters
    ----------
    rule
        Windows and selection; None for those that the run was last submitted with.
    changes
        Keys of `[validation]` that differ from the rule.

    Raises
    ------
    UserError
        If there are no windows, or they do not fit, or the run does not store what they need.
    CorruptObject
        If what the run stores is damaged.
    """
    rule = rule or read_rule(run.store) or Validation()
    if changes:
        rule = _changed(rule, changes)
    if rule.windows is None:
        raise UserError(NO_WINDOWS.format(run=run.manifest.run_id))
    return _FoldReader(run, rule).folds()


def _changed(rule: Validation, changes: dict[str, Any]) -> Validation:
    """Return a rule with other keys. Lengths do not carry over to windows of another kind."""
    keys = rule.model_dump(mode="json")
    kinds = {rule.windows, changes.get("windows", rule.windows)}
    if len(kinds) > 1 and not kinds <= set(MOVING):
        keys = {key: value for key, value in keys.items() if key not in ANY_KEYS}
    try:
        return Validation(**(keys | changes))
    except JobError as error:
        raise JobError(f"[validation]: {error}") from None


@dataclass(frozen=True, eq=False)
class _FoldReader:
    """Reads what the rule needs of a run."""

    run: StoredRun
    rule: Validation

    def folds(self) -> Folds:
        return self._of_symbols() if self.rule.per == "symbol" else self._of_universe()

    def _of_universe(self) -> Folds:
        series = self._mean_returns()
        windows = cut_windows(self.rule, series.days)
        periods = self._periods(series.days)
        every = self._choices(windows, series, periods)
        choices = [choice for choice in every if choice.fold]
        paths, account = None, None
        if self.rule.windows == "groups":
            returns = path_returns(
                windows, series, choices, self.rule.groups, self.rule.test_groups
            )
            paths = np.array([_sharpe(one, periods) for one in returns])
        else:
            days, earned = stitched_returns(windows, series, choices)
            account = self._with_costs(measure_stitched(windows, days, earned, periods), choices)
        return self._result(windows, every, account, paths, periods)

    def _of_symbols(self) -> Folds:
        """Choose a point for each symbol. The account holds all symbols in equal weights."""
        if self.rule.windows == "groups":
            raise UserError(
                'validation.per = "symbol": groups have no stitched account to hold the symbols. '
                'Use windows = "rolling", "anchored" or "split", or per = "universe"'
            )
        self._need_details('per = "symbol"', "the returns of each task")
        windows = cut_windows(self.rule, self._union_days())
        periods = self._periods(windows.days)
        totals, counts = np.zeros(len(windows.days)), np.zeros(len(windows.days), np.int64)
        every: list[FoldChoice] = []
        for series in self._symbol_returns():
            chosen = self._choices(windows, series, periods)
            every += chosen
            own = [choice for choice in chosen if choice.fold]
            if own:
                days, earned = stitched_returns(windows, series, own)
                at = np.searchsorted(windows.days, days)
                totals[at] += earned
                counts[at] += 1
        choices = [choice for choice in every if choice.fold]
        if not choices:
            raise UserError(
                f"folds of run {self.run.manifest.run_id}: no symbol has the sessions that a "
                'window needs. Use longer windows, or per = "universe"'
            )
        days, earned = windows.days[counts > 0], equal_weight(totals, counts)
        account = self._with_costs(measure_stitched(windows, days, earned, periods), choices)
        return self._result(windows, every, account, None, periods)

    def _result(
        self,
        windows: CutWindows,
        choices: Sequence[FoldChoice],
        account: StitchedAccount | None,
        paths: Floats | None,
        periods: float,
    ) -> Folds:
        manifest, holdout = self.run.manifest, self.rule.holdout
        looks = None
        if holdout is not None:
            root = open_store(split_url(self.run.store.url)[0])
            looks = count_looks(root, manifest, holdout)
        return Folds(
            manifest.run_id,
            self.rule,
            windows,
            manifest.points,
            tuple(choice for choice in choices if choice.fold),
            account,
            paths,
            periods,
            tuple(choice for choice in choices if not choice.fold),
            looks,
        )

    def _choices(
        self, windows: CutWindows, series: DailyReturns, periods: float
    ) -> list[FoldChoice]:
        trades = self._trade_days(series.symbol)
        points = self.run.manifest.points
        return choose_points(windows, series, points, self.rule, periods, trades)

    def _mean_returns(self) -> DailyReturns:
        """Return the equal-weight series of all points. Raises UserError if it is not stored."""
        run = self.run
        points = range(len(run.manifest.points))
        stored = read_point_returns(run.store, run.manifest, run.chunk_index, points)
        if isinstance(stored, PointReturns):
            return DailyReturns(stored.dates, stored.returns)
        if not run.manifest.keeps_detail:
            raise UserError(f"folds of run {run.manifest.run_id} are {stored}")
        return read_mean_returns(run.store, run.manifest, run.chunk_index)

    def _symbol_returns(self) -> Iterator[DailyReturns]:
        run = self.run
        return read_symbol_returns(run.store, run.manifest, run.chunk_index)

    def _union_days(self) -> NDArray[np.datetime64]:
        calendars = [series.days for series in self._symbol_returns()]
        return np.unique(np.concatenate([np.empty(0, "datetime64[D]"), *calendars]))

    def _periods(self, days: NDArray[np.datetime64]) -> float:
        """Return the number of sessions per year."""
        given = self.run.manifest.periods_per_year
        return given or (sessions_per_year(days) if len(days) else 1.0)

    # -- trades and fees ----------------------------------------------------------------------

    @cached_property
    def _trades(self) -> DatedEvents | None:
        """All closed trades; None if the run keeps none."""
        run = self.run
        if run.manifest.keeps_detail:
            return read_closed_trades(run.store, run.manifest, run.chunk_index)
        if self.rule.where is not None and TRADES in parse_condition(self.rule.where).names:
            self._need_details("where", "the trades of each window")
        return None

    def _trade_days(self, symbol: str | None) -> TradeDays | None:
        """Return the trades of a symbol's points, or those of all symbols."""
        if self._trades is None:
            return None
        trades = self._of_symbol(self._trades, symbol)
        return TradeDays(trades.tasks % len(self.run.manifest.points), trades.days)

    def _with_costs(
        self, account: StitchedAccount, choices: Iterable[FoldChoice]
    ) -> StitchedAccount:
        """Return the account with the trades and fees of the chosen points, if they are stored."""
        run = self.run
        if self._trades is None:
            return account
        fills = read_fees(run.store, run.manifest, run.chunk_index)
        points = len(run.manifest.points)
        trades, fees = 0, 0.0
        for choice in choices:
            if choice.point is None:
                continue
            own = self._of_symbol(fills, choice.symbol)
            is_paid = (own.tasks % points == choice.point) & np.any(
                [(own.days >= span.first) & (own.days <= span.last) for span in choice.test], axis=0
            )
            trades += choice.trades or 0
            fees += float(own.values[is_paid].sum())
        return replace(account, trades=trades, fees=fees)

    def _of_symbol(self, events: DatedEvents, symbol: str | None) -> DatedEvents:
        """Return the events of a symbol's tasks, or of all; events are in the order of tasks."""
        manifest = self.run.manifest
        if symbol is None or manifest.is_portfolio:
            return events
        points = len(manifest.points)
        first = points * [one.name for one in manifest.symbols].index(symbol)
        start, end = np.searchsorted(events.tasks, [first, first + points])
        part = slice(int(start), int(end))
        return DatedEvents(events.tasks[part], events.days[part], events.values[part])

    def _need_details(self, key: str, what: str) -> None:
        if not self.run.manifest.keeps_detail:
            raise UserError(
                f"validation.{key} needs {what}, which run {self.run.manifest.run_id} does not "
                'store: its job has results.detail = "summary". Run it with '
                "--set results.detail=full"
            )


def _sharpe(returns: Floats, periods: float) -> float:
    return float(window_metric("sharpe", returns[:, None], periods)[0])
