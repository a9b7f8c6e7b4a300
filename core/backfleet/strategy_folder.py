"""The strategy's folder: declared files are relative to it, and tasks run in it."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from pathlib import Path

from backfleet.errors import PluginError
from backfleet.strategy_reference import StrategyReference

__all__ = ["in_strategy_folder", "strategy_import_path", "strategy_root"]


def strategy_root(strategy: StrategyReference) -> Path:
    """Return the strategy's folder. Raises PluginError if the strategy is not here.

    It is the folder of a `file.py:Class` strategy, the folder of the outermost package around the
    strategy's module, or the folder of a module that is in no package. A namespace package does not
    count, because distributions share it.
    """
    return _locate(strategy)[0]


def strategy_import_path(strategy: StrategyReference) -> str:
    """Return the path of the strategy's folder from where imports begin, such as `package` or
    `namespace/package`; empty if imports begin in it. Raises PluginError."""
    return _locate(strategy)[1]


@contextmanager
def in_strategy_folder(strategy: StrategyReference) -> Iterator[None]:
    """Make the strategy's folder the current one for a while, as workers do for tasks.

    The folder of a `file.py:Class` strategy also comes first on `sys.path`, as if the file were
    run. Without an effect if the strategy is not here, which its import reports better.
    """
    try:
        root = strategy_root(strategy)
    except PluginError:
        yield
        return
    before = os.getcwd()
    # An empty entry stands for the current folder, which will be another one.
    absolute = {entry: os.path.abspath(entry) for entry in sys.path}
    sys.path[:] = [absolute[entry] for entry in sys.path]
    os.chdir(root)
    if strategy.folder is not None:
        sys.path.insert(0, str(root))
    try:
        yield
    finally:
        os.chdir(before)
        # The strategy may have removed the entry itself.
        if strategy.folder is not None and str(root) in sys.path:
            sys.path.remove(str(root))
        # Entries that the strategy has added stay; relative ones get back the form that they had.
        given = {path: entry for entry, path in absolute.items()}
        sys.path[:] = [given.get(path, path) for path in sys.path]


def _locate(strategy: StrategyReference) -> tuple[Path, str]:
    if strategy.folder is not None:
        return Path(strategy.folder), ""
    parts = strategy.target.partition(":")[0].split(".")
    for count in range(1, len(parts) + 1):
        # Looking for `a.b` imports `a`. It is reached only if `a` is a namespace package, which has
        # no code.
        spec = _find_spec(".".join(parts[:count]))
        if spec is None or not (spec.has_location or spec.submodule_search_locations):
            break
        if spec.has_location:
            is_package = spec.submodule_search_locations is not None
            path = "/".join(parts[: count if is_package else count - 1])
            return Path(str(spec.origin)).absolute().parent, path
    raise PluginError(
        f"{strategy.target}: there is no module {parts[0]!r} here, or it is not a file"
    )


def _find_spec(name: str) -> ModuleSpec | None:
    try:
        return importlib.util.find_spec(name)
    # ValueError for a module without a spec, such as `__main__`.
    except (ImportError, ValueError):
        return None
