"""The classes that a job names: sizer, signals, analyzers, commission schemes and filler."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from backfleet.class_call import ClassCall
from backfleet.code.imports import missing_modules
from backfleet.errors import JobError, UserError
from backfleet.plan.engines import VECTOR
from backfleet.strategy import StrategyDescription
from backfleet.strategy_folder import in_strategy_folder
from backfleet.strategy_reference import StrategyReference

if TYPE_CHECKING:
    from backfleet.engines.classes import ClassKind
    from backfleet.job import Job

__all__ = ["check_classes", "with_class_modules"]


class _NamedClass(NamedTuple):
    """A class in a job: the key that names it, what it has to be, and the call."""

    key: str
    kind: ClassKind
    call: ClassCall


def with_class_modules(job: Job, strategy: StrategyReference) -> StrategyReference:
    """Return the strategy with the modules of the job's classes among its own, since their code
    belongs to the run.

    Raises JobError if there is no such module.
    """
    folder = None if strategy.folder is None else Path(strategy.folder)
    modules = set(strategy.modules)
    for key, _, call in _classes(job):
        module = call.module(strategy.target)
        if module is None:
            continue
        # A file is looked for in the strategy's folder only, whose code belongs to the run.
        is_file = call.target.rpartition(":")[0].endswith(".py")
        if is_file and (folder is None or not (folder / f"{module}.py").is_file()):
            where = "the strategy is in no file" if folder is None else f"not found in {folder}"
            raise JobError(
                f"{key}.class: {module}.py must be a file in the strategy's folder: {where}"
            )
        # Found without importing it, since the import may run code.
        if missing_modules([module], folder):
            raise JobError(f"{key}.class: there is no module {module!r} here")
        modules.add(module)
    return replace(strategy, modules=tuple(sorted(modules)))


def check_classes(job: Job, strategy: StrategyReference, description: StrategyDescription) -> None:
    """Raise JobError for a class that cannot be used, before any worker starts."""
    kind = description.kind
    if job.signals and not description.has_signals:
        raise JobError(
            f"signals: {job.strategy} is no backtrader.SignalStrategy, which trades by signals. "
            'Use strategy = "backtrader:SignalStrategy" or a subclass of it, or remove [signals]'
        )
    if job.sizer is not None and kind == VECTOR:
        raise JobError(
            "sizer: a VectorStrategy sizes its own orders. Set its 'sizing', or remove [sizer]"
        )
    if job.data.feeds and kind == VECTOR:
        raise JobError(
            "data.feeds: a VectorStrategy, which the engine 'vector' runs, has its feeds by their "
            'names. Use data.symbols with universe = "portfolio", or a backtrader.Strategy'
        )
    for key, class_kind, call in _classes(job):
        # backtrader takes long to import, and most jobs name no class.
        from backfleet.engines.classes import check_class

        try:
            with in_strategy_folder(strategy):
                check_class(call, class_kind)
        except UserError as error:
            raise JobError(f"{key}: {error}") from error


def _classes(job: Job) -> Iterator[_NamedClass]:
    broker = job.broker
    if isinstance(broker.commission, dict):
        call = ClassCall.of(broker.commission)
        yield _NamedClass("broker.commission", "commission scheme", call)
    for name, costs in broker.symbols.items():
        if isinstance(costs.commission, dict):
            key, call = f"broker.symbols.{name}.commission", ClassCall.of(costs.commission)
            yield _NamedClass(key, "commission scheme", call)
    if broker.volume_filler is not None:
        call = ClassCall.of(broker.volume_filler)
        yield _NamedClass("broker.volume_filler", "volume filler", call)
    if job.sizer is not None:
        yield _NamedClass("sizer", "sizer", ClassCall.of(job.sizer))
    for kind, tables in job.signals.items():
        for table in tables:
            yield _NamedClass(f"signals.{kind}", "signal", ClassCall.of(table))
    for name, table in job.results.analyzers.items():
        yield _NamedClass(f"results.analyzers.{name}", "analyzer", ClassCall.of(table))
