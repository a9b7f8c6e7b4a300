"""Preparing a submission: every question that can refuse it is asked here, once.

Nothing is written: after a refusal the store and the executor are as they were.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from backfleet.code.declared_files import add_declared_files
from backfleet.code.kept_code import is_kept
from backfleet.code.packages import OWN, CodePackage, strategy_packages
from backfleet.cost import Cost, money
from backfleet.errors import ExecutorError
from backfleet.executor import ChunkGeneration, Executor, Remote, Submission
from backfleet.plan.manifest import Manifest
from backfleet.plan.plan import Plan
from backfleet.store import Store
from backfleet.store.records import canonical_digest
from backfleet.strategy_reference import StrategyReference
from backfleet.submissions.deal import deal_chunks
from backfleet.submissions.large_runs import MAX_FILE_TASKS
from backfleet.submissions.workload import estimate, workload

__all__ = ["PreparedSubmission", "check_cost", "draft_of", "import_paths", "prepare"]


@dataclass(frozen=True)
class PreparedSubmission:
    """A submission that the executor accepts, and the packages to store before it is written.

    `submission` has neither a number nor a URL yet.

    Attributes
    ----------
    packages
        The packages that the workers lack.
    code
        All packages of the run's code; None if the store keeps them already.
    """

    submission: Submission
    packages: Sequence[CodePackage] = ()
    code: Sequence[CodePackage] | None = None


def draft_of(plan: Plan, *, detach: bool = False) -> Submission:
    """Return the submission of a freshly planned job, without executor, shards and number."""
    resources = plan.job.resources
    return Submission(
        run_id=plan.manifest.run_id,
        number=0,
        name=plan.manifest.name,
        executor="",
        engine=plan.manifest.engine,
        created="",
        strategy=plan.strategy,
        data_path=plan.job.data.path,
        auxiliary_paths=plan.job.data.auxiliary_paths,
        facts_path=plan.job.data.facts,
        shards=(),
        cpus=resources.cpus,
        memory=resources.memory,
        task_timeout=resources.task_timeout,
        detach=detach,
        paths=import_paths(plan.strategy),
    )


def import_paths(strategy: StrategyReference) -> tuple[str, ...]:
    """Return the folders in which workers on this machine look for a strategy's module.

    They are empty for a strategy that is installed or in a folder. Code that is neither is found
    where this process finds it.
    """
    if strategy.distribution or strategy.folder:
        return ()
    return tuple(os.path.abspath(path) for path in sys.path)


def prepare(
    store: Store,
    executor: Executor,
    manifest: Manifest,
    draft: Submission,
    chunks: Sequence[ChunkGeneration],
    *,
    accept_cost: bool = False,
    reused: int = 0,
) -> PreparedSubmission:
    """Prepare to compute these chunks on an executor; without any, it is not asked.

    Parameters
    ----------
    store
        The run's own.
    draft
        The submission without executor, shards and number. If it names code, its workers run with
        that; otherwise the code found here must be the run's.
    accept_cost
        Spend more than the executor's limit.
    reused
        Number of tasks in these chunks whose rows come from earlier runs.

    Raises
    ------
    ExecutorError
        If the executor sees a problem, or the cost exceeds its limit.
    PluginError
        If code that the workers lack cannot be shipped.
    """
    draft = replace(
        draft,
        executor=executor.name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        accept_cost=accept_cost,
        is_large=manifest.tasks > MAX_FILE_TASKS,
    )
    if not chunks:
        # Nothing is computed, but the store still keeps the code, so that the run can be verified
        # later.
        submission = replace(draft, shards=(), code=None)
        return PreparedSubmission(submission, code=_code_to_keep(store, manifest, submission))
    # Checks that cost nothing come first; the workload may read earlier runs from the store.
    if draft.detach and not executor.survives_exit:
        raise ExecutorError(
            f"executor {executor.name!r} does not support --detach: its workers stop with this "
            "command"
        )
    work = workload(store, manifest, chunks, cpus=draft.cpus, memory=draft.memory, reused=reused)
    shards, cost = estimate(executor, work)
    submission = replace(
        draft,
        shards=deal_chunks(chunks, manifest.chunks, shards),
        # The location that it will have: executors look at where the store is.
        url=f"{store.url}/submissions/0.json",
    )
    # Before the cost: accepting a cost is pointless if the workers cannot start.
    problems = executor.preflight(submission)
    if problems:
        raise ExecutorError(f"executor {executor.name!r}: {'; '.join(problems)}")
    check_cost(cost, accept_cost=accept_cost)
    return _with_code(store, executor, manifest, submission)


def check_cost(cost: Cost | None, *, accept_cost: bool) -> None:
    """Raise ExecutorError for a cost above the executor's limit that nobody has accepted."""
    if cost is not None and cost.exceeds_limit and not accept_cost:
        raise ExecutorError(
            f"the cost of up to {money(cost.highest)} {cost.currency} ({cost.basis}) exceeds the "
            f"limit of {money(cost.limit)} {cost.currency}. Nothing was started. Pass --yes to "
            "accept the cost, or reduce the number of tasks"
        )


def _with_code(
    store: Store, executor: Executor, manifest: Manifest, submission: Submission
) -> PreparedSubmission:
    """Decide which code the workers fetch, and which code the store is to keep."""
    # Workers without an inventory run with what is installed here.
    installed = Remote.of(executor).installed()
    if installed is not None:
        from backfleet.code.ship_code import check_backfleet_code, packages_to_ship

        check_backfleet_code(installed)
        submission = replace(submission, inventory=canonical_digest(dict(installed)))
    # A resumed submission names the code that it was started with, and that is in the store.
    if submission.code is not None:
        return PreparedSubmission(submission)
    code = _code_to_keep(store, manifest, submission)
    if installed is None:
        return PreparedSubmission(submission, code=code)
    targets = [component.target for _, component in manifest.identity.components()]
    files = manifest.identity.files
    packages = packages_to_ship(submission.strategy, targets, installed, files)
    return PreparedSubmission(replace(submission, code=()), packages, code)


def _code_to_keep(
    store: Store, manifest: Manifest, submission: Submission
) -> Sequence[CodePackage] | None:
    """Return the packages of a run's code; None if the store keeps the code already."""
    if is_kept(store):
        return None
    strategy = submission.strategy
    targets = [component.target for _, component in manifest.identity.components()]
    is_own = strategy.distribution == OWN and not strategy.modules
    if is_own and all(target.startswith(f"{OWN}.") for target in targets):
        # The search through all installed distributions would find nothing to keep.
        return ()
    return add_declared_files(
        strategy_packages(strategy, targets), strategy, manifest.identity.files
    )
