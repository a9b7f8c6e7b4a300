"""What a strategy is to backfleet: a reference, its class, and the parameters it takes."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from backfleet.errors import JobError, PluginError
from backfleet.job.parameter import Parameter
from backfleet.plugins import find_plugin

__all__ = ["StrategyDescription", "StrategyReference", "locate_strategy"]


@dataclass(frozen=True)
class StrategyDescription:
    """A strategy's parameters, in its own order, and the first line of its doc."""

    parameters: tuple[Parameter, ...]
    doc: str


@dataclass(frozen=True)
class StrategyReference:
    """Where a strategy's class lies.

    Attributes
    ----------
    target
        `module:Class`, or `file.py:Class` without the folder; names the class in a run's identity.
    folder
        The folder of a `file.py:Class` strategy; None for an importable module.
    distribution, version
        Of the package whose entry point names the strategy; empty for others.
    """

    target: str
    folder: str | None = None
    distribution: str = ""
    version: str = ""

    @property
    def reference(self) -> str:
        """The form that a job takes and `locate_strategy` reads."""
        return f"{self.folder}/{self.target}" if self.folder else self.target

    def load(self) -> type:
        """Import the class. Raises PluginError, JobError."""
        place, _, name = self.target.partition(":")
        try:
            module = _import_file(Path(self.folder, place)) if self.folder else _import(place)
        except Exception as error:
            raise PluginError(
                f"strategy {self.reference} cannot be imported: {type(error).__name__}: {error}"
            ) from error
        value: Any = module
        for part in name.split("."):
            value = getattr(value, part, None)
        if not isinstance(value, type):
            raise JobError(
                f"strategy: {self.reference}: {place} has no class {name!r}{_classes(module)}"
            )
        return value

    def describe(self) -> StrategyDescription:
        """Import the class and read its parameters. Raises PluginError, JobError."""
        cls = self.load()
        return StrategyDescription(_parameters(cls, self.reference), _first_line(cls))


def locate_strategy(reference: str) -> StrategyReference:
    """Find a strategy by a plugin's name, by `pkg.module:Class`, or by `path/file.py:Class`.

    Nothing is imported. Raises UnknownPlugin, PluginError, JobError.
    """
    place, colon, name = reference.rpartition(":")
    if not colon:
        plugin = find_plugin("strategy", reference)
        return StrategyReference(plugin.target, None, plugin.distribution, plugin.version)
    if not place.endswith(".py"):
        return StrategyReference(reference)
    file = Path(place).expanduser().resolve()
    if not file.is_file():
        raise JobError(f"strategy: there is no file {file}")
    return StrategyReference(f"{file.name}:{name}", str(file.parent))


def _import(module: str) -> ModuleType:
    if module == "__main__":
        raise JobError("a class defined in a notebook or script cannot travel; write it to a file")
    return importlib.import_module(module)


def _import_file(file: Path) -> ModuleType:
    """Import a file as a module of its stem, with its folder importable, as running it would."""
    if str(file.parent) not in sys.path:
        sys.path.insert(0, str(file.parent))
    name = file.stem
    known = sys.modules.get(name)
    if known is not None and getattr(known, "__file__", None) == str(file):
        return known
    if known is not None:
        name = f"_strategy_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise PluginError(f"{file} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _classes(module: ModuleType) -> str:
    names = [
        name
        for name, value in vars(module).items()
        if isinstance(value, type) and value.__module__ == module.__name__
    ]
    return f"; it has {', '.join(sorted(names))}" if names else ""


def _parameters(cls: type, reference: str) -> tuple[Parameter, ...]:
    declared = getattr(cls, "params", None)
    pairs = getattr(declared, "_getpairs", None)
    if pairs is None:
        raise JobError(f"strategy: {reference} is not a backtrader.Strategy")
    return tuple(Parameter.of(name, default) for name, default in pairs().items())


def _first_line(cls: type) -> str:
    doc: Sequence[str] = (inspect.getdoc(cls) if cls.__doc__ else "") or ""
    return str(doc).strip().split("\n", 1)[0]
