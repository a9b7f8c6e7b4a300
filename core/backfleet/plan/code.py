"""Content hashes of code: what a strategy is, whichever way it was installed.

The unit is a top-level package or module. Its hash is over the sorted (relative path, SHA-256) of
its files, without bytecode, so that a wheel, site-packages and an editable checkout agree. From a
strategy's module the hash follows the imports that stand in the code to every other package that
is neither the standard library nor pinned in a run's identity by itself.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from backfleet.strategy import StrategyReference

__all__ = ["backfleet_hash", "plugin_hash", "strategy_hash"]

PINNED = frozenset({"backfleet", "backtrader", "numba", "numpy", "pandas"})
"""Packages that stand in a run's identity by themselves, by hash or by version."""

LARGEST_SCANNED = 300
"""Packages of more modules are hashed, but their own imports are not followed."""

BINARY = {".so", ".pyd", ".dylib"}


def strategy_hash(strategy: StrategyReference) -> str:
    """Hash of all the code behind a strategy, as 64 hexadecimal digits."""
    if strategy.folder is None:
        return plugin_hash(strategy.target)
    folder = Path(strategy.folder)
    files = dict(_folder_files(folder))
    return _hash(
        files, _closure(_imports(files.values()) - {file.stem for file in folder.iterdir()})
    )


@cache
def plugin_hash(target: str) -> str:
    """Hash of the package of a `module:attribute`, and of all that it imports beyond the pinned."""
    package = target.partition(":")[0].partition(".")[0]
    files = dict(_package_files(package))
    return _hash(files, _closure(_imports(files.values()) - {package}))


@cache
def backfleet_hash() -> str:
    """Hash of the package `backfleet` itself."""
    return _hash(dict(_package_files("backfleet")), {})


def _hash(files: dict[str, Path], others: dict[str, Path]) -> str:
    digests = {name: _sha256(path) for name, path in (files | others).items()}
    return hashlib.sha256(json.dumps(sorted(digests.items())).encode()).hexdigest()


def _closure(names: set[str]) -> dict[str, Path]:
    """Files of these packages and, transitively, of those that they import."""
    files: dict[str, Path] = {}
    seen: set[str] = set()
    while names:
        name = names.pop()
        seen.add(name)
        found = dict(_package_files(name))
        files |= found
        names |= _imports(found.values()) - seen
    return files


def _package_files(package: str) -> Iterator[tuple[str, Path]]:
    """(relative path, file) of a top-level package or module; none where it is not installed."""
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return
    if spec is None:
        return
    if spec.submodule_search_locations is None:
        if spec.origin and spec.has_location:
            yield Path(spec.origin).name, Path(spec.origin)
        return
    for root in map(Path, spec.submodule_search_locations):
        for path in _walk(root):
            yield f"{package}/{path.relative_to(root).as_posix()}", path


def _folder_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """The Python files of a folder and of the packages in it."""
    for path in folder.iterdir():
        if path.suffix == ".py" and not path.name.startswith("."):
            yield path.name, path
        elif (path / "__init__.py").is_file():
            for each in _walk(path):
                yield each.relative_to(folder).as_posix(), each


def _walk(root: Path) -> Iterator[Path]:
    for path in root.rglob("*"):
        inside = path.relative_to(root).parts
        if any(part == "__pycache__" or part.startswith(".") for part in inside):
            continue
        if path.suffix not in {".pyc", ".pyo"} and path.is_file():
            yield path


def _imports(files: Iterable[Path]) -> set[str]:
    """Top-level packages that these files import, beyond the standard library and the pinned."""
    paths = list(files)
    modules = [path for path in paths if path.suffix == ".py"]
    if len(modules) > LARGEST_SCANNED or any(path.suffix in BINARY for path in paths):
        return set()
    found = {name for path in modules for name in _imports_of(path)}
    return found - PINNED - sys.stdlib_module_names


def _imports_of(path: Path) -> Iterator[str]:
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
