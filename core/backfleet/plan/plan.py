"""Planning: a job becomes a manifest. Nothing is written but caches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from backfleet.chunks.column_names import name_clash, parameter_column
from backfleet.chunks.date_sums import KeptReturns
from backfleet.code.declared_files import find_declared_files, hash_declared_files
from backfleet.code.imports import missing_modules
from backfleet.code.logic import logic_hash
from backfleet.errors import JobError, ObjectMissing, UserError
from backfleet.job import Job, Points, plan_points
from backfleet.job.job_errors import show
from backfleet.job.parameter import Parameter
from backfleet.job.validation import TRADES, Validation, parse_condition
from backfleet.job.windowed_points import WINDOW, WindowedPoints
from backfleet.no_bytecode import bytecode_disabled
from backfleet.plan.broker_keys import check_broker, check_symbols
from backfleet.plan.calendar import return_days, symbol_sessions
from backfleet.plan.chunk_size import (
    SUM_BYTES,
    SUMMED_POINTS,
    RunSize,
    chunk_size,
    kept_returns,
)
from backfleet.plan.classes import check_classes, with_class_modules
from backfleet.plan.data import PlannedData, benchmark_digest, plan_data, source_of
from backfleet.plan.describe import describe_strategy
from backfleet.plan.engines import check_market, engine_candidates
from backfleet.plan.identify import check_plugins, identify, market_identity
from backfleet.plan.manifest import Manifest
from backfleet.plan.manifest_store import MANIFEST, read_manifest
from backfleet.plan.market_notes import check_strict
from backfleet.plan.origins import planned_distributions
from backfleet.plan.signals import plan_signals
from backfleet.plan.task_context import TaskContext
from backfleet.plan.windows import CutWindows, cut_windows
from backfleet.store import Store, open_store, split_url
from backfleet.strategy import StrategyDescription, locate_strategy
from backfleet.strategy_folder import strategy_root
from backfleet.strategy_reference import StrategyReference

__all__ = ["Plan", "adopt_stored_manifest", "plan_job"]


@dataclass(frozen=True)
class Plan:
    """A job, its manifest, and where its strategy was found.

    Attributes
    ----------
    windows
        Training and test windows; None if the job has none.
    """

    job: Job
    manifest: Manifest
    strategy: StrategyReference
    windows: CutWindows | None = None

    def task_context(self) -> TaskContext:
        """Return the context to run the job's tasks in this process."""
        data = self.job.data
        feeds = data.auxiliary_paths
        return TaskContext(self.manifest, self.strategy, data.path, feeds, data.facts)


def plan_job(job: Job) -> Plan:
    """Check a job against what is installed and the data there is.

    Raises JobError, PluginError, DataError, StoreError.
    """
    # Planning imports the user's code, and must leave nothing in its folders.
    with bytecode_disabled():
        return _plan(job)


def adopt_stored_manifest(plan: Plan, store: Store) -> Plan:
    """Return the plan with the manifest that the run's store holds, if it holds one.

    Raises CorruptObject, StoreError.
    """
    return replace(plan, manifest=read_manifest(store)) if store.exists(MANIFEST) else plan


def _plan(job: Job) -> Plan:
    # Whatever needs only the job and the code comes before the data, which can take minutes.
    strategy = with_class_modules(job, _with_modules(locate_strategy(job.strategy), job.modules))
    description = describe_strategy(strategy)
    engines = engine_candidates(job, description.kind)
    check_plugins(job.plugins, engines)
    files = hash_declared_files(find_declared_files(strategy_root(strategy), job.files))
    check_market(job, engines)
    check_broker(job, engines)
    check_classes(job, strategy, description)
    # After `check_classes`, which words what is wrong with a class.
    signals = plan_signals(job, strategy, description.parameters)
    parameters = (*description.parameters, *signals.parameters)
    points = _points(job, parameters)
    data = plan_data(job.data, market_identity(job.market))
    names = [symbol.name for symbol in data.symbols]
    check_symbols(job.broker, names, source_of(job.data).symbols)
    if job.market is not None and job.market.strict:
        check_strict(data.notes.market)
    data = replace(data, benchmark_digest=benchmark_digest(job.data, job.results))
    # Windows need the sessions of the data, and flat ones change the points, so both come before
    # the identity.
    windows = _cut_windows(job, data)
    is_flat = windows is not None and job.validation.start == "flat"
    if windows is not None and is_flat:
        points, parameters = _with_windows(job, points, parameters, windows, data)
    identity = identify(job, strategy, engines, points, data, files, signals.signals)
    run_size = RunSize.of(identity, data.symbols, len(points))
    size = chunk_size(run_size)
    # Sums over symbols need the same dates for all points.
    kept = KeptReturns.NONE if is_flat else kept_returns(run_size, size)
    # Windows need returns by date, which come from the details or from the kept returns.
    if windows is not None and kept is KeptReturns.NONE and not run_size.keeps_detail:
        raise _no_returns(job.validation, run_size)
    manifest = Manifest(
        name=job.name or job.strategy,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        identity=identity,
        parameters=parameters,
        symbols=data.symbols,
        points=points,
        chunk_size=size,
        kept_returns=kept,
        distributions=planned_distributions(identity, strategy),
        family=job.validation.family or strategy.target,
        logic=logic_hash(strategy),
        notes=replace(data.notes, universe=_universe_note(job, description, data)),
    )
    return Plan(job, manifest, strategy, windows)


def _universe_note(job: Job, description: StrategyDescription, data: PlannedData) -> str:
    """Return a note on a strategy that compares symbols and sees one at a time; else ""."""
    if not description.compares_symbols or job.data.universe == "portfolio":
        return ""
    # A single symbol is its own portfolio.
    if len(data.symbols) == 1:
        return ""
    return (
        f"{job.strategy} has portfolio_targets, which compare symbols, and sees one symbol at a "
        'time here. Set data.universe = "portfolio" to trade them together'
    )


def _cut_windows(job: Job, data: PlannedData) -> CutWindows | None:
    """Return the windows of a job.

    Raises JobError if they do not fit its data, or if the run will not store what they need.
    """
    if job.validation.windows is None:
        return None
    # Before the calendars, which take the loading of all bars.
    if job.results.detail == "summary":
        _check_stored(job.validation)
    return cut_windows(job.validation, return_days(job.data, data.symbols))


def _with_windows(
    job: Job,
    points: Points,
    parameters: Sequence[Parameter],
    windows: CutWindows,
    data: PlannedData,
) -> tuple[Points, tuple[Parameter, ...]]:
    """Return the points in every window, and the parameters with the window as another one.

    Raises JobError if a symbol has no session in a window, DataError.
    """
    if WINDOW in points.names:
        raise JobError(
            f'validation.start = "flat": the strategy has a parameter {WINDOW!r}, which is the '
            "name of the column of windows. Rename the parameter"
        )
    spans = windows.spans()
    for symbol, sessions in symbol_sessions(job.data, data.symbols):
        for first, last in spans:
            is_inside = (sessions >= np.datetime64(first)) & (sessions <= np.datetime64(last))
            # The first session of an account has no return, so a window needs two.
            if is_inside.sum() < 2:
                raise JobError(
                    f'validation.start = "flat": {symbol} has no return from {first} to {last}. '
                    'Leave the symbol out, use other windows, or start = "running"'
                )
    window = Parameter(WINDOW, "str", doc="first and last session of the window")
    return WindowedPoints(points, spans, windows.gaps()), (*parameters, window)


def _check_stored(rule: Validation) -> None:
    """Raise JobError for a rule that needs details."""
    where = rule.where
    if rule.start == "flat":
        key, what = 'start = "flat"', "the accounts of each window"
    elif where is not None and TRADES in parse_condition(where).names:
        key, what = f"where = {show(where)}", "the trades of each window"
    elif rule.per == "symbol":
        key, what = 'per = "symbol"', "the returns of each task"
    else:
        return
    raise JobError(
        f'validation.{key}: {what} are not stored with results.detail = "summary". Use '
        'detail = "full"'
    )


def _no_returns(rule: Validation, size: RunSize) -> JobError:
    """Return the error for windows whose returns the run would not store."""
    return JobError(
        f"validation.windows = {show(rule.windows)}: the returns by date of {size.points:,} points "
        f'and {size.symbols:,} symbols are not stored with results.detail = "summary", which '
        f"keeps those of at most {SUMMED_POINTS:,} points and {SUM_BYTES // 10**6} MB. Use fewer "
        'points or symbols, or detail = "full"'
    )


def _with_modules(strategy: StrategyReference, modules: Sequence[str]) -> StrategyReference:
    folder = None if strategy.folder is None else Path(strategy.folder)
    for module in missing_modules(modules, folder):
        raise JobError(
            f"modules: there is no module {module!r} here, or it is not a file; name it as the "
            "strategy imports it"
        )
    return replace(strategy, modules=tuple(sorted(modules)))


def _points(job: Job, parameters: Sequence[Parameter]) -> Points:
    table = None if job.sweep.points is None else _read_table(job.sweep.points)
    points = plan_points(job.params, parameters, job.sweep, job.seed, table)
    clash = name_clash({name: parameter_column(name) for name in points.names})
    if clash is not None:
        raise JobError(
            f"params: {clash[0]!r} and {clash[1]!r} would be one column of the results, because "
            "column names are compared without case. Rename one of them in the strategy"
        )
    return points


def _read_table(location: str) -> bytes:
    """Return the table of explicit points, which is a file or an object on S3.

    Raises JobError, StoreError.
    """
    if "://" in location:
        return _read_object(location)
    file = Path(location)
    try:
        # Reading a device or a FIFO may never end.
        if file.exists() and not file.is_file():
            raise JobError(f"sweep.points: {file}: this is not a regular file")
        return file.read_bytes()
    except OSError as error:
        raise JobError(f"sweep.points: {file}: {error.strerror}") from error


def _read_object(url: str) -> bytes:
    try:
        folder, name = split_url(url)
        return open_store(folder).read(name)
    except ObjectMissing as error:
        raise JobError(f"sweep.points: {url}: there is no such object. Correct the URL") from error
    except UserError as error:
        raise JobError(f"sweep.points: {error}") from error
