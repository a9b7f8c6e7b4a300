"""Which code a module reaches: its imports, followed through the source without running it.

The unit is a regular top-level package or module, since that is what is installed as one. A
namespace package (PEP 420) is none: several distributions may share it, so what lies in it counts.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

__all__ = ["CodeUnit", "file_stamp", "find_unit", "folder_unit", "is_code", "reached_units"]

PINNED = frozenset({"backfleet", "backtrader", "numba", "numpy", "pandas"})
"""Packages that stand in a run's identity by themselves, by hash or by version."""

REQUIRED = frozenset(
    {"boto3", "click", "duckdb", "packaging", "pluggy", "psutil", "pyarrow", "pydantic", "rich"}
)
"""What backfleet requires besides. Their imports are not followed: what they use where it happens
to be installed is in no worker's environment for certain."""

LARGEST_FOLLOWED = 300
"""The imports of a unit of more modules than this are not followed."""

BYTECODE = (".pyc", ".pyo")
BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
"""Where a statement holds others."""


@dataclass(frozen=True)
class CodeUnit:
    """Code that is installed, or lies in a folder, as one.

    Attributes
    ----------
    name
        Dotted name of the package or module; empty for a folder.
    files
        Path relative to where the import begins, with slashes, to the file.
    folder
        Searched first for what the code imports; None but for a folder.
    """

    name: str
    files: Mapping[str, Path]
    folder: Path | None = None

    def modules(self, name: str) -> Iterator[tuple[str, Path]]:
        """(its package, its file) of the module `name` and of the packages around it.

        Where `name` ends in something that is no module, the modules before it.
        """
        parts = name.split(".")
        for count in range(1, len(parts) + 1):
            path = "/".join(parts[:count])
            if f"{path}/__init__.py" in self.files:
                yield ".".join(parts[:count]), self.files[f"{path}/__init__.py"]
            elif f"{path}.py" in self.files:
                yield ".".join(parts[: count - 1]), self.files[f"{path}.py"]

    @property
    def first(self) -> tuple[str, Path]:
        """The path and the file that are imported before its others."""
        path = min(self.files, key=lambda path: (not path.endswith("__init__.py"), len(path)))
        return path, self.files[path]

    @cached_property
    def is_followed(self) -> bool:
        if self.name in REQUIRED:
            return False
        return sum(path.endswith(".py") for path in self.files) <= LARGEST_FOLLOWED


def find_unit(module: str, folder: Path | None = None) -> CodeUnit | None:
    """The unit that an importable module is in; None where there is no such file here.

    `folder` is searched first.
    """
    spec = None
    for name in _prefixes(module):
        spec = _find_spec(name, folder) if spec is None else _find_within(spec, name)
        if spec is None:
            return None
        if spec.has_location:
            return CodeUnit(name, dict(_files_of(spec, name)))
        if spec.submodule_search_locations is None:
            return None
    return None


def folder_unit(folder: Path) -> CodeUnit:
    """The Python files of a folder, and all files of the packages in it."""
    return CodeUnit("", dict(_files_in(folder)), folder)


def reached_units(start: CodeUnit, module: str) -> list[CodeUnit]:
    """`start`, and the units that `module` of it imports, directly or through others.

    The standard library and what is pinned in a run's identity by itself are left out.
    """
    importlib.invalidate_caches()
    units = {start.name: start}
    waiting, seen = [module], {module}
    while waiting:
        name = waiting.pop()
        unit = _unit_of(name, start, units)
        if unit is None or not unit.is_followed:
            continue
        for package, file in unit.modules(name):
            found = _imports(file, package, file_stamp(file)) - seen
            seen |= found
            waiting += found
    return list(units.values())


def is_code(path: str) -> bool:
    """Whether a file of a package counts: bytecode and what is hidden does not."""
    parts = path.split("/")
    hidden = any(part == "__pycache__" or part.startswith(".") for part in parts)
    return not hidden and not path.endswith(BYTECODE)


def file_stamp(file: Path) -> tuple[int, ...]:
    """Changes when the file does: times of change, also the one that no tool can set back; size,
    inode."""
    stat = file.stat()
    return stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino


def _unit_of(name: str, start: CodeUnit, units: dict[str, CodeUnit]) -> CodeUnit | None:
    """The unit that holds a module; one that was not known yet is added to `units`."""
    if any(start.modules(name)):
        return start
    top = name.partition(".")[0]
    if top in PINNED or top in sys.stdlib_module_names:
        return None
    known = (units[part] for part in _prefixes(name) if part in units)
    unit = next(known, None) or find_unit(name, start.folder)
    if unit is not None:
        units[unit.name] = unit
    return unit


def _prefixes(name: str) -> Iterator[str]:
    parts = name.split(".")
    return (".".join(parts[:count]) for count in range(1, len(parts) + 1))


def _find_spec(name: str, folder: Path | None) -> ModuleSpec | None:
    """The spec of a top-level module."""
    try:
        within = PathFinder.find_spec(name, [str(folder)]) if folder else None
        return within or importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None


def _find_within(namespace: ModuleSpec, name: str) -> ModuleSpec | None:
    """The spec of a module of a namespace package, which need not be imported for it."""
    # A dotted name would be looked up in sys.modules.
    last = name.rpartition(".")[2]
    return PathFinder.find_spec(last, list(namespace.submodule_search_locations or []))


def _files_of(spec: ModuleSpec, name: str) -> Iterator[tuple[str, Path]]:
    path = name.replace(".", "/")
    if spec.submodule_search_locations is None:
        file = Path(str(spec.origin))
        # An extension module carries the interpreter's tag in its name.
        yield path + "".join(file.suffixes), file
        return
    for root in map(Path, spec.submodule_search_locations):
        for inside, file in _walk(root):
            yield f"{path}/{inside}", file


def _files_in(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in folder.iterdir():
        if path.suffix == ".py" and not path.name.startswith(".") and path.is_file():
            yield path.name, path
        elif (path / "__init__.py").is_file():
            for inside, file in _walk(path):
                yield f"{path.name}/{inside}", file


def _walk(root: Path) -> Iterator[tuple[str, Path]]:
    """The files of a package, and their paths in it."""
    # Many times faster than Path.rglob, and a run begins with it.
    for folder, folders, names in os.walk(root):
        folders[:] = filter(is_code, folders)
        inside = folder[len(str(root)) + 1 :].replace(os.sep, "/")
        for name in filter(is_code, names):
            if os.path.isfile(path := os.path.join(folder, name)):
                yield f"{inside}/{name}" if inside else name, Path(path)


@cache
def _imports(file: Path, package: str, stamp: tuple[int, ...]) -> frozenset[str]:
    """Absolute names that a file imports, down to what it takes from each module."""
    try:
        with warnings.catch_warnings():
            # A warning that is made an error must not hide an import.
            warnings.simplefilter("ignore")
            tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, RecursionError):
        return frozenset()
    return frozenset(name for statement in _statements(tree) for name in _names(statement, package))


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    """All statements, however deep. `ast.walk` visits every expression too and takes seven times
    as long."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for block in BLOCKS:
            waiting += getattr(node, block, [])


def _names(node: ast.AST, package: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        around = package.split(".") if node.level else []
        base = around[: len(around) + 1 - node.level] if node.level else []
        base += node.module.split(".") if node.module else []
        yield from (".".join(filter(None, [*base, alias.name])) for alias in node.names)
