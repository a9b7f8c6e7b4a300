"""The parts of an image: wheels packed from what is installed here, and pins for what comes from
the package index."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from zipfile import BadZipFile
from zipfile import Path as ZipPath

from backfleet.errors import ExecutorError
from backfleet.sdk import (
    KINDS,
    OWN,
    CodePackage,
    InstalledDistribution,
    canonical_name,
    distribution_package,
    find_distribution,
    list_distributions,
    pack,
    suggestion,
)
from backfleet_executors.images.wheels import build_wheel

__all__ = ["Parts", "collect_parts", "wheel_distribution"]

PROJECT_FILES = ("pyproject.toml", "setup.py")

Wanted = tuple[str, frozenset[str]]
"""A distribution, and the extras that are asked for of it."""


@dataclass(frozen=True)
class Parts:
    """The parts of an image.

    Attributes
    ----------
    pins
        Version of each distribution that comes from the package index, by name.
    code
        Wheels of backfleet, and of what is installed here from elsewhere.
    """

    pins: dict[str, str]
    code: list[Path]


def collect_parts(extra: Iterable[str], folder: Path) -> Parts:
    """Backfleet, what is asked for beside it, and all that these require, as installed here.

    Parameters
    ----------
    extra
        Names of installed distributions, wheel files, or folders of projects.
    folder
        Takes the wheels that are made.

    Raises
    ------
    ExecutorError
        Where there is no such distribution or file, where a requirement is not installed, or a
        project does not build.
    PluginError
        Where code cannot be read.
    """
    parts = Parts({}, [])
    pending: list[Wanted] = [(OWN, frozenset())]
    for text in extra:
        if _is_path(text):
            wheel = _wheel_of(Path(text), folder)
            parts.code.append(wheel)
            pending += _required(wheel_distribution(wheel), frozenset())
        else:
            pending.append((_installed(text, "").name, frozenset()))
    _add(parts, pending, folder)
    return parts


def wheel_distribution(wheel: Path) -> InstalledDistribution:
    """Return the distribution in a wheel, as if it were installed. Raises ExecutorError if there is
    none."""
    try:
        # A wheel has exactly one such folder; any other number is the ValueError below.
        (info,) = (entry for entry in ZipPath(wheel).iterdir() if entry.name.endswith(".dist-info"))
    except (BadZipFile, OSError, ValueError):
        raise ExecutorError(f"{wheel} is not a wheel") from None
    return InstalledDistribution(metadata.PathDistribution(info))


def _is_path(text: str) -> bool:
    return text.endswith(".whl") or "/" in text or Path(text).is_dir()


def _wheel_of(path: Path, folder: Path) -> Path:
    """The wheel at a path, or that of the project there."""
    if path.suffix == ".whl" and path.is_file():
        return path
    if not path.is_dir():
        raise ExecutorError(f"--with {path}: there is no such wheel or folder")
    if not any((path / name).is_file() for name in PROJECT_FILES):
        raise ExecutorError(
            f"--with {path}: without a pyproject.toml this folder cannot be installed; "
            "'backfleet new strategy NAME' makes one"
        )
    return build_wheel(path, folder)


def _add(parts: Parts, pending: list[Wanted], folder: Path) -> None:
    """Add distributions, each with the extras asked for of it, and all that they require."""
    # A wheel that the user names wins over the distribution that is installed here.
    given = {wheel_distribution(wheel).name for wheel in parts.code}
    # With the extras: the same distribution may be required again with other ones, which require
    # more.
    seen: set[Wanted] = set()
    while pending:
        name, extras = pending.pop()
        if (name, extras) in seen or name in given:
            continue
        seen.add((name, extras))
        distribution = _installed(name, "")
        # Its part is added once, whichever extras of it are asked for beside these.
        if not any(name == seen_name for seen_name, other in seen if other != extras):
            _add_one(parts, distribution, folder)
        pending += _required(distribution, extras)


def _add_one(parts: Parts, distribution: InstalledDistribution, folder: Path) -> None:
    package = distribution_package(distribution.name)
    assert package is not None
    # From the package index: a library whose files nobody edits.
    if not _brings_plugins(package) and not _is_from_elsewhere(distribution.name):
        parts.pins[distribution.name] = distribution.version
    elif package.compiled() is None:
        parts.code.append(_pack(package, folder))
    elif distribution.project is not None:
        parts.code.append(build_wheel(distribution.project, folder))
    else:
        parts.pins[distribution.name] = distribution.version


def _brings_plugins(package: CodePackage) -> bool:
    return any(group in KINDS.values() for group, _, _ in package.entry_points)


def _is_from_elsewhere(name: str) -> bool:
    """Whether a distribution was installed from a path or a URL, not from an index (PEP 610)."""
    return metadata.distribution(name).read_text("direct_url.json") is not None


def _pack(package: CodePackage, folder: Path) -> Path:
    stem = package.name.replace("-", "_")
    wheel = folder / f"{stem}-{package.version}-py3-none-any.whl"
    wheel.write_bytes(pack(package))
    return wheel


def _installed(name: str, required_by: str) -> InstalledDistribution:
    distribution = find_distribution(name)
    if distribution is not None:
        return distribution
    if required_by:
        raise ExecutorError(
            f"{required_by} requires {name}, which is not installed here: pip install {name}"
        )
    known = (distribution.name for distribution in list_distributions())
    hint = suggestion(canonical_name(name), known)
    raise ExecutorError(f"no distribution {name!r} is installed here{hint}")


def _required(distribution: InstalledDistribution, extras: frozenset[str]) -> Iterator[Wanted]:
    from packaging.requirements import Requirement

    for requirement in map(Requirement, distribution.requires):
        # Markers are evaluated once per extra, since a requirement belongs to one extra; "" stands
        # for none.
        environments: Sequence[dict[str, str]] = [{"extra": extra} for extra in ("", *extras)]
        marker = requirement.marker
        if marker is None or any(marker.evaluate(environment) for environment in environments):
            name = _installed(requirement.name, f"{distribution.name} {distribution.version}").name
            yield name, frozenset(requirement.extras)
