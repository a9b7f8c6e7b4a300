"""Unified diffs of code: of two runs, or of a run and what is found here."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from backfleet.code.kept_code import KeptCode
from backfleet.code.packages import CodePackage
from backfleet.code.stored_code import read_stored_code
from backfleet.code.unpack import read_wheel
from backfleet.store import Store

__all__ = ["diff_sources", "kept_sources", "package_sources", "printable_lines"]

MAX_FILE_BYTES = 512 * 1024
"""difflib takes time that grows with the square of a file's length."""

MAX_DIFF_LINES = 2_000

Sources = Mapping[str, bytes]
"""Path from where an import begins to the content of the file."""


def kept_sources(store: Store, kept: KeptCode, without: Collection[str] = ()) -> Sources:
    """Return the files of a run's kept packages.

    Parameters
    ----------
    without
        SHA-256 of wheels that are left out.

    Raises PluginError if a package is missing or damaged, StoreError.
    """
    packages = (package for package in kept.packages if package.sha256 not in without)
    wheels = (read_wheel(read_stored_code(store, package)) for package in packages)
    return {
        path: content
        for files in wheels
        for path, content in files.items()
        # Metadata that packing has added, and no source.
        if not path.partition("/")[0].endswith(".dist-info")
    }


def package_sources(packages: Iterable[CodePackage]) -> Sources:
    """Return the files of packages that were found here. Raises OSError."""
    files = {path: file for package in packages for path, file in package.files.items()}
    return {path: file.read_bytes() for path, file in files.items()}


def diff_sources(first: Sources, second: Sources, names: tuple[str, str]) -> list[str]:
    """Return a unified diff of the files that differ, cut after 2,000 lines.

    Parameters
    ----------
    names
        Folders that stand before the paths on either side.
    """
    lines: list[str] = []
    for path in sorted({*first, *second}):
        before, after = first.get(path), second.get(path)
        if before == after:
            continue
        lines += _diff_file(before, after, [f"{name}/{path}" for name in names])
        if len(lines) > MAX_DIFF_LINES:
            return [*lines[:MAX_DIFF_LINES], "... the rest of the diff is left out"]
    return lines


def printable_lines(lines: Iterable[str]) -> Iterator[str]:
    """Return lines that are safe on a terminal: a stranger's code could hold control codes."""
    for line in lines:
        yield "".join(c if c.isprintable() or c == "\t" else f"\\x{ord(c):02x}" for c in line)


def _diff_file(before: bytes | None, after: bytes | None, paths: Sequence[str]) -> list[str]:
    first, second = (
        path if content is not None else "/dev/null"
        for path, content in zip(paths, (before, after), strict=True)
    )
    old, new = _text(before), _text(after)
    if old is None or new is None:
        return [f"--- {first}", f"+++ {second}", "The files differ; they are not shown."]
    return list(difflib.unified_diff(old, new, first, second, lineterm=""))


def _text(content: bytes | None) -> list[str] | None:
    """Return the lines of a source file; None for what is binary or too long."""
    if content is None:
        return []
    if len(content) > MAX_FILE_BYTES or b"\0" in content:
        return None
    try:
        return content.decode().splitlines()
    except UnicodeDecodeError:
        return None
