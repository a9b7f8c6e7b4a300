"""Planning an ablation: a run's tasks again with one rule off at a time, and without any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np

from backfleet.chunks.column_names import parameter_column
from backfleet.errors import PluginError, UserError
from backfleet.job.grid import GridPoints
from backfleet.job.points import Points
from backfleet.job.windowed_points import WindowedPoints
from backfleet.plan.manifest import Manifest
from backfleet.plan.market_variants import MarketVariant, market_variants, plan_variant
from backfleet.results.leaderboard import Ranking, leaders_of, ranking_columns
from backfleet.results.read import read_results
from backfleet.runs.run import Run
from backfleet.runs.task_code import TaskCode
from backfleet.runs.undeclared import check_undeclared_files

__all__ = ["Ablation", "PointChoice", "plan_ablation"]

PointChoice = Literal["best", "all"]


@dataclass(frozen=True)
class Ablation:
    """The runs of an ablation.

    Attributes
    ----------
    code
        The run, and the code with which its tasks run again.
    points
        The points, in all windows of the run.
    point
        The number of the point in the run's sweep; None for all of them.
    tasks
        The tasks of the run, in the order in which the runs without rules have them.
    variants
        The market without each rule that applies to the run's bars and, last, without any rule;
        empty if no rule applies.
    untouched
        The rules without which every bar is the same.
    data
        Where the data is, as for `data_paths`.
    """

    code: TaskCode
    points: Points
    point: int | None
    tasks: Sequence[int]
    variants: Sequence[MarketVariant]
    untouched: Sequence[str]
    data: Sequence[str] = ()

    @property
    def run(self) -> Run:
        return self.code.run

    @cached_property
    def manifests(self) -> Sequence[Manifest]:
        """The plan of each variant."""
        manifest = self.run.manifest
        return [
            replace(
                plan_variant(manifest, variant, self.points),
                name=f"{manifest.name}-without-{variant.without.replace(' ', '-')}",
            )
            for variant in self.variants
        ]


def plan_ablation(
    code: TaskCode, choice: PointChoice = "best", data: Sequence[str] = ()
) -> Ablation:
    """Return what an ablation of a run has to run. Nothing is written.

    Parameters
    ----------
    choice
        `best`: the point with the best mean Sharpe ratio over the symbols; `all`: every point.
    data
        Where the data is instead of where the run's workers found it, as for `data_paths`.

    Raises
    ------
    UserError
        If the run has no rule that could be switched off, or its results are not complete.
    PluginError
        If the code or a library is not what the run was planned with: its rows and those without
        a rule would not be comparable.
    DataChanged
        If the data are not what the run was planned with.
    """
    run = code.run
    # The cheap checks first: the variants below read the bars of all symbols.
    _check_run(run)
    if code.differences:
        raise PluginError(
            f"{run.url} cannot be compared with runs from here: "
            f"{'; '.join(map(str, code.differences))}. Install what the run was planned with, or "
            "run its job again and ablate that run"
        )
    check_undeclared_files(run.chunk_index, code.strategy)
    variants = list(market_variants(code.context(data)))
    if not variants:
        raise UserError(f"run {run.id} has all rules of its market off, so none can be ablated")
    point = _best_point(run) if choice == "best" else None
    return Ablation(
        code=code,
        points=_points(run.manifest, point),
        point=point,
        tasks=_tasks(run.manifest, point),
        variants=[variant for variant in variants if variant.symbols is not None],
        # The last variant is the one without any rule, and it is no rule of its own.
        untouched=[variant.without for variant in variants[:-1] if variant.symbols is None],
        data=data,
    )


def _check_run(run: Run) -> None:
    if run.manifest.identity.market is None:
        raise UserError(
            f"run {run.id} has no [market], so there is no rule to switch off. Add [market] to "
            "its job, run it, and ablate that run"
        )
    missing = run.counts().missing
    if missing:
        raise UserError(
            f"{missing:,} of {run.manifest.tasks:,} tasks of run {run.id} have no result. Compute "
            f"them first: backfleet resume {run.url}"
        )


def _best_point(run: Run) -> int | None:
    """Return the number of the best point of a sweep; None if it has only one."""
    count = len(run.manifest.base_points)
    if count == 1:
        return None
    parameters = map(parameter_column, run.manifest.points.names)
    rows = read_results(run.store, run.chunk_index, [*ranking_columns(), *parameters])
    board = leaders_of(rows, run.manifest, Ranking(by="point"), 1)
    if not len(board.rows):
        raise UserError(
            f"run {run.id} has no point with a result, so there is no best one. Name --points all"
        )
    # With windows, the points of the first window come first.
    best: int = board.rows["point"][0].as_py()
    return best % count


def _points(manifest: Manifest, point: int | None) -> Points:
    if point is None:
        return manifest.points
    chosen = GridPoints({name: [value] for name, value in manifest.base_points[point].items()})
    return WindowedPoints(chosen, manifest.windows, manifest.gaps) if manifest.windows else chosen


def _tasks(manifest: Manifest, point: int | None) -> Sequence[int]:
    # Tasks are numbered symbol by symbol, within it window by window, and within that point by
    # point: so a column holds all tasks of one point.
    numbers = np.arange(manifest.tasks).reshape(-1, len(manifest.base_points))
    chosen: list[int] = (numbers if point is None else numbers[:, point]).reshape(-1).tolist()
    return chosen
