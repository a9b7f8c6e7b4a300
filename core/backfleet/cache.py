"""Where backfleet keeps what can be made anew."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["cache_folder"]


def cache_folder() -> Path:
    """`$BACKFLEET_CACHE`, or `$XDG_CACHE_HOME/backfleet`, or `~/.cache/backfleet`."""
    given = os.environ.get("BACKFLEET_CACHE")
    if given:
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "backfleet"
