"""Content hashes of code: what a strategy or plugin is, whichever way it was installed.

A hash is over the sorted (relative path, SHA-256) of the files of a package or folder and of all
that it imports, without bytecode and without what an installer adds, so that a wheel,
site-packages and an editable checkout agree. `imports` says how far that reaches.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from backfleet.errors import PluginError
from backfleet.plan.imports import CodeUnit, file_stamp, find_unit, folder_unit, reached_units
from backfleet.strategy import StrategyReference

__all__ = ["backfleet_hash", "plugin_hash", "strategy_hash"]

OWN = "backfleet"


def strategy_hash(strategy: StrategyReference) -> str:
    """Hash of all the code behind a strategy, as 64 hexadecimal digits. Raises PluginError."""
    if strategy.folder is None:
        return plugin_hash(strategy.target)
    file = strategy.target.partition(":")[0]
    return _hash(folder_unit(Path(strategy.folder)), file.removesuffix(".py"), strategy.reference)


def plugin_hash(target: str) -> str:
    """Hash of all the code behind a `module:attribute`. Raises PluginError."""
    module = target.partition(":")[0]
    if module.partition(".")[0] == OWN:
        return backfleet_hash()
    unit = find_unit(module)
    if unit is None:
        raise PluginError(f"{target}: there is no module {module!r} here, or it is not a file")
    return _hash(unit, module, target)


@cache
def backfleet_hash() -> str:
    """Hash of the package `backfleet` itself."""
    unit = find_unit(OWN)
    assert unit is not None
    return _digest([unit])


def _hash(start: CodeUnit, module: str, what: str) -> str:
    try:
        return _digest(reached_units(start, module))
    except OSError as error:
        raise PluginError(f"the code of {what} cannot be read: {error}") from error


def _digest(units: Iterable[CodeUnit]) -> str:
    digests = [
        (name, _sha256(file, file_stamp(file)))
        for unit in units
        for name, file in unit.files.items()
    ]
    return hashlib.sha256(json.dumps(sorted(digests)).encode()).hexdigest()


@cache
def _sha256(file: Path, stamp: tuple[int, int, int]) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
