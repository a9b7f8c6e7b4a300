"""Code that is installed as one: a regular top-level package, or a single module.

A namespace package (PEP 420) is none: several distributions may share it, so what lies in it counts
for itself.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec
from pathlib import Path

from backfleet.code.search import ModuleSearch, prefixes
from backfleet.no_bytecode import INSTALLED

__all__ = ["CodeUnit", "find_unit", "is_code", "is_large"]

BYTECODE = (".pyc", ".pyo")
MODULES = (".py", *EXTENSION_SUFFIXES)

MAX_FOLLOWED_MODULES = 300
"""The imports of an installed package of more modules than this are not followed: they reach
whatever else happens to be installed."""


@dataclass(frozen=True)
class CodeUnit:
    """Code that is installed as one.

    Attributes
    ----------
    name
        Dotted name of the package or module.
    files
        Path relative to where the import begins, with slashes, to the file.
    """

    name: str
    files: Mapping[str, Path]

    @property
    def first(self) -> tuple[str, Path]:
        """The path and the file that are imported before its others."""
        path = min(self.files, key=lambda path: (not path.endswith("__init__.py"), len(path)))
        return path, self.files[path]

    @property
    def modules(self) -> Mapping[str, Path]:
        """Its files that can be imported."""
        return {path: file for path, file in self.files.items() if path.endswith(MODULES)}


def find_unit(module: str, search: ModuleSearch | None = None) -> CodeUnit | None:
    """The unit that an importable module is in; None if there is no such file here."""
    search = search or ModuleSearch()
    for name in prefixes(module):
        spec = search.find(name)
        # A missing package has no modules either.
        if spec is None:
            return None
        if spec.has_location:
            return CodeUnit(name, dict(_files_of(spec, name)))
    return None


def is_large(spec: ModuleSpec) -> bool:
    """Whether a unit is an installed package with too many modules to follow their imports."""
    if spec.submodule_search_locations is None or not INSTALLED & set(str(spec.origin).split("/")):
        return False
    # Counts down and stops early: large packages are the ones whose folders take long to list.
    left = MAX_FOLLOWED_MODULES
    for root in spec.submodule_search_locations:
        for _, _, names in os.walk(root):
            left -= sum(name.endswith(".py") for name in names)
            if left < 0:
                return True
    return False


def is_code(path: str) -> bool:
    """Whether a file of a package counts: bytecode and hidden files do not."""
    parts = path.split("/")
    hidden = any(part == "__pycache__" or part.startswith(".") for part in parts)
    return not hidden and not path.endswith(BYTECODE)


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


def _walk(root: Path) -> Iterator[tuple[str, Path]]:
    """The files of a package, and their paths in it."""
    # Many times faster than Path.rglob, and shipping a run's code begins with it.
    for folder, folders, names in os.walk(root):
        folders[:] = filter(is_code, folders)
        inside = folder[len(str(root)) + 1 :].replace(os.sep, "/")
        for name in filter(is_code, names):
            if os.path.isfile(path := os.path.join(folder, name)):
                yield f"{inside}/{name}" if inside else name, Path(path)
