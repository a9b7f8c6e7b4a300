"""The classes that a job names: sizers, signals, analyzers, commission schemes and fillers."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from backfleet.class_call import ClassCall
from backfleet.engines.bt import bt
from backfleet.errors import JobError, PluginError, error_line
from backfleet.file_import import import_file, imported_file
from backfleet.job.job_errors import suggestion

__all__ = ["ClassKind", "backtraders_classes", "check_class", "instantiate", "load_class"]

ClassKind = Literal["analyzer", "commission scheme", "signal", "sizer", "volume filler"]

BASES: Mapping[ClassKind, Any] = {
    "analyzer": bt.Analyzer,
    "commission scheme": bt.CommInfoBase,
    "signal": bt.Indicator,
    "sizer": bt.Sizer,
    "volume filler": object,
}
HOMES: Mapping[ClassKind, tuple[Any, ...]] = {
    "analyzer": (bt.analyzers,),
    "commission scheme": (bt.commissions, bt),
    "signal": (bt.indicators,),
    "sizer": (bt.sizers,),
    "volume filler": (bt.fillers,),
}


def load_class(call: ClassCall, kind: ClassKind) -> Any:
    """Import a class. The current folder must be the strategy's.

    Raises JobError if there is no such class, or if it is of another kind.
    """
    place, _, name = call.target.rpartition(":")
    # A name without a module or file is one of backtrader's own classes.
    known = vars(_module(place)) if place else backtraders_classes(kind)
    cls = known.get(name)
    if not inspect.isclass(cls):
        names = [key for key, value in known.items() if inspect.isclass(value)]
        where = place or "backtrader"
        raise JobError(f"{call.target!r}: {where} has no {kind} {name!r}{suggestion(name, names)}")
    if not issubclass(cls, BASES[kind]):
        raise JobError(f"{call.target!r} is no subclass of backtrader's {BASES[kind].__name__}")
    return cls


def instantiate(call: ClassCall, kind: ClassKind) -> Any:
    """Return an object of the class."""
    return load_class(call, kind)(**dict(call.arguments))


def check_class(call: ClassCall, kind: ClassKind) -> None:
    """Raise JobError for a class that cannot be imported, or for an argument that it does not
    have."""
    cls = load_class(call, kind)
    params: Any = getattr(cls, "params", None)
    # A class without `params`, such as a plain class with `__init__`, says nothing about its
    # arguments. A wrong one then shows in the first task.
    known = list(params._getkeys()) if hasattr(params, "_getkeys") else []
    for name, _ in call.arguments:
        if known and name not in known:
            raise JobError(
                f"{name}: {call.target} has no parameter {name!r}{suggestion(name, known)}"
            )


def _module(place: str) -> ModuleType:
    try:
        if place.endswith(".py"):
            file = Path.cwd() / place
            # The strategy's file may define the class, and has been imported. A second import would
            # run its code twice and make a second class of the same name.
            return imported_file(file) or import_file(file)
        return import_module(place)
    # A module of somebody else may raise anything, and a script may call `sys.exit`. An interrupt
    # by the user is neither.
    except (Exception, SystemExit) as error:
        raise PluginError(f"{place} cannot be imported: {error_line(error)}") from error


def backtraders_classes(kind: ClassKind) -> dict[str, Any]:
    """Return backtrader's classes of a kind, by name."""
    base = BASES[kind]
    return {
        name: value
        # The first home wins where two have a class of the same name, so it is entered last.
        for home in reversed(HOMES[kind])
        for name, value in vars(home).items()
        if inspect.isclass(value)
        and issubclass(value, base)
        # A filler has no base class of its own, so that any class would pass. Its module also
        # imports names of others.
        and (base is not object or value.__module__ == bt.fillers.__name__)
    }
