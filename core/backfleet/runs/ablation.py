"""Ablation: a run's tasks again with one rule of its market off at a time, and without any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal, TextIO

import numpy as np

from backfleet.chunks.arrow import float_array, task_numbers
from backfleet.chunks.column_names import parameter_column
from backfleet.code.stored_code import copy_code
from backfleet.errors import ExecutorError, PluginError, UserError
from backfleet.executor import Cost, Executor, Priced, Remote
from backfleet.job.grid import GridPoints
from backfleet.job.points import Points
from backfleet.job.windowed_points import WindowedPoints
from backfleet.plan.manifest import Manifest
from backfleet.plan.manifest_store import MANIFEST, read_manifest
from backfleet.plan.market_variants import MarketVariant, market_variants, plan_variant
from backfleet.results.chunk_index import ChunkIndex
from backfleet.results.leaderboard import Ranking, leaders_of, ranking_columns
from backfleet.results.read import read_results
from backfleet.results.rule_costs import COST_COLUMNS, RuleCosts, rule_costs
from backfleet.runs.control import RunControl
from backfleet.runs.labels import add_labels
from backfleet.runs.run import Run
from backfleet.runs.submit import Submit
from backfleet.runs.task_code import TaskCode
from backfleet.runs.undeclared import check_undeclared_files
from backfleet.store import Store, open_store, split_url
from backfleet.submissions.prepare import check_cost
from backfleet.submissions.workload import estimate, workload

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "Ablation",
    "AblationWork",
    "PointChoice",
    "ablation_work",
    "plan_ablation",
    "run_ablation",
]

PointChoice = Literal["best", "all"]

TAG = "ablation"


@dataclass(frozen=True)
class Ablation:
    """What an ablation runs.

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


@dataclass(frozen=True)
class AblationWork:
    """What an ablation has to compute.

    Attributes
    ----------
    tasks, missing
        Number of tasks of all runs without rules, and of those that have no result yet.
    cost
        The cost of the missing ones; None if the executor has no price.
    """

    tasks: int
    missing: int
    cost: Cost | None


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
        untouched=[variant.without for variant in variants[:-1] if variant.symbols is None],
        data=data,
    )


def ablation_work(ablation: Ablation, executor: Executor) -> AblationWork:
    """Return what an ablation has to compute on an executor. Nothing is written."""
    draft, costs = ablation.code.draft(), []
    tasks = missing = 0
    for run in _runs(ablation, executor):
        counts = run.counts()
        tasks, missing = tasks + counts.tasks, missing + counts.missing
        chunks = run.chunk_index.missing()
        work = workload(run.store, run.manifest, chunks, cpus=draft.cpus, memory=draft.memory)
        _, cost = estimate(executor, work)
        costs += [] if cost is None else [cost]
    if not costs:
        return AblationWork(tasks, missing, None)
    amount = sum(cost.amount for cost in costs)
    ceiling = sum(cost.highest for cost in costs)
    return AblationWork(tasks, missing, replace(costs[0], amount=amount, ceiling=ceiling))


def run_ablation(
    ablation: Ablation,
    executor: Executor,
    *,
    progress: TextIO | None = None,
    accept_cost: bool = False,
) -> RuleCosts | None:
    """Run what is missing of an ablation and return the costs of the rules; None if none applies.

    The runs are in the run's store, or in that of the executor, and later ablations find them.

    Raises
    ------
    ExecutorError
        If tasks are missing afterwards, or if all runs together cost more than the executor's
        limit; then nothing was started.
    """
    if not ablation.variants:
        return None
    check_cost(ablation_work(ablation, executor).cost, accept_cost=accept_cost)
    controls = [RunControl(run) for run in _runs(ablation, executor)]
    # Capacity that is paid for grows with the work; on one machine, runs would share the cores.
    size = len(controls) if isinstance(executor, Priced) else 1
    names = [variant.without for variant in ablation.variants]
    for first in range(0, len(controls), size):
        _run_together(ablation, executor, controls[first : first + size], names[first:], progress)
    return _costs(ablation, dict(zip(names, (control.run for control in controls), strict=True)))


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
    return WindowedPoints(chosen, manifest.windows) if manifest.windows else chosen


def _tasks(manifest: Manifest, point: int | None) -> Sequence[int]:
    numbers = np.arange(manifest.tasks).reshape(-1, len(manifest.base_points))
    chosen: list[int] = (numbers if point is None else numbers[:, point]).reshape(-1).tolist()
    return chosen


def _runs(ablation: Ablation, executor: Executor) -> Sequence[Run]:
    """Return the run of each variant, in the store in which the executor's workers write."""
    root = open_store(Remote.of(executor).results_store(split_url(ablation.run.url)[0]))
    return [_run_in(root, manifest) for manifest in ablation.manifests]


def _run_in(root: Store, manifest: Manifest) -> Run:
    store = root.at(manifest.run_id)
    return Run(store, read_manifest(store) if store.exists(MANIFEST) else manifest)


def _run_together(
    ablation: Ablation,
    executor: Executor,
    controls: Sequence[RunControl],
    names: Sequence[str],
    progress: TextIO | None,
) -> None:
    """Run some variants at the same time."""
    try:
        for control, name in zip(controls, names, strict=False):
            _start(ablation, executor, control, name)
        for control, name in zip(controls, names, strict=False):
            if control.started_workers and progress is not None:
                print(f"without {name}", file=progress, flush=True)
            control.wait(progress)
    except KeyboardInterrupt:
        for control in controls:
            # Workers that were running before belong to somebody else.
            if control.started_workers:
                control.cancel()
        raise
    for control, name in zip(controls, names, strict=False):
        _check_complete(control.run, name)


def _start(ablation: Ablation, executor: Executor, control: RunControl, name: str) -> None:
    run = control.run
    draft = replace(ablation.code.draft(ablation.data), run_id=run.id, name=run.manifest.name)
    _copy_code(ablation, run)
    root = open_store(split_url(run.url)[0])
    submit = Submit(run, executor, draft, ChunkIndex.missing, accept_cost=True, root=root)
    control.start(submit)
    add_labels(run.store, [TAG], f"run {ablation.run.id} without {name}")


def _copy_code(ablation: Ablation, run: Run) -> None:
    """Keep the code of the run with a run of the same code, unless all of it is backfleet's."""
    kept = ablation.run.kept_code
    if kept is not None and ablation.code.packages:
        copy_code(ablation.run.store, run.store, ablation.code.packages)
        kept.write(run.store)


def _check_complete(run: Run, name: str) -> None:
    missing = run.counts().missing
    if missing:
        reasons = "; ".join(dict.fromkeys(failure.message for failure in run.failures()))
        raise ExecutorError(
            f"{missing:,} of {run.manifest.tasks:,} tasks without {name} have no result"
            f"{f' ({reasons})' if reasons else ''}. Compute them with 'backfleet resume {run.url}' "
            "and ablate again"
        )


def _costs(ablation: Ablation, runs: Mapping[str, Run]) -> RuleCosts:
    base = _rows(ablation.run)
    at = np.searchsorted(task_numbers(base), np.array(ablation.tasks, np.int64))
    others = {(name, run.id): _rows(run) for name, run in runs.items()}
    return rule_costs(base.take(float_array(at.astype(np.int64))), others, ablation.tasks)


def _rows(run: Run) -> pa.Table:
    return read_results(run.store, run.chunk_index, ["task", *COST_COLUMNS])
