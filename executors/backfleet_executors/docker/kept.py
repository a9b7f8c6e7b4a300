"""Records of removed containers: their exits, and the output of their workers."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path

from backfleet.errors import ExecutorError
from backfleet.sdk import state_folder, write_quietly
from backfleet_executors.docker.container_exit import ContainerExit

__all__ = ["ContainerArchive"]


# A label may say anything, and the run becomes the name of a folder.
_RUN = re.compile("[A-Za-z0-9_-]{1,64}")


class ContainerArchive:
    """A folder of this user's, for the containers of a submission. Raises ExecutorError."""

    def __init__(self, run: str, number: int) -> None:
        if not _RUN.fullmatch(run):
            raise ExecutorError(f"{run[:80]!r} is not the id of a run, so nothing is kept of it")
        self._folder = state_folder() / run / str(number)

    def keep(self, container: str, end: ContainerExit, log: bytes) -> None:
        """Keep the log first: an end that is kept says that all is."""
        write_quietly(self._log(container), log)
        write_quietly(self._end(container), json.dumps(asdict(end)).encode())

    def end(self, container: str) -> ContainerExit | None:
        try:
            return ContainerExit(**json.loads(self._end(container).read_bytes()))
        # A damaged record is as good as none: the caller then reports that the exit status is
        # unknown.
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
