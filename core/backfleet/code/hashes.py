"""Content hashes of code: what a strategy or plugin is, whichever way it was installed.

A hash is over the sorted (relative path, SHA-256) of the files of a package or folder and of all
that it imports, without bytecode and without what an installer adds, so that a wheel,
site-packages and an editable checkout agree. `imports` says how far that reaches.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

from backfleet.code.distributions import (
    EntryPoint,
    InstalledDistribution,
    find_distribution,
    list_distributions,
)
from backfleet.code.imports import CodeUnit, file_stamp, find_unit, folder_unit, reached_units
from backfleet.errors import PluginError
from backfleet.plugins import KINDS, find_plugin
from backfleet.strategy_reference import StrategyReference

__all__ = [
    "backfleet_hash",
    "component_code",
    "content_hash",
    "distribution_hash",
    "distribution_hashes",
    "plugin_hash",
    "strategy_hash",
]

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


def component_code(kind: str, name: str) -> dict[str, str]:
    """What an identity says of a plugin: its name, its target, and its hash.

    Raises UnknownPlugin, PluginError.
    """
    plugin = find_plugin(kind, name)
    return {"name": name, "target": plugin.target, "code": plugin_hash(plugin.target)}


@cache
def backfleet_hash() -> str:
    """Hash of the package `backfleet` itself."""
    unit = find_unit(OWN)
    assert unit is not None
    return _digest([unit])


def distribution_hashes(names: Iterable[str] | None = None) -> Mapping[str, str]:
    """Content hashes of installed distributions, by canonical name (`acme-alpha`).

    This is what `Executor.installed` is to return of a worker's environment: call it there, or keep
    what it gave when an image was made. Hashes are taken from what an installer recorded of the
    files, without reading them; of editable installs, whose files are not recorded, from the files.

    Parameters
    ----------
    names
        In any spelling; all that are installed if None. What is not installed is left out.

    Raises
    ------
    PluginError
        Where a file cannot be read.
    """
    found = list_distributions() if names is None else filter(None, map(find_distribution, names))
    return {each.name: distribution_hash(each) for each in found}


def content_hash(files: Mapping[str, Path], entry_points: Iterable[EntryPoint]) -> str:
    """Hash of importable files, by their paths from where an import begins, and of the entry points
    that name plugins. Raises OSError."""
    return _content_hash(_digests(files), entry_points)


def distribution_hash(distribution: InstalledDistribution) -> str:
    """Content hash of one distribution, installed or in a wheel. Raises PluginError."""
    try:
        if distribution.recorded:
            digests: Iterable[tuple[str, str]] = (
                (path, digest or _digest_of(distribution.locate(path)))
                for path, digest in distribution.recorded.items()
            )
        else:
            digests = (
                pair for unit in distribution.units.values() for pair in _digests(unit.files)
            )
        return _content_hash(digests, distribution.entry_points)
    except OSError as error:
        raise PluginError(f"the code of {distribution.name} cannot be read: {error}") from error


def _content_hash(digests: Iterable[tuple[str, str]], entry_points: Iterable[EntryPoint]) -> str:
    plugins = [point for point in entry_points if point[0] in KINDS.values()]
    text = json.dumps([sorted(digests), sorted(plugins)])
    return hashlib.sha256(text.encode()).hexdigest()


def _digests(files: Mapping[str, Path]) -> Iterator[tuple[str, str]]:
    return ((name, _digest_of(file)) for name, file in files.items())


def _digest_of(file: Path) -> str:
    return _sha256(file, file_stamp(file))


def _hash(start: CodeUnit, module: str, what: str) -> str:
    try:
        return _digest(reached_units(start, module))
    except OSError as error:
        raise PluginError(f"the code of {what} cannot be read: {error}") from error


def _digest(units: Iterable[CodeUnit]) -> str:
    digests = [pair for unit in units for pair in _digests(unit.files)]
    return hashlib.sha256(json.dumps(sorted(digests)).encode()).hexdigest()


@cache
def _sha256(file: Path, stamp: tuple[int, ...]) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
