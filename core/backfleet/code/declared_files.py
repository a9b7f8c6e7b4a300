"""Files that a job declares with its key `files`: found, hashed, and compared with a plan.

Names are relative to the strategy's folder and have slashes. They are part of a run's identity.
"""

from __future__ import annotations

import glob
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from backfleet.code.stored_code import MAX_CODE_BYTES, MAX_CODE_FILES
from backfleet.errors import JobError, PluginError
from backfleet.strategy_folder import strategy_import_path, strategy_root
from backfleet.strategy_reference import StrategyReference

if TYPE_CHECKING:
    from backfleet.code.packages import CodePackage

__all__ = [
    "add_declared_files",
    "check_declared_files",
    "find_declared_files",
    "hash_declared_files",
]

KEY = "files"

_DRIVE = re.compile(r"[A-Za-z]:")


def find_declared_files(root: Path, patterns: Iterable[str]) -> Mapping[str, Path]:
    """Return the files below `root` that the patterns match, by their names.

    `*` matches within a folder, `**` any number of folders, and neither matches hidden names.

    Raises
    ------
    JobError
        A pattern matches no file, a file lies outside `root` or has a name that not every system
        can hold, or all together are too large.
    """
    # Patterns may overlap; each name counts once.
    names = {name: None for pattern in patterns for name in _matches(root, pattern)}
    files = {name: root / name for name in sorted(names)}
    _check_case(files)
    _check_size(files)
    return files


def hash_declared_files(files: Mapping[str, Path]) -> Mapping[str, str]:
    """Return the SHA-256 of each file by its name. Raises JobError."""
    try:
        return {name: _sha256(file) for name, file in files.items()}
    except OSError as error:
        raise _unreadable(error) from error


def check_declared_files(planned: Mapping[str, str], root: Path) -> None:
    """Raise PluginError if a declared file below `root` is not the one that was planned."""
    for name, digest in planned.items():
        try:
            has_changed = _sha256(root / name) != digest
        except OSError as error:
            raise PluginError(
                f"{KEY}: {root / name}: {error.strerror}. The run was planned with this file. "
                "Put it back, or run the job again to plan a new run"
            ) from error
        if has_changed:
            raise PluginError(
                f"{KEY}: {root / name} has changed since the run was planned. "
                "Put the old file back, or run the job again to plan a new run"
            )


def add_declared_files(
    packages: Iterable[CodePackage], strategy: StrategyReference, names: Iterable[str]
) -> list[CodePackage]:
    """Return the packages behind a strategy, with the declared files in the one that holds it."""
    # Paths in a package begin where an import begins, which is above the strategy's folder if the
    # strategy is installed in a package.
    root, path = strategy_root(strategy), strategy_import_path(strategy)
    files = {f"{path}/{name}" if path else name: root / name for name in names}
    return [
        replace(package, files={**package.files, **files})
        if files and _holds(package, strategy)
        else package
        for package in packages
    ]


def _holds(package: CodePackage, strategy: StrategyReference) -> bool:
    """Whether the strategy's module is in a package."""
    if strategy.folder is not None:
        # Only the package of the strategy's folder has one.
        return package.folder is not None
    module = strategy.target.partition(":")[0].replace(".", "/")
    return any(path.startswith((f"{module}.", f"{module}/")) for path in package.files)


def _matches(root: Path, pattern: str) -> Iterator[str]:
    names = sorted(glob.glob(pattern, root_dir=root, recursive=True))
    files = [name for name in names if (root / name).is_file()]
    if not files:
        what = "no regular file" if names else "no file"
        raise JobError(
            f"{KEY}: {pattern!r} matches {what} in {root}, the strategy's folder. "
            "Patterns are relative to that folder"
        )
    for name in files:
        _check_name(root, name)
        yield name


def _check_name(root: Path, name: str) -> None:
    # A link could lead to a secret, which would then be kept in the store.
    if not (root / name).resolve().is_relative_to(root.resolve()):
        raise JobError(
            f"{KEY}: {name} is a link that leads outside {root}, the strategy's folder. "
            "Copy the file into that folder"
        )
    if not name.isprintable() or "\\" in name or _DRIVE.match(name):
        raise JobError(
            f"{KEY}: {name!r} cannot be the name of a file on every system. Rename the file"
        )


def _check_case(names: Iterable[str]) -> None:
    by_case: dict[str, str] = {}
    for name in names:
        other = by_case.setdefault(name.casefold(), name)
        if other != name:
            raise JobError(
                f"{KEY}: {other} and {name} differ only in case, and not every system can hold "
                "both. Rename one of them"
            )


def _check_size(files: Mapping[str, Path]) -> None:
    try:
        # Before the hashing, which would read files of any size.
        size = sum(file.stat().st_size for file in files.values())
    except OSError as error:
        raise _unreadable(error) from error
    if size > MAX_CODE_BYTES or len(files) > MAX_CODE_FILES:
        raise JobError(
            f"{KEY}: {len(files):,} files of {size / 2**20:,.1f} MiB in all are too many or too "
            f"large: at most {MAX_CODE_FILES:,} files of {MAX_CODE_BYTES // 2**20} MiB in all are "
            "kept with a run. Declare fewer files, or make the large ones data of the job"
        )


def _unreadable(error: OSError) -> JobError:
    return JobError(f"{KEY}: {error.filename} cannot be read: {error.strerror}")


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
