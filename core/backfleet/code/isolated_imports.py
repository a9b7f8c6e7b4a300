"""Imports from folders of kept code, apart from modules of the same names from elsewhere."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from backfleet.code.fetched_code import search_first
from backfleet.plugins import forget_plugins

__all__ = ["IsolatedImports"]


SHARED = frozenset({"backfleet", "backtrader", "numba", "numpy", "pandas"})
"""Packages that strategies share with this process: a second copy would not fit the first."""


class IsolatedImports:
    """A view of the imports of this process in which some folders come first.

    While it is active, modules with the names of those in the folders come from the folders.
    Afterwards they are as before: modules that were imported from elsewhere are there again, and
    those of the folders are out of sight until the next time.

    Parameters
    ----------
    folders
        First on `sys.path`. Without folders, nothing changes.
    """

    def __init__(self, folders: Sequence[str]) -> None:
        self._folders = folders
        self._names = frozenset(name for folder in folders for name in _top_names(Path(folder)))
        self._modules: dict[str, ModuleType] = {}

    @contextmanager
    def active(self) -> Iterator[None]:
        if not self._folders:
            yield
            return
        # Modules of these names from elsewhere would hide those of the folders.
        path, elsewhere = list(sys.path), self._take_modules()
        sys.modules.update(self._modules)
        search_first(self._folders)
        _look_again()
        try:
            yield
        finally:
            # Kept for the next time, so that a module is not executed twice and its classes stay
            # the same.
            self._modules = self._take_modules()
            sys.modules.update(elsewhere)
            sys.path[:] = path
            _look_again()

    def _take_modules(self) -> dict[str, ModuleType]:
        """Remove the modules with these names from `sys.modules`, and return them."""
        names = [name for name in sys.modules if name.partition(".")[0] in self._names]
        return {name: sys.modules.pop(name) for name in names}


def _top_names(folder: Path) -> Iterator[str]:
    """Return the names that an import of something in a folder begins with."""
    for entry in folder.iterdir() if folder.is_dir() else ():
        # An extension module carries the interpreter's tag after a dot.
        name = entry.name.partition(".")[0]
        is_metadata = entry.name.endswith((".dist-info", ".data"))
        if name.isidentifier() and not is_metadata and name not in SHARED:
            yield name


def _look_again() -> None:
    """Forget what was found on the `sys.path` before."""
    importlib.invalidate_caches()
    forget_plugins()
