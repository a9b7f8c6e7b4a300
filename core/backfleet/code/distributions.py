"""The modules and files of an installed distribution, however it was installed.

A wheel's RECORD lists its files with their hashes. An editable install's lists none: what belongs
to it is found where its `.pth` files and its entry points lead.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from importlib import metadata
from importlib.metadata import Distribution
from pathlib import Path
from urllib.parse import unquote, urlsplit

from backfleet.code.search import prefixes
from backfleet.code.units import CodeUnit, find_unit, is_code
from backfleet.no_bytecode import INSTALLED
from backfleet.plugins import KINDS

__all__ = [
    "EntryPoint",
    "InstalledDistribution",
    "canonical_name",
    "find_distribution",
    "find_owners",
    "list_distributions",
]

EntryPoint = tuple[str, str, str]
"""Group, name, target."""

PLUGIN_GROUPS = frozenset(KINDS.values())

PROJECT_FILES = ("pyproject.toml", "setup.py", "setup.cfg")
"""Beside these lie tests and tools too, not only what a wheel would hold."""

MODULE_SUFFIXES = (".py", ".so", ".pyd")


class InstalledDistribution:
    """A distribution as this process finds it installed.

    Attributes
    ----------
    name
        In its canonical form: lower case, with dashes.
    """

    def __init__(self, distribution: Distribution) -> None:
        self._distribution = distribution

    @cached_property
    def name(self) -> str:
        return canonical_name(self._distribution.name)

    @cached_property
    def version(self) -> str:
        return self._distribution.version

    @cached_property
    def entry_points(self) -> tuple[EntryPoint, ...]:
        """The entry points, sorted."""
        points = {
            (point.group, point.name, point.value) for point in self._distribution.entry_points
        }
        return tuple(sorted(points))

    @cached_property
    def requires(self) -> tuple[str, ...]:
        """Its requirements (PEP 508), sorted."""
        return tuple(sorted(self._distribution.requires or ()))

    @cached_property
    def project(self) -> Path | None:
        """The folder that it was installed from as an editable (PEP 610)."""
        try:
            origin = json.loads(self._distribution.read_text("direct_url.json") or "{}")
        except ValueError:
            return None
        editable = origin.get("dir_info", {}).get("editable")
        return Path(unquote(urlsplit(origin["url"]).path)) if editable else None

    @cached_property
    def recorded(self) -> Mapping[str, str | None]:
        """Path, from where an import begins, to SHA-256 of the importable files that its RECORD
        lists; None if RECORD has no such hash. Empty for an editable install."""
        if self.project is not None:
            return {}
        files = {str(file): file.hash for file in self._distribution.files or ()}
        units = _units_of(filter(_is_importable, files))
        return {path: _hexadecimal(files[path]) for path in units}

    @cached_property
    def units(self) -> Mapping[str, CodeUnit]:
        """The packages and modules that it brings, by their dotted names."""
        recorded = set(_units_of(self.recorded).values())
        # RECORD is complete, so nothing has to be guessed.
        if recorded:
            return _units_by_name(recorded)
        guessed = _units_by_name(self._guessed_units())
        units = {name: unit for name, unit in guessed.items() if self._owns(unit)}
        # A plugin's module belongs to the distribution that names it, wherever it lies.
        plugins = {_module_of(point[2]) for point in self.entry_points if point[0] in PLUGIN_GROUPS}
        return units | _units_by_name(
            name for name in plugins if not units.keys() & set(prefixes(name))
        )

    def brings(self, unit: CodeUnit) -> bool:
        """Whether a unit that was found here comes from this distribution."""
        path, file = unit.first
        if self.project is not None:
            # A project's folder may hold those of an environment.
            near = self._owns(unit) and not INSTALLED & set(file.parts)
            return near or unit.name in self.units
        # Compares two paths, before anything is read.
        if self.locate(path) != file:
            return False
        # `Distribution.files` would parse the whole RECORD to find one path.
        record = self._distribution.read_text("RECORD")
        # A row of RECORD begins with the path, and the path ends at a comma.
        return f"\n{path}," in f"\n{record}" if record else unit.name in self.units

    def locate(self, path: str) -> Path:
        """Return the path of a recorded file."""
        return Path(str(self._distribution.locate_file(path)))

    def _guessed_units(self) -> Iterator[str]:
        """Modules that its metadata name, those in the folders that its `.pth` files add to
        `sys.path`, and the one that is called like it."""
        yield from (_module_of(target) for _, _, target in self.entry_points)
        yield from (self._distribution.read_text("top_level.txt") or "").split()
        yield self.name.replace("-", "_")
        for file in self._distribution.files or ():
            if file.suffix == ".pth":
                for folder in _added_folders(self.locate(str(file))):
                    yield from _units_in(folder)

    def _owns(self, unit: CodeUnit) -> bool:
        """Whether a unit lies in the project that is installed as an editable, if it is one."""
        if self.project is None:
            return True
        return unit.first[1].resolve().is_relative_to(self.project.resolve())


def canonical_name(name: str) -> str:
    """A distribution's name as all spellings of it agree (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def find_distribution(name: str) -> InstalledDistribution | None:
    """The installed distribution of this name, in any spelling."""
    try:
        return InstalledDistribution(metadata.distribution(name))
    except (metadata.PackageNotFoundError, ValueError):
        return None


def list_distributions() -> Iterator[InstalledDistribution]:
    """All installed distributions, each once: the one that is found first."""
    seen = set()
    for distribution in metadata.distributions():
        # Broken metadata may lack a name.
        name = distribution.metadata["Name"]
        # The first one on `sys.path` is the one that an import finds.
        if name and canonical_name(name) not in seen:
            seen.add(canonical_name(name))
            yield InstalledDistribution(distribution)


def find_owners(
    units: Iterable[CodeUnit],
) -> Iterator[tuple[CodeUnit, InstalledDistribution | None]]:
    """Each unit, and the distribution that brings it; None for one that merely can be imported."""
    # Nothing of their metadata is parsed yet: of most of them, only the RECORD will be read.
    installed = [InstalledDistribution(distribution) for distribution in metadata.distributions()]
    for unit in units:
        yield (
            unit,
            next((distribution for distribution in installed if distribution.brings(unit)), None),
        )


def _module_of(target: str) -> str:
    """The module of an entry point's target, which may end in extras."""
    return re.split(r"[:\[]", target)[0].strip()


def _units_by_name(names: Iterable[str]) -> dict[str, CodeUnit]:
    """Units by their names, of modules in them; those that are not here are left out."""
    units: dict[str, CodeUnit] = {}
    # Sorted, so that a package comes before the modules in it, which it covers.
    for name in sorted(set(names)):
        unit = (
            None
            if any(name.startswith(f"{unit_name}.") for unit_name in units)
            else find_unit(name)
        )
        if unit is not None:
            units[unit.name] = unit
    return units


def _is_importable(path: str) -> bool:
    first, *rest = path.split("/")
    # Scripts and data files are listed relative to the place of the modules, such as
    # "../../bin/tool".
    if first in ("", "..") or first.endswith((".dist-info", ".egg-info", ".data")):
        return False
    return is_code(path) and (bool(rest) or first.endswith(MODULE_SUFFIXES))


def _units_of(paths: Iterable[str]) -> dict[str, str]:
    """Path to the dotted name of the outermost regular package around it, or of the module that it
    is; what is in neither is left out."""
    listed = set(paths)
    packages = {path.removesuffix("/__init__.py") for path in listed if "/__init__.py" in path}
    units = {}
    for path in sorted(listed):
        parts = path.split("/")
        around = ("/".join(parts[:count]) for count in range(1, len(parts)))
        unit = next((folder for folder in around if folder in packages), None)
        if (
            unit is None
            and path.endswith(MODULE_SUFFIXES)
            and all(map(str.isidentifier, parts[:-1]))
        ):
            # An extension module carries the interpreter's tag after a dot.
            unit = "/".join([*parts[:-1], parts[-1].partition(".")[0]])
        if unit is not None:
            units[path] = unit.replace("/", ".")
    return units


def _hexadecimal(recorded: metadata.FileHash | None) -> str | None:
    if recorded is None or recorded.mode != "sha256":
        return None
    # RECORD leaves out the padding of base64.
    padding = "=" * (-len(recorded.value) % 4)
    return base64.urlsafe_b64decode(recorded.value + padding).hex()


def _added_folders(path_file: Path) -> Iterator[Path]:
    """Folders that a `.pth` file adds to `sys.path`, but for a project's own folder."""
    for line in path_file.read_text().splitlines():
        # `site` executes lines that begin with "import"; only the others are folders.
        if not line.strip() or line.startswith(("import ", "import\t", "#")):
            continue
        folder = Path(line.strip())
        if folder.is_dir() and not any((folder / name).is_file() for name in PROJECT_FILES):
            yield folder


def _units_in(folder: Path, around: str = "") -> Iterator[str]:
    """Dotted names of the packages and modules in a folder, also in folders that only hold them."""
    for path in folder.iterdir():
        name = around + path.stem
        if not path.stem.isidentifier():
            continue
        if (path.suffix == ".py" and path.is_file()) or (path / "__init__.py").is_file():
            yield name
        elif path.is_dir() and not path.suffix:
            yield from _units_in(path, f"{name}.")
