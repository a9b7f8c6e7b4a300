"""backfleet's own modules that can change a number.

They are found as those of a strategy are, from the modules that run a task. The walk stops at the
modules of `NO_NUMBERS`; a test traces tasks on every engine and compares.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

from backfleet.code.import_cache import ImportCache
from backfleet.code.import_names import OWN, FileImports
from backfleet.code.search import prefixes

__all__ = ["NO_NUMBERS", "OWN", "TASK_MODULES", "own_files"]

TASK_MODULES = ("backfleet.worker.task", "backfleet.worker.chunk_encoder")
"""Modules that run a task and encode its row. A source, an engine and the indicators that a
strategy uses are imported by name, so each is part of the hash of the component that uses it."""

NO_NUMBERS = frozenset(
    {
        # They import lazily what others ask of them by name.
        "backfleet",
        "backfleet.job",
        # The folder that caches lie in.
        "backfleet.cache",
        # Finding, checking and importing code.
        "backfleet.code",
        "backfleet.hookspecs",
        "backfleet.no_bytecode",
        "backfleet.plugins",
        "backfleet.strategy",
        "backfleet.strategy_reference",
        # Kinds of errors, and the words of one of them.
        "backfleet.errors",
        "backfleet.job.job_errors",
        # Which engines a job may use; the choice itself stands in the identity.
        "backfleet.plan.engines",
        # Where a process finds data and code.
        "backfleet.plan.task_context",
        # Bytes go in, and the same bytes come out: every object is checked by its hash.
        "backfleet.store",
    }
)
"""Modules, and rooms with all modules in them, that tasks use and that cannot change a number."""

LAZY_PACKAGES = frozenset({"backfleet", "backfleet.job"})
"""Packages that are in `NO_NUMBERS` without the modules in them."""

ROOT = Path(__file__).parents[2]


def own_files(names: Iterable[str]) -> Mapping[str, Path]:
    """The files of backfleet that can change a number where code imports these names."""
    return _own_files(frozenset(names))


@cache
def _own_files(names: frozenset[str]) -> Mapping[str, Path]:
    # A process goes on with the modules that it has, whatever becomes of the files.
    reached: set[str] = set()
    waiting = [module for name in names for module in _modules(name)]
    while waiting:
        module = waiting.pop()
        if module not in reached:
            reached.add(module)
            waiting += _imported_modules(module)
    _cache().save()
    # A package's `__init__.py` with nothing but a docstring is reached by every import below it.
    counted = {module for module in reached if not _imports(module).is_inert}
    return {_path(file): file for file in map(_file, counted) if file is not None}


@cache
def _imported_modules(module: str) -> frozenset[str]:
    return frozenset(imported for name in _imports(module).names for imported in _modules(name))


def _modules(name: str) -> Iterator[str]:
    """The modules that the import of a name runs, without those that cannot change a number."""
    if name.partition(".")[0] != OWN:
        return
    package = ""
    for module in prefixes(name):
        if _file(module) is None:
            # No module: an attribute of the package, which may export it lazily from a home of its
            # own.
            home = _imports(package).homes.get(module.rpartition(".")[2])
            yield from _modules(home) if home else ()
            return
        package = module
        # A room without numbers ends the walk; of a lazily exporting package, only itself is left
        # out.
        if module in NO_NUMBERS:
            if module not in LAZY_PACKAGES:
                return
        else:
            yield module


def _path(file: Path) -> str:
    return str(file)[len(str(ROOT)) + 1 :].replace(os.sep, "/")


def _file(module: str) -> Path | None:
    return _files().get(module)


@cache
def _files() -> Mapping[str, Path]:
    """The file of every module of backfleet."""
    # To ask for each imported name whether there is such a file would take longer.
    files = {}
    for folder, folders, names in os.walk(ROOT / OWN):
        folders[:] = [name for name in folders if name.isidentifier()]
        around = folder[len(str(ROOT)) + 1 :].replace(os.sep, ".")
        for name in names:
            stem, _, suffix = name.partition(".")
            if suffix == "py":
                module = around if stem == "__init__" else f"{around}.{stem}"
                files[module] = Path(folder, name)
    return files


@cache
def _imports(module: str) -> FileImports:
    file = _file(module)
    return FileImports() if file is None else _cache().imports(file, module)


@cache
def _cache() -> ImportCache:
    return ImportCache(ROOT)
