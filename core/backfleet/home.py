"""The home directory: `~` in paths, and where to fall back if there is none."""

from __future__ import annotations

import os
from pathlib import Path

from backfleet.errors import UserError

__all__ = ["expand_home", "home_folder"]

MAX_NAME_BYTES = 255


def home_folder() -> Path | None:
    """Return the home directory of this user; None if neither HOME nor the system names one."""
    # `expanduser` returns its argument if there is no home directory.
    home = os.path.expanduser("~")
    return Path(home) if os.path.isabs(home) else None


def expand_home(path: str) -> str:
    """Return a path with `~` and `~user` replaced.

    Raises UserError if there is no such user, and if the path cannot be the name of a file.
    """
    expanded = os.path.expanduser(path)
    if expanded.startswith("~") and expanded == path:
        user = path.split("/")[0]
        why = "HOME is not set" if user == "~" else f"there is no user {user[1:]!r} here"
        raise UserError(
            f"{path}: {user} has no home directory ({why}). Write the path in full, or ./{path} if "
            "that is a name"
        )
    try:
        # The names of files may hold bytes that are not UTF-8, which Python represents by
        # surrogates. JSON in the store cannot hold these.
        expanded.encode()
    except UnicodeEncodeError:
        raise UserError(
            f"{expanded!a}: the path is not UTF-8 and cannot be stored. Rename the file or folder, "
            "or set PYTHONUTF8=1 if only the locale is not UTF-8"
        ) from None
    if "\0" in expanded:
        raise UserError(f"{expanded!r}: a path cannot contain a NUL character. Remove it")
    if any(len(name.encode()) > MAX_NAME_BYTES for name in expanded.split("/")):
        raise UserError(
            f"{expanded}: a name in the path has more than {MAX_NAME_BYTES} bytes, which file "
            "systems cannot store. Shorten it"
        )
    return expanded
