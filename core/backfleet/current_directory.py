"""Keeping the current directory out of imports: it may hold files of somebody else.

Python searches it first for `python -m` and for an empty entry of PYTHONPATH. Only a strategy that
is named by its module may come from there, after everything that is installed.
"""

# Python would look for any other module in the current directory until it is removed.
from __future__ import annotations

import os
import site
import sys

__all__ = ["installed_path", "leave_current_directory", "search_current_directory"]

PYTHONPATH = "PYTHONPATH"


def _current_directory() -> str:
    """Return the current directory; empty if it was deleted."""
    try:
        return os.getcwd()
    except OSError:
        return ""


_START = _current_directory()
_is_named = _START in sys.path
"""Whether the directory in which this process started is on `sys.path` for another reason, such as
an editable installation."""


def leave_current_directory() -> None:
    """Remove the current directory from `sys.path`, and from PYTHONPATH for child processes.

    It stays if an installation or an absolute entry of PYTHONPATH names it.
    """
    global _is_named
    # Python put it there itself: "" for `-c` and interactive use, the absolute path for `-m`. With
    # `-P` it does not, and the first entry is another one.
    if not sys.flags.safe_path and sys.path[:1] in ([""], [_START]):
        del sys.path[0]
    # Python passes over the variable if it is empty as a whole.
    value = os.environ.get(PYTHONPATH)
    entries = value.split(os.pathsep) if value else []
    # An absolute entry was written on purpose, a relative or empty one depends on where the user
    # happens to be.
    kept = [entry for entry in entries if os.path.isabs(entry) or not _is_start(entry)]
    if len(kept) < len(entries):
        os.environ[PYTHONPATH] = os.pathsep.join(kept)
        if not kept:
            del os.environ[PYTHONPATH]
        # `site` has made the entries absolute, and has passed over the same folder elsewhere.
        if not sys.flags.ignore_environment and _START in sys.path:
            sys.path.remove(_START)
            if _START in map(os.path.normpath, kept) or _is_installed(_START):
                # At the end, where `site` adds the entries of `.pth` files. There it shadows
                # nothing.
                sys.path.append(_START)
    # In place, because other modules hold references to the list.
    sys.path[:] = [entry for entry in sys.path if entry]
    _is_named = _START in sys.path


def search_current_directory() -> None:
    """Import from the current directory what is found nowhere else."""
    here = _current_directory()
    # Appended, so that a file named like an installed package cannot replace it.
    if here and here not in sys.path:
        sys.path.append(here)


def installed_path() -> list[str]:
    """Return `sys.path` without the current directory: plugins never come from it."""
    return [entry for entry in sys.path if entry and (entry != _START or _is_named)]


def _is_start(entry: str) -> bool:
    return bool(_START) and os.path.abspath(os.path.join(_START, entry)) == _START


def _is_installed(folder: str) -> bool:
    """Whether a `.pth` file adds the folder to `sys.path`, as editable installations do."""
    for place in filter(os.path.isdir, [*site.getsitepackages(), site.getusersitepackages()]):
        for name in os.listdir(place):
            if name.endswith(".pth"):
                with open(os.path.join(place, name), "rb") as file:
                    if os.fsencode(folder) in file.read().splitlines():
                        return True
    return False
