"""The import closure: the modules that code reaches, followed without running it.

The unit is the module, that is, one file. Importing `a.b.c` runs `a` and `a.b` too, so they count.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path

from backfleet.code.import_cache import ImportCache
from backfleet.code.import_names import OWN, FileImports
from backfleet.code.own_code import own_files
from backfleet.code.search import ModuleSearch, prefixes
from backfleet.code.units import find_unit, is_large
from backfleet.errors import PluginError

__all__ = ["LIBRARIES", "ImportClosure", "import_closure", "missing_modules"]

PINNED = frozenset({"backtrader", "llvmlite", "numba", "numpy", "pandas"})
"""Libraries whose versions stand in a run's identity; that of numba decides llvmlite's."""

REQUIRED = frozenset(
    {
        "boto3",
        "click",
        "duckdb",
        "packaging",
        "pluggy",
        "psutil",
        "pyarrow",
        "pydantic",
        "rich",
        "tomlkit",
    }
)
"""The other libraries that backfleet requires: they are wherever backfleet is."""

LIBRARIES = PINNED | REQUIRED | sys.stdlib_module_names


@dataclass(frozen=True)
class ImportClosure:
    """The modules that some code reaches, other than those of libraries.

    Attributes
    ----------
    files
        Path relative to where the import begins, with slashes, to the file.
    units
        Names of the packages and modules that are installed as one and to which these files belong.
    own
        Names that the code imports from backfleet.
    large
        The units whose imports were not followed.
    """

    files: Mapping[str, Path]
    units: frozenset[str]
    own: frozenset[str]
    large: frozenset[str] = frozenset()


def import_closure(
    modules: Sequence[str], folder: Path | None = None, file: str = ""
) -> ImportClosure:
    """Follow the imports of modules, and of `file` in `folder`, which is searched first.

    Raises
    ------
    PluginError
        If one of `modules` is not here, or a module lies in an archive.
    OSError
    """
    walk = _Walk(folder)
    if folder is not None and file:
        walk.add_file(folder / file)
    for module in modules:
        walk.begin(module)
    walk.follow()
    return walk.closure()


def missing_modules(modules: Sequence[str], folder: Path | None = None) -> list[str]:
    """Return the modules that cannot be imported from a file here."""
    search = ModuleSearch(folder)
    return [module for module in modules if not _is_module(module, search)]


class _Walk:
    """One walk through the imports."""

    def __init__(self, folder: Path | None) -> None:
        self.files: dict[str, Path] = {}
        self.unit_of: dict[str, str] = {}
        self.own: set[str] = set()
        self._search = ModuleSearch(folder)
        self._caches: dict[Path, ImportCache] = {}
        self._imports: dict[str, FileImports] = {}
        self._waiting: list[str] = []
        self._seen: set[str] = set()
        self._large: set[str] = set()

    def begin(self, module: str) -> None:
        """Begin at a module that must be here. Raises PluginError."""
        if not _is_module(module, self._search):
            raise PluginError(f"there is no module {module!r} here, or it is not a file")
        self.reach(module)

    def reach(self, name: str) -> None:
        """Note an imported name, to be followed."""
        if name not in self._seen:
            self._seen.add(name)
            self._waiting.append(name)

    def follow(self) -> None:
        while self._waiting:
            self._follow(self._waiting.pop())
        for cache in self._caches.values():
            cache.save()

    def closure(self) -> ImportClosure:
        units = frozenset(self.unit_of.values())
        return ImportClosure(self.files, units, frozenset(self.own), frozenset(self._large))

    def add_file(self, file: Path) -> None:
        """Add a `file.py:Class` strategy's own file, which is no package's."""
        self.files[file.name] = file
        self._read(file.stem, file, file.parent)

    def _follow(self, name: str) -> None:
        top = name.partition(".")[0]
        if top == OWN:
            self.own.add(name)
            return
        # Libraries count by their versions or not at all, unless the strategy's folder hides one.
        if top in LIBRARIES and not self._search.is_in_folder(top):
            return
        for module in prefixes(name):
            if module.endswith(".*"):
                self._follow_star(module[:-2])
            # A module that was added before was read then.
            elif module not in self.unit_of:
                spec = self._search.find(module)
                # The rest of the name is an attribute of a module, or a module that is not here.
                if spec is None:
                    return
                # A namespace package has no file, but modules in it may follow.
                if spec.has_location:
                    self._add(module, spec)

    def _follow_star(self, package: str) -> None:
        """A star import of a package imports the modules that its `__all__` names."""
        for export in self._imports.get(package, FileImports()).exports:
            self.reach(f"{package}.{export}")

    def _add(self, module: str, spec: ModuleSpec) -> None:
        file = Path(str(spec.origin))
        # A module in a zip archive has a location that is no file.
        if not file.is_file():
            raise PluginError(
                f"module {module!r} is in {file}, which is not a file; install its package unpacked"
            )
        parent = module.rpartition(".")[0]
        # A module belongs to the unit of the package around it; without one, it is a unit itself.
        unit = self.unit_of[module] = self.unit_of.get(parent, module)
        if unit == module and is_large(spec):
            self._large.add(unit)
            # All modules are hashed instead of those that the imports reach.
            self.files.update(_all_modules(unit, self._search))
        if unit in self._large:
            return
        is_package = spec.submodule_search_locations is not None
        around = module.split(".") if is_package else module.split(".")[:-1]
        self.files["/".join([*around, file.name])] = file
        if file.suffix == ".py":
            self._read(module, file, file.parents[len(around)])

    def _read(self, module: str, file: Path, root: Path) -> None:
        cache = self._caches.setdefault(root, ImportCache(root))
        imports = self._imports[module] = cache.imports(file, module)
        for name in (*imports.names, *imports.lazy):
            self.reach(name)


def _is_module(name: str, search: ModuleSearch) -> bool:
    if own_files([name]):
        return True
    spec = search.find(name) if name else None
    # Built-in modules such as `sys` have no location.
    return spec is not None and (spec.has_location or name in LIBRARIES)


def _all_modules(unit: str, search: ModuleSearch) -> Mapping[str, Path]:
    located = find_unit(unit, search)
    return {} if located is None else located.modules
