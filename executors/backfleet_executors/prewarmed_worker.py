"""A worker that starts while its job is planned, so that a short task waits for little else."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from backfleet.sdk import assignment
from backfleet_executors.worker_process import start_worker

__all__ = ["PrewarmedWorker"]


class PrewarmedWorker:
    """One worker that has no shard yet.

    Raises OSError if its log cannot be written or no process can be started.

    Parameters
    ----------
    folder
        Holds its log until it has a shard.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, log = tempfile.mkstemp(prefix="prewarmed-", suffix=".log", dir=folder)
        self._log = Path(log)
        with os.fdopen(descriptor, "wb") as output:
            self.process = start_worker(["-"], output, detach=False)

    def assign(self, url: str, shard: int, log: Path) -> bool:
        """Have it run a shard and write to `log`. Return False if it has ended already."""
        assert self.process.stdin is not None
        # Moved, not copied: the worker keeps its descriptor, and goes on writing to the same file.
        self._log.replace(log)
        try:
            self.process.stdin.write(assignment(url, shard))
            self.process.stdin.flush()
        # A broken pipe: the worker has ended while the job was planned.
        except OSError:
            return False
        return True

    def discard(self) -> None:
        """Close its standard input, which ends it, and remove its log."""
        assert self.process.stdin is not None
        # Closing flushes, which fails if the worker has ended with a line unread.
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        self._log.unlink(missing_ok=True)
