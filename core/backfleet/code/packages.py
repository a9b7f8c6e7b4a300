"""The code that a run needs beside backfleet's own, by the packages in which it is shipped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from backfleet.code.distributions import (
    EntryPoint,
    InstalledDistribution,
    find_distribution,
    find_owners,
)
from backfleet.code.hashes import content_hash, plugin_closure, strategy_closure
from backfleet.code.imports import ImportClosure
from backfleet.code.own_code import OWN
from backfleet.code.search import ModuleSearch
from backfleet.code.units import CodeUnit, find_unit
from backfleet.code.versions import platform_tag
from backfleet.errors import PluginError
from backfleet.strategy_reference import StrategyReference

__all__ = ["OWN", "CodePackage", "distribution_package", "strategy_packages"]

COMPILED = {".so", ".pyd", ".dylib", ".dll"}

NO_VERSION = "0"
"""Version of code that is in no distribution."""


@dataclass(frozen=True)
class CodePackage:
    """Code that is shipped as one: a distribution, a strategy's folder, or a package or module that
    no distribution brings.

    Attributes
    ----------
    name, version
        The distribution's, its name in canonical form.
    files
        Path from where an import begins, with slashes, to the file.
    requires
        The distribution's requirements (PEP 508).
    folder
        That of a `file.py:Class` strategy, whose files these are; else None.
    """

    name: str
    version: str
    files: Mapping[str, Path]
    entry_points: tuple[EntryPoint, ...] = ()
    requires: tuple[str, ...] = ()
    folder: Path | None = None

    @cached_property
    def content(self) -> str:
        """The content hash, as `distribution_hashes` gives it. Raises PluginError."""
        try:
            return content_hash(self.files, self.entry_points)
        except OSError as error:
            raise PluginError(f"the code of {self.name} cannot be read: {error}") from error

    @property
    def size(self) -> int:
        """Size of all files in bytes."""
        return sum(file.stat().st_size for file in self.files.values())

    @cached_property
    def platform(self) -> str:
        """The platform tag of a package with machine code; empty if it runs on every platform."""
        return platform_tag() if self.compiled() else ""

    def compiled(self) -> str | None:
        """Return the first file that is machine code; None if there is none."""
        # All suffixes count: an extension module is named `name.cpython-311-x86_64-linux-gnu.so`.
        paths = (path for path in sorted(self.files) if COMPILED & set(Path(path).suffixes))
        return next(paths, None)


def strategy_packages(
    strategy: StrategyReference, targets: Iterable[str] = ()
) -> list[CodePackage]:
    """Return the packages behind a strategy and other plugins, and those that they import.

    Sorted by name; without backfleet, and without the libraries that an identity pins by version.
    `targets` are the plugins' `module:attribute`s. Raises PluginError.
    """
    closure = strategy_closure(strategy)
    units = {
        unit.name: unit for closure in map(plugin_closure, targets) for unit in _units(closure)
    }
    if strategy.folder is None:
        # Dictionaries by name, since plugins and strategy may reach the same units.
        units |= {unit.name: unit for unit in _units(closure)}
        return sorted(_by_owner(units.values()), key=_name)
    folder, module = Path(strategy.folder), strategy.target.partition(":")[0].removesuffix(".py")
    # A folder may hold anything: only the modules that the strategy reaches are shipped.
    files = {path: file for path, file in closure.files.items() if file == folder / path}
    own = CodePackage(f"folder-of-{module}", NO_VERSION, files, folder=folder)
    apart = (unit for unit in _units(closure, folder) if not _is_in(unit, folder))
    units |= {unit.name: unit for unit in apart}
    return sorted([own, *_by_owner(units.values())], key=_name)


def distribution_package(name: str) -> CodePackage | None:
    """Return a distribution as one package; None if it is not installed."""
    distribution = find_distribution(name)
    return None if distribution is None else _package(distribution, {})


def _units(closure: ImportClosure, folder: Path | None = None) -> list[CodeUnit]:
    search = ModuleSearch(folder)
    located = (find_unit(name, search) for name in sorted(closure.units))
    return [unit for unit in located if unit is not None]


def _name(package: CodePackage) -> str:
    return package.name


def _is_in(unit: CodeUnit, folder: Path) -> bool:
    """Whether a unit is imported from the strategy's own folder."""
    return all(file == folder / path for path, file in unit.files.items())


def _by_owner(units: Iterable[CodeUnit]) -> Iterator[CodePackage]:
    owned: dict[str, tuple[InstalledDistribution, dict[str, CodeUnit]]] = {}
    for unit, owner in find_owners(units):
        if owner is None:
            yield CodePackage(unit.name, NO_VERSION, unit.files)
        elif owner.name != OWN:
            owned.setdefault(owner.name, (owner, {}))[1][unit.name] = unit
    for owner, reached in owned.values():
        yield _package(owner, reached)


def _package(owner: InstalledDistribution, reached: Mapping[str, CodeUnit]) -> CodePackage:
    """A distribution whole, and what of it was found to be reached."""
    # A distribution is shipped whole, as its content hash is over all of it. What the strategy
    # reaches may be missing in the metadata of an editable install.
    units = {**reached, **owner.units}
    files = {path: file for unit in units.values() for path, file in unit.files.items()}
    return CodePackage(owner.name, owner.version, files, owner.entry_points, owner.requires)
