"""Planning: a job becomes a manifest. Nothing is written but caches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from backfleet.errors import JobError
from backfleet.job import Job, Points, plan_points
from backfleet.job.parameter import Parameter
from backfleet.no_bytecode import bytecode_disabled
from backfleet.plan.data import check_benchmark, plan_data
from backfleet.plan.describe import describe_strategy
from backfleet.plan.engines import engine_candidates
from backfleet.plan.identify import check_plugins, identify
from backfleet.plan.manifest import Manifest
from backfleet.plan.manifest_store import MANIFEST, read_manifest
from backfleet.plan.origins import planned_distributions
from backfleet.store import Store
from backfleet.strategy import locate_strategy
from backfleet.strategy_reference import StrategyReference

__all__ = ["Plan", "adopt_stored_manifest", "plan_job"]


@dataclass(frozen=True)
class Plan:
    """A job, its manifest, and where its strategy was found."""

    job: Job
    manifest: Manifest
    strategy: StrategyReference


def plan_job(job: Job) -> Plan:
    """Check a job against what is installed and the data there is.

    Raises JobError, PluginError, DataError, StoreError.
    """
    with bytecode_disabled():
        return _plan(job)


def adopt_stored_manifest(plan: Plan, store: Store) -> Plan:
    """Return the plan with the manifest that the run's store holds, if it holds one.

    Raises CorruptObject, StoreError.
    """
    return replace(plan, manifest=read_manifest(store)) if store.exists(MANIFEST) else plan


def _plan(job: Job) -> Plan:
    strategy = locate_strategy(job.strategy)
    description = describe_strategy(strategy)
    engines = engine_candidates(job, description.kind)
    parameters = description.parameters
    check_plugins(job.plugins, engines)
    points = _points(job, parameters)
    data = plan_data(job.data)
    check_benchmark(job.data, job.results.benchmark)
    identity = identify(job, strategy, engines, points, data)
    manifest = Manifest(
        name=job.name or job.strategy,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        identity=identity,
        parameters=parameters,
        symbols=data.symbols,
        points=points,
        distributions=planned_distributions(identity, strategy),
    )
    return Plan(job, manifest, strategy)


def _points(job: Job, parameters: Sequence[Parameter]) -> Points:
    table = None
    if job.sweep.points is not None:
        try:
            table = Path(job.sweep.points).read_bytes()
        except OSError as error:
            raise JobError(f"sweep.points: {job.sweep.points}: {error.strerror}") from error
    return plan_points(job.params, parameters, job.sweep, job.seed, table)
