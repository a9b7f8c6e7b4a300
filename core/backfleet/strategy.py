"""A strategy as backfleet sees it: a reference, its class, and the parameters it takes."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from backfleet.backtest_on_import import backtest_on_import
from backfleet.class_call import SIGNALS
from backfleet.errors import BackfleetError, JobError, PluginError, error_line
from backfleet.file_import import import_file
from backfleet.home import expand_home
from backfleet.job.parameter import Parameter
from backfleet.plugins import find_plugin
from backfleet.strategy_folder import in_strategy_folder
from backfleet.strategy_reference import StrategyReference
from backfleet.vector_strategy import VectorStrategy, field_choices, field_defaults

__all__ = [
    "StrategyDescription",
    "StrategyKind",
    "description_of",
    "load_strategy",
    "locate_strategy",
]

StrategyKind = Literal["vector", "backtrader"]


@dataclass(frozen=True)
class StrategyDescription:
    """A strategy's parameters, in its own order, and the first line of its doc.

    `kind` is "vector" for a `backfleet.VectorStrategy`, else "backtrader". `has_signals` is True
    for a `backtrader.SignalStrategy`, and `compares_symbols` for a `backfleet.VectorStrategy` with
    `portfolio_targets`.
    """

    parameters: tuple[Parameter, ...]
    doc: str
    kind: StrategyKind
    has_signals: bool = False
    compares_symbols: bool = False


def load_strategy(strategy: StrategyReference) -> type:
    """Import the class of a strategy. Raises PluginError, also if it is no strategy."""
    place, _, name = strategy.target.partition(":")
    module = _import(strategy, place)
    value: Any = module
    for part in name.split("."):
        value = getattr(value, part, None)
    if not isinstance(value, type):
        raise PluginError(f"{_label(strategy)}: {place} has no class {name!r}{_classes(module)}")
    # By base class and not by duck typing: the engine is chosen by it.
    if not (issubclass(value, VectorStrategy) or _is_backtraders(value)):
        raise PluginError(
            f"{_label(strategy)} is not a subclass of backtrader.Strategy "
            "or of backfleet.VectorStrategy"
        )
    return value


def _import(strategy: StrategyReference, place: str) -> ModuleType:
    try:
        with _importing(strategy.reference), in_strategy_folder(strategy):
            # A `file.py:Class` strategy is not on `sys.path` under a name of its own.
            if strategy.folder:
                return import_file(Path(strategy.folder, place))
            return importlib.import_module(place)
    except BackfleetError:
        raise
    except KeyboardInterrupt:
        raise
    # A strategy's file can raise anything, also SystemExit.
    except BaseException as error:
        more = f"; 'backfleet plugins show {strategy.plugin}' has the traceback"
        raise PluginError(
            f"{_label(strategy)} cannot be imported: {error_line(error)}"
            f"{_raised_at(error)}{more if strategy.plugin else ''}"
        ) from error


def _label(strategy: StrategyReference) -> str:
    """Return the reference, and the package of a plugin, for messages."""
    if not strategy.plugin:
        return f"strategy {strategy.reference}"
    package = f"{strategy.distribution} {strategy.version}"
    return f"strategy {strategy.plugin!r} of {package} ({strategy.target})"


def description_of(cls: type) -> StrategyDescription:
    """Return the description in a strategy's class."""
    if issubclass(cls, VectorStrategy):
        compares = cls.is_cross_sectional()
        return StrategyDescription(_parameters(cls), _first_line(cls), "vector", False, compares)
    return StrategyDescription(_parameters(cls), _first_line(cls), "backtrader", _has_signals(cls))


def locate_strategy(reference: str) -> StrategyReference:
    """Find a strategy by a plugin's name, by `pkg.module:Class`, or by `path/file.py:Class`.

    Nothing is imported. Raises UnknownPlugin, PluginError, JobError.
    """
    if (importing := _IMPORTED.get()) is not None:
        raise JobError(
            f"{importing} plans a job while it is imported; put that under "
            "'if __name__ == \"__main__\":', or into a file of its own"
        )
    # The last colon, because the path of a file may contain others.
    place, colon, name = reference.rpartition(":")
    if not colon and reference.endswith(".py"):
        raise JobError(f"strategy: name the class in the file: {reference}:MyStrategy")
    if not colon:
        plugin = find_plugin("strategy", reference)
        return StrategyReference(
            plugin.target, None, plugin.name, plugin.distribution, plugin.version
        )
    if place == "__main__":
        raise JobError(
            f"strategy: {reference} is in a notebook or in the script that runs, which workers "
            f"cannot import. Put the class into a file and name it as file.py:{name}"
        )
    if not place.endswith(".py"):
        return StrategyReference(reference)
    # Links are resolved, so that both names of a folder give the same run.
    file = Path(os.path.realpath(expand_home(place)))
    if not file.is_file():
        raise JobError(f"strategy: there is no file {file}")
    _refuse_backtest(file)
    return StrategyReference(f"{file.name}:{name}", str(file.parent))


def _refuse_backtest(file: Path) -> None:
    """Raise JobError for a script, which would run its backtest whenever it is imported.

    Workers do not look again: what they open counts as data of the run.
    """
    try:
        line = backtest_on_import(file.read_bytes())
    # The import, which comes later, reports this with more detail.
    except OSError:
        return
    if line is not None:
        raise JobError(
            f"strategy: {file}, line {line}, runs a backtest when the file is imported. Put that "
            "under 'if __name__ == \"__main__\":', or make a job of the script with "
            f"'backfleet adopt {file.name} -o FOLDER'"
        )


_IMPORTED: ContextVar[str | None] = ContextVar("_IMPORTED", default=None)
"""The strategy that is being imported: a file that runs a job would import itself for ever."""


@contextmanager
def _importing(reference: str) -> Iterator[None]:
    token = _IMPORTED.set(reference)
    try:
        yield
    finally:
        _IMPORTED.reset(token)


def _classes(module: ModuleType) -> str:
    names = [
        name
        for name, value in vars(module).items()
        # Without the classes that the module has only imported, such as `Strategy` itself.
        if isinstance(value, type) and value.__module__ == module.__name__
    ]
    return f"; it has {', '.join(sorted(names))}" if names else ""


def _raised_at(error: BaseException) -> str:
    """The line that raised; a syntax error says so itself."""
    frames = traceback.extract_tb(error.__traceback__)
    if isinstance(error, SyntaxError) or not frames or frames[-1].filename.startswith("<"):
        return ""
    return f" ({frames[-1].filename}, line {frames[-1].lineno})"


def _is_backtraders(cls: type) -> bool:
    """Whether it derives from backtrader.Strategy; if so, backtrader is imported by now."""
    return _derives(cls, "Strategy")


def _has_signals(cls: type) -> bool:
    return _derives(cls, "SignalStrategy")


def _derives(cls: type, base: str) -> bool:
    # Importing backtrader only to compare takes a tenth of a second, and vector strategies never
    # need it.
    known = getattr(sys.modules.get("backtrader"), base, None)
    return known is not None and issubclass(cls, known)


def _parameters(cls: Any) -> tuple[Parameter, ...]:
    vector = issubclass(cls, VectorStrategy)
    # backtrader's `params` is a class that its metaclass builds, with this way to its defaults.
    defaults = field_defaults(cls) if vector else cls.params._getpairs()
    choices = field_choices(cls) if vector else {}
    parameters = [
        Parameter.of(name, default, choices=choices.get(name, ()))
        for name, default in defaults.items()
    ]
    if _has_signals(cls):
        parameters = [_of_signal_strategy(one) for one in parameters if one.name != SIGNALS]
    return tuple(parameters)


def _of_signal_strategy(parameter: Parameter) -> Parameter:
    """Let points leave out what Cerebro sets, such as `_accumulate`, unless the job sets it."""
    is_internal = parameter.name.startswith("_")
    return replace(parameter, default=None, describable=False) if is_internal else parameter


def _first_line(cls: type) -> str:
    # `getdoc` alone would return the docstring of `backtrader.Strategy` for a class without one.
    doc = (inspect.getdoc(cls) if cls.__doc__ else None) or ""
    return doc.strip().partition("\n")[0]
