"""Running an ablation: its runs are started, waited for, and compared with the ablated run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TextIO

import numpy as np

from backfleet.chunks.arrow import float_array, task_numbers
from backfleet.code.stored_code import copy_code
from backfleet.errors import ExecutorError
from backfleet.executor import Cost, Executor, Priced, Remote
from backfleet.plan.manifest import Manifest
from backfleet.plan.manifest_store import MANIFEST, read_manifest
from backfleet.results.chunk_index import ChunkIndex
from backfleet.results.read import read_results
from backfleet.results.rule_costs import COST_COLUMNS, RuleCosts, rule_costs
from backfleet.runs.ablation import Ablation
from backfleet.runs.control import RunControl
from backfleet.runs.labels import add_labels
from backfleet.runs.run import Run
from backfleet.runs.submit import Submit
from backfleet.store import Store, open_store, split_url
from backfleet.submissions.prepare import check_cost
from backfleet.submissions.workload import estimate, workload

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["AblationWork", "ablation_work", "run_ablation"]

TAG = "ablation"


@dataclass(frozen=True)
class AblationWork:
    """The work of an ablation.

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


def ablation_work(ablation: Ablation, executor: Executor) -> AblationWork:
    """Return what an ablation has to compute on an executor. Nothing is written."""
    return _work_of(ablation, executor, _runs(ablation, executor))


def _work_of(ablation: Ablation, executor: Executor, runs: Sequence[Run]) -> AblationWork:
    draft, costs = ablation.code.draft(), []
    tasks = missing = 0
    for run in runs:
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
    runs = _runs(ablation, executor)
    # All runs together: each alone could be below the limit.
    check_cost(_work_of(ablation, executor, runs).cost, accept_cost=accept_cost)
    controls = [RunControl(run) for run in runs]
    # Capacity that is paid for grows with the work; on one machine, runs would share the cores.
    size = len(controls) if isinstance(executor, Priced) else 1
    names = [variant.without for variant in ablation.variants]
    for first in range(0, len(controls), size):
        _run_together(ablation, executor, controls[first : first + size], names[first:], progress)
    return _costs(ablation, dict(zip(names, (control.run for control in controls), strict=True)))


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
    # Before the start, whose workers may fetch it.
    _copy_code(ablation, run)
    root = open_store(split_url(run.url)[0])
    # The cost of all runs was accepted or within the limit before the first was started.
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
    # The run is complete, so every task has a row, and the rows are sorted by task.
    at = np.searchsorted(task_numbers(base), np.array(ablation.tasks, np.int64))
    others = {(name, run.id): _rows(run) for name, run in runs.items()}
    return rule_costs(base.take(float_array(at.astype(np.int64))), others, ablation.tasks)


def _rows(run: Run) -> pa.Table:
    return read_results(run.store, run.chunk_index, ["task", *COST_COLUMNS])
