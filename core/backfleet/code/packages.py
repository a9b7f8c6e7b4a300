"""The code that a run needs beside backfleet's own, by the packages in which it travels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from backfleet.code.distributions import (
    EntryPoint,
    InstalledDistribution,
    find_distribution,
    find_owners,
)
from backfleet.code.hashes import content_hash
from backfleet.code.imports import CodeUnit, find_unit, folder_unit, reached_units
from backfleet.errors import PluginError
from backfleet.strategy import StrategyReference

__all__ = ["OWN", "CodePackage", "distribution_package", "run_packages", "strategy_packages"]

OWN = "backfleet"
COMPILED = {".so", ".pyd", ".dylib", ".dll"}

NO_VERSION = "0"
"""Of code that is in no distribution."""


@dataclass(frozen=True)
class CodePackage:
    """Code that travels as one: a distribution, a strategy's folder, or a package or module that
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
        """Of all files, in bytes."""
        return sum(file.stat().st_size for file in self.files.values())

    def compiled(self) -> str | None:
        """The first file that is machine code; None where there is none."""
        paths = (path for path in sorted(self.files) if COMPILED & set(Path(path).suffixes))
        return next(paths, None)


def run_packages(identity: Mapping[str, Any], strategy: StrategyReference) -> list[CodePackage]:
    """The packages behind a run's strategy, source, engine and named plugins, and those that they
    import, sorted by name; without backfleet, and without what a run's identity pins by version.

    Raises PluginError.
    """
    data = identity["data"]
    sources = [each["source"] for each in (data, *data["auxiliary"].values())]
    components = [*sources, *identity["engines"], *identity["plugins"]]
    targets = [component["target"] for component in components]
    packages = strategy_packages(strategy, targets)
    return list(_with_declared_files(packages, strategy, identity["files"]))


def strategy_packages(
    strategy: StrategyReference, targets: Iterable[str] = ()
) -> list[CodePackage]:
    """`run_packages` of a strategy alone, and of further plugins' `module:attribute`s, without
    declared files."""
    units = _reached(_starts([*targets, *([] if strategy.folder else [strategy.target])]))
    if strategy.folder is None:
        return sorted(_by_owner(units.values()), key=_name)
    folder, module = Path(strategy.folder), _module(strategy.target)
    near = _reached([(folder_unit(folder), module)])
    beside = {name: unit for name, unit in near.items() if _is_in(unit, folder)}
    units |= {name: unit for name, unit in near.items() if name not in beside}
    files = {path: file for unit in beside.values() for path, file in unit.files.items()}
    own = CodePackage(f"folder-of-{module}", NO_VERSION, files, folder=folder)
    return sorted([own, *_by_owner(units.values())], key=_name)


def distribution_package(name: str) -> CodePackage | None:
    """All that a distribution brings; None where it is not installed."""
    found = find_distribution(name)
    return None if found is None else _package(found, {})


def _with_declared_files(
    packages: Iterable[CodePackage], strategy: StrategyReference, names: Iterable[str]
) -> Iterator[CodePackage]:
    """The packages; the one that holds the strategy also holds the job's declared files."""
    root, inside = strategy.root, strategy.root_import_path
    declared = {f"{inside}/{name}" if inside else name: root / name for name in names}
    for package in packages:
        has_files = declared and _holds(package, strategy)
        yield replace(package, files={**package.files, **declared}) if has_files else package


def _holds(package: CodePackage, strategy: StrategyReference) -> bool:
    """Whether the strategy's module is in a package."""
    if strategy.folder is not None:
        return package.folder is not None
    module = _module(strategy.target).replace(".", "/")
    return any(path.startswith((f"{module}.", f"{module}/")) for path in package.files)


def _starts(targets: Iterable[str]) -> Iterator[tuple[CodeUnit, str]]:
    """Where code begins: a unit, and the module of it that is imported."""
    for module in sorted({_module(target) for target in targets}):
        if module.partition(".")[0] == OWN:
            continue
        unit = find_unit(module)
        if unit is None:
            raise PluginError(f"there is no module {module!r} here, or it is not a file")
        yield unit, module


def _reached(starts: Iterable[tuple[CodeUnit, str]]) -> dict[str, CodeUnit]:
    return {unit.name: unit for start in starts for unit in reached_units(*start)}


def _module(target: str) -> str:
    return target.partition(":")[0].removesuffix(".py")


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
    units = {**reached, **owner.units}
    files = {path: file for unit in units.values() for path, file in unit.files.items()}
    return CodePackage(owner.name, owner.version, files, owner.entry_points, owner.requires)
