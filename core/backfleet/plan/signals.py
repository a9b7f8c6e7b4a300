"""The signals of a job, and the parameters of their indicators, which are swept as others are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from backfleet.class_call import CLASS, ClassCall, Signal, signal_labels
from backfleet.errors import JobError
from backfleet.job import Job
from backfleet.job.parameter import Parameter
from backfleet.strategy_folder import in_strategy_folder
from backfleet.strategy_reference import StrategyReference

__all__ = ["PlannedSignals", "plan_signals"]

SCALARS = ("int", "float", "bool", "str", "any")


@dataclass(frozen=True)
class PlannedSignals:
    """The signals of a run, and the parameters that they add to those of the strategy."""

    signals: tuple[Signal, ...] = ()
    parameters: tuple[Parameter, ...] = ()


def plan_signals(
    job: Job, strategy: StrategyReference, parameters: Sequence[Parameter]
) -> PlannedSignals:
    """Return the signals of a job whose classes have been checked.

    An indicator's argument that is a plain number, text or bool becomes a parameter of the run, so
    that `[params]` can sweep it: `longshort_period`, or `longshort_2_period` for the second of two.
    Its default is the value in `[signals]`, or the indicator's own.

    Raises JobError if a parameter of the strategy has such a name.
    """
    if not job.signals:
        return PlannedSignals()
    with in_strategy_folder(strategy):
        planned = list(_signals(job))
    signals = tuple(signal for signal, _ in planned)
    added = tuple(parameter for _, own in planned for parameter in own)
    taken = [parameter.name for parameter in parameters]
    for parameter in added:
        if parameter.name in taken:
            raise JobError(
                f"signals: {parameter.name!r} would be the name of two parameters. Rename the "
                "parameter in the strategy or in the indicator"
            )
        taken.append(parameter.name)
    return PlannedSignals(signals, added)


def _signals(job: Job) -> Iterator[tuple[Signal, Sequence[Parameter]]]:
    # backtrader takes long to import, and few jobs have signals.
    from backfleet.engines.classes import load_class

    # Sorted by kind, but in the job's order within a kind, by which their labels count.
    for kind, tables in sorted(job.signals.items()):
        for label, table in zip(signal_labels(kind, len(tables)), tables, strict=True):
            call = ClassCall.of(table)
            # backtrader's way to list all parameters of a class with their defaults, inherited ones
            # too.
            defaults = load_class(call, "signal").params._getpairs()
            parameters = list(_parameters(label, {**defaults, **_without_class(table)}))
            names = tuple(parameter.name.removeprefix(f"{label}_") for parameter in parameters)
            # What cannot be a parameter stays an argument, the same at every point.
            others = tuple(pair for pair in call.arguments if pair[0] not in names)
            yield Signal(kind, label, replace(call, arguments=others), names), parameters


def _without_class(table: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in table.items() if name != CLASS}


def _parameters(label: str, defaults: Mapping[str, Any]) -> Iterator[Parameter]:
    for name, default in defaults.items():
        parameter = Parameter.of(f"{label}_{name}", default)
        if parameter.describable and parameter.kind in SCALARS:
            yield parameter
