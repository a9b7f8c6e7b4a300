"""Hashes of code, which are the same whichever way a strategy or plugin was installed.

The hash of a strategy or plugin is over the sorted (relative path, SHA-256) of the modules that it
reaches, backfleet's among them, so that a wheel, site-packages and an editable checkout agree;
`imports` and `own_code` say how far that goes. The content hash of a distribution is over all its
files, without bytecode and without what an installer adds.
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
from backfleet.code.import_cache import file_stamp
from backfleet.code.imports import ImportClosure, import_closure
from backfleet.code.listings import keep_listing
from backfleet.code.own_code import TASK_MODULES, own_files
from backfleet.errors import PluginError
from backfleet.plugins import KINDS, find_plugin
from backfleet.strategy_reference import StrategyReference

__all__ = [
    "backfleet_hash",
    "closure_hash",
    "component_code",
    "content_hash",
    "distribution_hash",
    "distribution_hashes",
    "listed_files",
    "own_hash",
    "plugin_closure",
    "plugin_hash",
    "strategy_closure",
    "strategy_hash",
]


def strategy_closure(strategy: StrategyReference) -> ImportClosure:
    """The code behind a strategy and the modules that its job declares. Raises PluginError."""
    place = strategy.target.partition(":")[0]
    if strategy.folder is None:
        # An installed strategy is found by its module's name, as any import.
        return _closure(strategy.reference, [place, *strategy.modules])
    folder = Path(strategy.folder)
    # A stranger's store can name a pipe, which opening would wait for, or a device without an end.
    if (folder / place).exists() and not (folder / place).is_file():
        raise PluginError(f"{folder / place} is not a regular file, so it holds no strategy")
    return _closure(strategy.reference, strategy.modules, folder, place)


def plugin_closure(target: str) -> ImportClosure:
    """The code behind a `module:attribute`. Raises PluginError."""
    return _closure(target, [target.partition(":")[0]])


def strategy_hash(strategy: StrategyReference) -> str:
    """Hash of all the code behind a strategy, as 64 hexadecimal digits. Raises PluginError."""
    return closure_hash(strategy_closure(strategy))


def plugin_hash(target: str) -> str:
    """Hash of all the code behind a `module:attribute`. Raises PluginError."""
    return closure_hash(plugin_closure(target))


def component_code(kind: str, name: str) -> dict[str, str]:
    """Return a plugin as a component of an identity: its name, its target, and its hash.

    Raises UnknownPlugin, PluginError.
    """
    plugin = find_plugin(kind, name)
    return {"name": name, "target": plugin.target, "code": plugin_hash(plugin.target)}


@cache
def backfleet_hash() -> str:
    """Hash of the modules of backfleet that run any task and encode its row."""
    # Cached, because planning and each worker ask for it several times.
    return own_hash(TASK_MODULES)


def own_hash(modules: Iterable[str]) -> str:
    """Hash of these modules of backfleet and of those that they import and that can change a
    number."""
    return closure_hash(ImportClosure({}, frozenset(), frozenset(modules)))


def closure_hash(closure: ImportClosure) -> str:
    """Hash of all modules of a closure. Raises PluginError."""
    try:
        digests = listed_files(closure)
    except OSError as error:
        raise PluginError(f"{error.filename} cannot be read: {error.strerror}") from error
    digest = hashlib.sha256(json.dumps(sorted(digests.items())).encode()).hexdigest()
    # A later process can then say which file differs, and not only that some file does.
    keep_listing(digest, digests)
    return digest


def listed_files(closure: ImportClosure) -> dict[str, str]:
    """SHA-256 of each file of a closure, by its path. Raises OSError."""
    # The paths of both begin where an import begins, so they cannot collide.
    return dict(_digests({**closure.files, **own_files(closure.own)}))


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
    distributions = (
        list_distributions() if names is None else filter(None, map(find_distribution, names))
    )
    return {distribution.name: distribution_hash(distribution) for distribution in distributions}


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
    # Other entry points, such as scripts of the command line, change nothing here.
    plugins = [point for point in entry_points if point[0] in KINDS.values()]
    text = json.dumps([sorted(digests), sorted(plugins)])
    return hashlib.sha256(text.encode()).hexdigest()


def _digests(files: Mapping[str, Path]) -> Iterator[tuple[str, str]]:
    return ((name, _digest_of(file)) for name, file in files.items())


def _digest_of(file: Path) -> str:
    return _sha256(file, file_stamp(file))


def _closure(
    what: str, modules: Iterable[str], folder: Path | None = None, file: str = ""
) -> ImportClosure:
    try:
        return import_closure(list(modules), folder, file)
    except PluginError as error:
        raise PluginError(f"{what}: {error}") from error
    except OSError as error:
        raise PluginError(f"the code of {what} cannot be read: {error}") from error


# The stamp is a part of the key only, so that a file that changes is read again.
@cache
def _sha256(file: Path, stamp: tuple[int, ...]) -> str:
    with open(file, "rb") as stream:
        return hashlib.sha256(stream.read()).hexdigest()
