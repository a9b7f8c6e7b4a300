"""Where backfleet keeps what can be made anew, and how it writes there."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from pathlib import Path

__all__ = ["cache_folder", "scratch_folder", "state_folder", "write_quietly"]


def cache_folder() -> Path:
    """`$BACKFLEET_CACHE`, or `$XDG_CACHE_HOME/backfleet`, or `~/.cache/backfleet`."""
    given = os.environ.get("BACKFLEET_CACHE")
    if given:
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "backfleet"


def state_folder() -> Path:
    """Return `$XDG_STATE_HOME/backfleet`, or `~/.local/state/backfleet`."""
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "backfleet"


def scratch_folder() -> Path:
    """A folder among the temporary files that only this user can write to. Raises OSError."""
    folder = Path(tempfile.gettempdir(), f"backfleet-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    # Code is run from there: nobody else may have made it.
    if status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o077:
        return Path(tempfile.mkdtemp(prefix="backfleet-"))
    return folder


def write_quietly(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; where it cannot be, the next process works again."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            os.replace(temporary, path)
        except OSError:
            os.unlink(temporary)
            raise
