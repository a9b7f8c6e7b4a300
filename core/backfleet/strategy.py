"""What a strategy is to backfleet: a reference, its class, and the parameters it takes."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from backfleet.errors import BackfleetError, JobError, PluginError
from backfleet.job.parameter import Parameter
from backfleet.no_bytecode import SourceLoader
from backfleet.plugins import find_plugin
from backfleet.vector_strategy import VectorStrategy, field_defaults

__all__ = [
    "StrategyDescription",
    "StrategyKind",
    "StrategyReference",
    "description_of",
    "locate_strategy",
]

StrategyKind = Literal["vector", "backtrader"]


@dataclass(frozen=True)
class StrategyDescription:
    """A strategy's parameters, in its own order, and the first line of its doc.

    `kind` is "vector" for a `backfleet.VectorStrategy`, else "backtrader".
    """

    parameters: tuple[Parameter, ...]
    doc: str
    kind: StrategyKind


@dataclass(frozen=True)
class StrategyReference:
    """Where a strategy's class lies.

    Attributes
    ----------
    target
        `module:Class`, or `file.py:Class` without the folder; names the class in a run's identity.
    folder
        The folder of a `file.py:Class` strategy; None for an importable module.
    plugin, distribution, version
        The name of the entry point that names the strategy, and its package; empty for others.
    """

    target: str
    folder: str | None = None
    plugin: str = ""
    distribution: str = ""
    version: str = ""

    @property
    def reference(self) -> str:
        """The form that a job takes and `locate_strategy` reads."""
        return f"{self.folder}/{self.target}" if self.folder else self.target

    @property
    def root(self) -> Path:
        """The folder that the job's `files` are relative to, and that tasks run in.

        It is the folder of a `file.py:Class` strategy, the folder of the outermost package around
        the strategy's module, or the folder of a module that is in no package. A namespace package
        is shared by distributions, so the package inside it counts. Raises PluginError.
        """
        return self._located[0]

    @property
    def root_import_path(self) -> str:
        """The path of `root` from where imports begin: `pkg` or `namespace/pkg`, or an empty text
        for a folder and for a single module. Raises PluginError."""
        return self._located[1]

    @contextmanager
    def current_folder(self) -> Iterator[None]:
        """Make `root` the current folder for a while, as it is for tasks in workers; without an
        effect if the strategy cannot be found."""
        before = os.getcwd()
        # An empty entry stands for the current folder, which would be another one.
        absolute = {path: os.path.abspath(path) for path in sys.path}
        try:
            root = self.root
        except PluginError:
            yield
            return
        sys.path[:] = [absolute[path] for path in sys.path]
        os.chdir(root)
        try:
            yield
        finally:
            os.chdir(before)
            given = {path: entry for entry, path in absolute.items()}
            sys.path[:] = [given.get(path, path) for path in sys.path]

    @property
    def _located(self) -> tuple[Path, str]:
        if self.folder is not None:
            return Path(self.folder), ""
        parts = self.target.partition(":")[0].split(".")
        for count in range(1, len(parts) + 1):
            spec = _find_spec(".".join(parts[:count]))
            if spec is None or not (spec.has_location or spec.submodule_search_locations):
                break
            if spec.has_location:
                is_package = spec.submodule_search_locations is not None
                path = "/".join(parts[: count if is_package else count - 1])
                return Path(str(spec.origin)).absolute().parent, path
        raise PluginError(f"{self._named}: there is no module {parts[0]!r} here, or it is no file")

    def load(self) -> type:
        """Import the class. Raises PluginError, also where it is no strategy."""
        place, _, name = self.target.partition(":")
        module = self._import(place)
        value: Any = module
        for part in name.split("."):
            value = getattr(value, part, None)
        if not isinstance(value, type):
            raise PluginError(f"{self._named}: {place} has no class {name!r}{_classes(module)}")
        if not (issubclass(value, VectorStrategy) or _is_backtraders(value)):
            raise PluginError(
                f"{self._named} is not a subclass of backtrader.Strategy "
                "or of backfleet.VectorStrategy"
            )
        return value

    def _import(self, place: str) -> ModuleType:
        try:
            with _importing(self.reference), self.current_folder():
                if self.folder:
                    return _import_file(Path(self.folder, place))
                return importlib.import_module(place)
        except BackfleetError:
            raise
        except (Exception, SystemExit) as error:
            raise PluginError(
                f"{self._named} cannot be imported: {type(error).__name__}: {error}"
                f"{_where(error)}{self._more}"
            ) from error

    @property
    def _named(self) -> str:
        """For messages: the reference, and whose it is."""
        if not self.plugin:
            return f"strategy {self.reference}"
        return f"strategy {self.plugin!r} of {self.distribution} {self.version} ({self.target})"

    @property
    def _more(self) -> str:
        return f"; 'backfleet plugins show {self.plugin}' has the traceback" if self.plugin else ""

    def describe(self) -> StrategyDescription:
        """Import the class and read its parameters. Raises PluginError."""
        return description_of(self.load())


def description_of(cls: type) -> StrategyDescription:
    """What a strategy's class says of itself."""
    kind: StrategyKind = "vector" if issubclass(cls, VectorStrategy) else "backtrader"
    return StrategyDescription(_parameters(cls), _first_line(cls), kind)


def locate_strategy(reference: str) -> StrategyReference:
    """Find a strategy by a plugin's name, by `pkg.module:Class`, or by `path/file.py:Class`.

    Nothing is imported. Raises UnknownPlugin, PluginError, JobError.
    """
    if (importing := _IMPORTED.get()) is not None:
        raise JobError(
            f"{importing} plans a job while it is imported; put that under "
            "'if __name__ == \"__main__\":', or into a file of its own"
        )
    place, colon, name = reference.rpartition(":")
    if not colon:
        plugin = find_plugin("strategy", reference)
        return StrategyReference(
            plugin.target, None, plugin.name, plugin.distribution, plugin.version
        )
    if not place.endswith(".py"):
        return StrategyReference(reference)
    file = Path(place).expanduser().resolve()
    if not file.is_file():
        raise JobError(f"strategy: there is no file {file}")
    return StrategyReference(f"{file.name}:{name}", str(file.parent))


_IMPORTED: ContextVar[str | None] = ContextVar("_IMPORTED", default=None)
"""The strategy that is being imported: a file that runs a job would import itself for ever."""


@contextmanager
def _importing(reference: str) -> Iterator[None]:
    token = _IMPORTED.set(reference)
    try:
        yield
    finally:
        _IMPORTED.reset(token)


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
    spec = importlib.util.spec_from_file_location(name, file, loader=SourceLoader(name, str(file)))
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


def _find_spec(name: str) -> ModuleSpec | None:
    try:
        return importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None


def _classes(module: ModuleType) -> str:
    names = [
        name
        for name, value in vars(module).items()
        if isinstance(value, type) and value.__module__ == module.__name__
    ]
    return f"; it has {', '.join(sorted(names))}" if names else ""


def _where(error: BaseException) -> str:
    """The line that raised; a syntax error says so itself."""
    frames = traceback.extract_tb(error.__traceback__)
    if isinstance(error, SyntaxError) or not frames or frames[-1].filename.startswith("<"):
        return ""
    return f" ({frames[-1].filename}, line {frames[-1].lineno})"


def _is_backtraders(cls: type) -> bool:
    """Whether it derives from backtrader.Strategy; if so, backtrader is imported by now."""
    base = getattr(sys.modules.get("backtrader"), "Strategy", None)
    return base is not None and issubclass(cls, base)


def _parameters(cls: Any) -> tuple[Parameter, ...]:
    vector = issubclass(cls, VectorStrategy)
    defaults = field_defaults(cls) if vector else cls.params._getpairs()
    return tuple(Parameter.of(name, default) for name, default in defaults.items())


def _first_line(cls: type) -> str:
    doc = (inspect.getdoc(cls) if cls.__doc__ else None) or ""
    return doc.strip().partition("\n")[0]
