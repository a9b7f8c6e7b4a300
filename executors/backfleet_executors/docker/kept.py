"""What stays of a container once it is removed: how it ended, and what its worker wrote."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from backfleet.sdk import state_folder, write_quietly
from backfleet_executors.docker.ends import End

__all__ = ["Kept"]


class Kept:
    """A folder of this user's, for the containers of a submission."""

    def __init__(self, run: str, number: int) -> None:
        self._folder = state_folder() / run / str(number)

    def keep(self, container: str, end: End, log: bytes) -> None:
        """Keep the log first: an end that is kept says that all is."""
        write_quietly(self._log(container), log)
        write_quietly(self._end(container), json.dumps(asdict(end)).encode())

    def end(self, container: str) -> End | None:
        try:
            return End(**json.loads(self._end(container).read_bytes()))
        except (OSError, ValueError, TypeError):
            return None

    def log(self, container: str) -> str:
        try:
            return self._log(container).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    def _log(self, container: str) -> Path:
        return self._folder / f"{container}.log"

    def _end(self, container: str) -> Path:
        return self._folder / f"{container}.json"
