"""A worker that starts while its job is being planned: a short task waits for little else."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from backfleet.worker.standby import told
from backfleet_executors.worker_process import start_worker

__all__ = ["Standby"]


class Standby:
    """One worker without a submission yet.

    Raises OSError where there is no place for its log, or no process can be started.

    Parameters
    ----------
    folder
        Where to keep what it writes until it has a submission.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, log = tempfile.mkstemp(prefix="standby-", suffix=".log", dir=folder)
        self._log = Path(log)
        with os.fdopen(descriptor, "wb") as output:
            self.process = start_worker(["-"], output, detach=False)

    def work(self, url: str, shard: int, log: Path) -> bool:
        """Have it run a shard, and what it writes in `log`; False where it has ended already."""
        assert self.process.stdin is not None
        self._log.replace(log)
        try:
            self.process.stdin.write(told(url, shard))
            self.process.stdin.flush()
        except OSError:
            return False
        return True

    def end(self) -> None:
        """Let it end by itself: it has nothing to do."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self._log.unlink(missing_ok=True)
