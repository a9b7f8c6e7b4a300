"""Finding modules as an import would find them, without importing the packages around them."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

__all__ = ["ModuleSearch", "prefixes"]


class ModuleSearch:
    """The files that an import in a fresh process would find, each looked up once.

    Parameters
    ----------
    folder
        The folder of a `file.py:Class` strategy, which comes first on `sys.path` when its file is
        imported.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = str(folder) if folder else None
        self._specs: dict[str, ModuleSpec | None] = {}
        self._is_fresh = False

    def find(self, name: str) -> ModuleSpec | None:
        """The spec of a module that lies in a file, or of a namespace package; else None."""
        if name not in self._specs:
            parent, _, last = name.rpartition(".")
            spec = self._find_within(parent, last) if parent else self._find_top(name)
            # Built-in and frozen modules have neither.
            is_here = spec is not None and (spec.has_location or spec.submodule_search_locations)
            self._specs[name] = spec if is_here else None
        return self._specs[name]

    def is_in_folder(self, top: str) -> bool:
        """Whether the strategy's folder has a module of this name, which hides all others."""
        if self._folder is None:
            return False
        self._refresh()
        spec = PathFinder.find_spec(top, [self._folder])
        return spec is not None and spec.has_location

    def _refresh(self) -> None:
        """See files that were written since the finders listed their folders, which takes long."""
        if not self._is_fresh:
            importlib.invalidate_caches()
            self._is_fresh = True

    def _find_top(self, name: str) -> ModuleSpec | None:
        self._refresh()
        path = None
        if self._folder is not None:
            # Workers put the folder first, so a module in it hides one that is installed.
            path = [self._folder, *(entry for entry in sys.path if entry != self._folder)]
        # importlib.util.find_spec would look into sys.modules first: what this process has
        # imported is not what a worker will import.
        for finder in sys.meta_path:
            try:
                spec = finder.find_spec(name, path)
            # A finder of another package may fail for a name that it does not expect.
            except (ImportError, ValueError):
                continue
            if spec is not None:
                return spec
        return None

    def _find_within(self, parent: str, last: str) -> ModuleSpec | None:
        package = self.find(parent)
        if package is None or not package.submodule_search_locations:
            return None
        # With a dotted name, the package would be looked up in sys.modules.
        return PathFinder.find_spec(last, list(package.submodule_search_locations))


def prefixes(name: str) -> Iterator[str]:
    """`a`, `a.b` and `a.b.c` of `a.b.c`."""
    parts = name.split(".")
    return (".".join(parts[:count]) for count in range(1, len(parts) + 1))
