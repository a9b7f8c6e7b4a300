"""Folds of a run: what the windows of `[validation]` say, computed from what the run stores.

Nothing runs again. The daily returns of the points come from their sums by date, or from the equity
of their tasks; trades and fees come from the stored trades and fills.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backfleet.errors import JobError, UserError
from backfleet.job import Validation
from backfleet.job.validation import ANY_KEYS, MOVING, TRADES, parse_condition
from backfleet.job.windowed_points import Window
from backfleet.plan.windows import CutWindows, cut_windows
from backfleet.results.daily import (
    DailyReturns,
    read_mean_returns,
    read_symbol_returns,
)
from backfleet.results.daily_events import DailyEvents
from backfleet.results.point_sums import PointReturns, read_point_returns
from backfleet.runs.flat_returns import (
    read_flat_means,
    read_flat_symbols,
    union_days,
    unknown_returns,
)
from backfleet.runs.stored_run import StoredRun
from backfleet.runs.validation_rule import read_rule
from backfleet.sources.bar_cache import sessions_per_year
from backfleet.store import open_store, split_url
from backfleet.validation.accounts import equal_weight
from backfleet.validation.fold_series import (
    FlatSeries,
    FoldSeries,
    RunningSeries,
    WindowReturns,
)
from backfleet.validation.folds import FoldChoice, choose_in_hindsight, choose_points
from backfleet.validation.out_of_sample import (
    StitchedAccount,
    measure_stitched,
    path_returns,
    stitched_returns,
)
from backfleet.validation.selection import Neighbors, find_neighbors
from backfleet.validation.trial_counts import count_looks
from backfleet.validation.walk_forward import Folds
from backfleet.validation.window_scores import AnnualBasis, window_metric

__all__ = ["compute_folds"]

Floats = NDArray[np.float64]

NO_WINDOWS = (
    "the job of run {run} has no validation windows. Give them with --set "
    "windows=rolling --set train='3 years' --set test='1 year', or in Python as "
    'windows="rolling", train="3 years", test="1 year"'
)


def compute_folds(
    run: StoredRun, rule: Validation | None, changes: dict[str, Any], *, with_costs: bool = True
) -> Folds:
    """Return the folds of a run.

    Parameters
    ----------
    rule
        Windows and selection; None for those that the run was last submitted with.
    changes
        Keys of `[validation]` that differ from the rule.
    with_costs
        Read the trades and fees of the stitched account, which takes longer than all the rest.

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
    # Only runs with flat windows have windows in their plan; the others are cut afterwards.
    is_flat = bool(run.manifest.windows)
    if (rule.start == "flat") is not is_flat:
        raise UserError(
            f'validation.start = "{rule.start}": run {run.manifest.run_id} was planned with start '
            f'= "{"flat" if is_flat else "running"}". Run the job again with this value'
        )
    return _FoldReader(run, rule, with_costs).folds()


def _changed(rule: Validation, changes: dict[str, Any]) -> Validation:
    """Return a rule with other keys. Lengths do not carry over to windows of another kind."""
    keys = rule.model_dump(mode="json")
    # "rolling" and "anchored" (MOVING) share their lengths; other kinds have keys of their own.
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
    with_costs: bool

    def folds(self) -> Folds:
        return self._of_symbols() if self.rule.per == "symbol" else self._of_universe()

    def _of_universe(self) -> Folds:
        windows, series = self._universe()
        basis = self._basis(windows)
        # Choices with fold 0 (falsy) belong to the holdout, and are reported apart from the folds.
        every = self._choices(windows, series, basis)
        choices = [choice for choice in every if choice.fold]
        paths, account, hindsight = None, None, None
        if self.rule.windows == "groups":
            # Groups test each session in several folds, so they give several paths and no single
            # account.
            returns = path_returns(
                windows, series, choices, self.rule.groups, self.rule.test_groups
            )
            paths = np.array([_sharpe(one, basis) for one in returns])
        else:
            days, earned = stitched_returns(windows, series, choices)
            account = _with_costs(measure_stitched(windows, days, earned, basis), choices)
            best = self._in_hindsight(windows, series, choices, basis)
            hindsight = None if best is None else measure_stitched(windows, days, best, basis)
        return self._result(windows, every, account, hindsight, paths, basis)

    def _of_symbols(self) -> Folds:
        """Choose a point for each symbol. The account holds all symbols in equal weights."""
        if self.rule.windows == "groups":
            raise UserError(
                'validation.per = "symbol": groups have no stitched account to hold the symbols. '
                'Use windows = "rolling", "anchored" or "split", or per = "universe"'
            )
        # The stored sums by date are over all symbols, so only full details have the returns of one
        # symbol.
        self._need_details('per = "symbol"', "the returns of each task")
        windows, symbols = self._symbols()
        basis = self._basis(windows)
        # One row per session. Column 0 sums the returns of the chosen points, column 1 those of the
        # best points in hindsight, over the symbols with a test on that session.
        totals, counts = np.zeros((len(windows.days), 2)), np.zeros(len(windows.days), np.int64)
        every: list[FoldChoice] = []
        symbol_count = 0
        for series in symbols:
            symbol_count += 1
            chosen = self._choices(windows, series, basis)
            every += chosen
            own = [choice for choice in chosen if choice.fold]
            if own:
                days, earned = stitched_returns(windows, series, own)
                best = self._in_hindsight(windows, series, own, basis)
                # Every day of a symbol is in `windows.days`, the union over all symbols, so this is
                # an exact lookup.
                at = np.searchsorted(windows.days, days)
                totals[at] += np.stack([earned, earned if best is None else best], axis=1)
                counts[at] += 1
        choices = [choice for choice in every if choice.fold]
        if not choices:
            raise UserError(
                f"folds of run {self.run.manifest.run_id}: no symbol has the sessions that a "
                'window needs. Use longer windows, or per = "universe"'
            )
        days = windows.days[counts > 0]
        account, hindsight = (
            measure_stitched(windows, days, np.ascontiguousarray(earned), basis)
            for earned in equal_weight(totals, counts).T
        )
        account = _with_costs(account, choices)
        # With flat windows, column 1 is a copy of column 0.
        best_account = None if self._is_flat else hindsight
        return self._result(windows, every, account, best_account, None, basis, symbol_count)

    def _result(
        self,
        windows: CutWindows,
        choices: Sequence[FoldChoice],
        account: StitchedAccount | None,
        hindsight: StitchedAccount | None,
        paths: Floats | None,
        basis: AnnualBasis,
        symbols: int = 1,
    ) -> Folds:
        manifest, holdout = self.run.manifest, self.rule.holdout
        looks = None
        if holdout is not None:
            # Looks at a holdout are counted over all runs of the family, which lie beside this one.
            root = open_store(split_url(self.run.store.url)[0])
            looks = count_looks(root, manifest, holdout)
        return Folds(
            manifest.run_id,
            self.rule,
            windows,
            manifest.base_points,
            tuple(choice for choice in choices if choice.fold),
            account,
            hindsight,
            paths,
            basis,
            tuple(choice for choice in choices if not choice.fold),
            looks,
            symbols,
        )

    def _choices(
        self, windows: CutWindows, series: FoldSeries, basis: AnnualBasis
    ) -> list[FoldChoice]:
        return choose_points(windows, series, self._neighbors, self.rule, basis)

    @cached_property
    def _neighbors(self) -> Neighbors | None:
        """The neighbors of the points, if they take part in the choice."""
        return find_neighbors(self.run.manifest.base_points) if self.rule.plateau else None

    def _in_hindsight(
        self,
        windows: CutWindows,
        series: FoldSeries,
        choices: Sequence[FoldChoice],
        basis: AnnualBasis,
    ) -> Floats | None:
        """Return what the best point over all sessions earns in the tests; None for flat windows,
        which have no account over all sessions."""
        if self._is_flat:
            return None
        best = choose_in_hindsight(windows, series, self._neighbors, self.rule, basis)
        # The same tests as the real choices, so that both accounts cover the same sessions.
        alike = [replace(choice, point=best) for choice in choices]
        return stitched_returns(windows, series, alike)[1]

    # -- returns ------------------------------------------------------------------------------

    @property
    def _is_flat(self) -> bool:
        return self.rule.start == "flat"

    def _universe(self) -> tuple[CutWindows, FoldSeries]:
        """Return the windows, and the points over all symbols."""
        if self._is_flat:
            by_window = read_flat_means(self.run)
            windows = self._cut(union_days(by_window.values()))
            return windows, self._flat(windows, None, by_window)
        daily = self._mean_returns()
        windows = self._cut(daily.days)
        return windows, self._running(windows, daily)

    def _symbols(self) -> tuple[CutWindows, Iterator[FoldSeries]]:
        """Return the windows, and the points of each symbol, one symbol in memory at a time."""
        if self._is_flat:
            windows = self._cut(
                union_days(one for _, own in read_flat_symbols(self.run) for one in own.values())
            )
            symbols = read_flat_symbols(self.run)
            return windows, (self._flat(windows, symbol, own) for symbol, own in symbols)
        # Two passes over the stored returns: the windows need the sessions of all symbols before
        # the first symbol is cut.
        windows = self._cut(union_days(self._symbol_returns()))
        return windows, (self._running(windows, daily) for daily in self._symbol_returns())

    def _cut(self, days: NDArray[np.datetime64]) -> CutWindows:
        """Return the windows over these sessions. Raises UserError if the run lacks one."""
        if self._is_flat:
            # No task has an account in the sessions between the windows, and windows count them. Of
            # a window in which every task failed, at least the first and the last session count.
            manifest = self.run.manifest
            known = [*manifest.gaps, *chain.from_iterable(manifest.windows)]
            days = np.union1d(days, np.array(known, dtype=days.dtype))
        windows = cut_windows(self.rule, days)
        missing = set(windows.spans()) - set(self.run.manifest.windows)
        if self._is_flat and missing:
            first, last = min(missing)
            raise UserError(
                f"run {self.run.manifest.run_id} has no tasks from {first} to {last}. Windows with "
                'start = "flat" are part of a run: run the job with these windows, or resume it'
            )
        return windows

    def _running(self, windows: CutWindows, daily: DailyReturns) -> RunningSeries:
        trades, fees = self._costs(daily.days, daily.symbol)
        return RunningSeries(windows, daily, trades, fees)

    def _flat(
        self, windows: CutWindows, symbol: str | None, by_window: Mapping[Window, DailyReturns]
    ) -> FlatSeries:
        days, points = windows.days, len(self.run.manifest.base_points)
        costs = self._costs(days, symbol)
        spans: dict[Window, WindowReturns] = {}
        for number, window in enumerate(self.run.manifest.windows):
            daily = by_window.get(window) or unknown_returns(window, days, points)
            # `days` is the calendar of the run, `one` has a row for each of its days, and its
            # columns are window by window.
            at = np.isin(days, daily.days)
            own = slice(number * points, (number + 1) * points)
            trades, fees = (None if one is None else one[at, own] for one in costs)
            spans[window] = WindowReturns(daily.days, daily.returns, trades, fees)
        return FlatSeries(windows, symbol, spans)

    def _mean_returns(self) -> DailyReturns:
        """Return the equal-weight series of all points. Raises UserError if it is not stored."""
        run = self.run
        points = range(len(run.manifest.points))
        stored = read_point_returns(run.store, run.manifest, run.chunk_index, points)
        # The stored series are the fast way; `stored` is otherwise the reason why there are none.
        if isinstance(stored, PointReturns):
            return DailyReturns(stored.dates, stored.returns)
        if not run.manifest.keeps_detail:
            raise UserError(f"folds of run {run.manifest.run_id} are {stored}")
        return read_mean_returns(run.store, run.manifest, run.chunk_index)

    def _symbol_returns(self) -> Iterator[DailyReturns]:
        run = self.run
        return read_symbol_returns(run.store, run.manifest, run.chunk_index)

    def _basis(self, windows: CutWindows) -> AnnualBasis:
        """Return what metrics per year are counted by."""
        manifest, days = self.run.manifest, windows.days
        # Without any session there is nothing to annualize, and 1.0 only avoids a division by zero.
        periods = manifest.periods_per_year or (sessions_per_year(days) if len(days) else 1.0)
        return AnnualBasis(periods, manifest.identity.results.risk_free_rate)

    # -- trades and fees ----------------------------------------------------------------------

    @cached_property
    def _events(self) -> DailyEvents:
        return DailyEvents(self.run.store, self.run.manifest, self.run.chunk_index)

    @cached_property
    def _asks_for_trades(self) -> bool:
        """Whether points are chosen by their trades."""
        where = self.rule.where
        return where is not None and TRADES in parse_condition(where).names

    def _costs(
        self, days: NDArray[np.datetime64], symbol: str | None
    ) -> tuple[Floats | None, Floats | None]:
        """Return the trades and the fees of the points, if they are asked for and stored."""
        # An error only if trades decide; as a mere addition to the account they may be missing.
        if self._asks_for_trades:
            self._need_details("where", "the trades of each window")
        has_costs = self.with_costs and self.run.manifest.keeps_detail
        if not (self._asks_for_trades or has_costs):
            return None, None
        fees = self._events.fees(days, symbol) if has_costs else None
        return self._events.trades(days, symbol), fees

    def _need_details(self, key: str, what: str) -> None:
        if not self.run.manifest.keeps_detail:
            raise UserError(
                f"validation.{key} needs {what}, which run {self.run.manifest.run_id} does not "
                'store: its job has results.detail = "summary". Run it with '
                "--set results.detail=full"
            )


def _with_costs(account: StitchedAccount, choices: Sequence[FoldChoice]) -> StitchedAccount:
    """Return the account with the trades and fees of the chosen points, if they are known."""
    chosen = [choice for choice in choices if choice.point is not None]
    # A sum over some of the folds would look like the whole account's.
    if any(choice.trades is None or choice.fees is None for choice in chosen):
        return account
    trades = sum(choice.trades or 0 for choice in chosen)
    return replace(account, trades=trades, fees=sum(choice.fees or 0.0 for choice in chosen))


def _sharpe(returns: Floats, basis: AnnualBasis) -> float:
    # `window_metric` takes one column per point.
    return float(window_metric("sharpe", returns[:, None], basis)[0])
