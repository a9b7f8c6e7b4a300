"""Whether the undeclared files behind a run's rows are still what those rows were computed with."""

from __future__ import annotations

import hashlib
import json
import socket
from pathlib import Path

from backfleet.chunks.undeclared import UndeclaredFile
from backfleet.errors import PluginError, UndeclaredFileChanged
from backfleet.results.chunk_index import ChunkIndex
from backfleet.strategy_folder import strategy_root
from backfleet.strategy_reference import StrategyReference

__all__ = ["check_undeclared_files"]

MAX_NAMED = 10


def check_undeclared_files(chunk_index: ChunkIndex, strategy: StrategyReference) -> None:
    """Raise UndeclaredFileChanged if a file that stored rows depend on differs here or is gone.

    A file that cannot be looked up here is left out: one beside a strategy that is not here, or one
    that was read on another machine.
    """
    files = chunk_index.undeclared_files()
    # Most runs read no undeclared files, and need not look for the strategy.
    root = _root_of(strategy) if files else None
    problems = [_problem(file, root) for file in files]
    # Several chunks may have recorded the same file with different hashes.
    lines = list(dict.fromkeys(problem for problem in problems if problem))
    if lines:
        more = [f"and {len(lines) - MAX_NAMED} more"] if len(lines) > MAX_NAMED else []
        raise UndeclaredFileChanged("\n".join([*lines[:MAX_NAMED], *more]))


def _root_of(strategy: StrategyReference) -> Path | None:
    try:
        root = strategy_root(strategy)
    except PluginError:
        return None
    return root if root.is_dir() else None


def _problem(file: UndeclaredFile, root: Path | None) -> str | None:
    """Describe what is wrong with a file; None if nothing is known to be wrong."""
    path = _here(file, root)
    digest = None if path is None else _digest(path)
    if path is None or digest == file.sha256:
        return None
    what = "has changed since rows" if digest else "is missing or cannot be read, and rows"
    fix = f"Declare it with files = {json.dumps([file.path])}"
    if file.host:
        fix = "Move it into the strategy's folder, declare it with the job's key files"
    return (
        f"{path}: the file {what} of this run were computed with it, and the job does not declare "
        f"it. {fix} and run the job again, or put the old file back"
    )


def _here(file: UndeclaredFile, root: Path | None) -> Path | None:
    """The path of a recorded file on this machine; None if it cannot be looked up here."""
    path = Path(file.path)
    if file.host:
        return path if path.is_absolute() and file.host == socket.gethostname() else None
    # The record may come from a stranger's store: it must not lead out of the folder.
    if root is None or path.is_absolute() or ".." in path.parts:
        return None
    return root / path


def _digest(path: Path) -> str | None:
    try:
        # Opening a pipe would wait for ever.
        if not path.is_file():
            return None
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return None
