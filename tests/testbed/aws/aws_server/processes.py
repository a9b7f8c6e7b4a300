"""Jobs as processes of this machine: hundreds of shards in a minute, and no Docker."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

from .tasks import Attempt, CannotStart, Ended, Runner, Task

__all__ = ["ProcessRunner"]

ENTRY_POINT = (sys.executable, "-P", "-m", "backfleet")
KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH", "BACKFLEET_CACHE", "XDG_STATE_HOME")
"""What a job sees of the server's environment, besides what Batch sets."""


class ProcessRunner(Runner):
    """Runs a job's command in an empty folder of its own.

    An image with "backfleet" in its name has the entry point `backfleet`, any other none. Limits of
    CPU and memory are reported and not kept.
    """

    def start(self, attempt: Attempt) -> Task:
        entry = ENTRY_POINT if "backfleet" in attempt.image else ()
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        folder = Path(tempfile.mkdtemp(prefix="batch-job-"))
        try:
            process = subprocess.Popen(
                [*entry, *attempt.command],
                cwd=folder,
                env=kept | dict(attempt.environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            )
        except OSError as error:
            shutil.rmtree(folder)
            raise CannotStart(f"CannotStartContainerError: {error}", 127) from error
        return ProcessTask(process, folder)


class ProcessTask(Task):
    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._process = process
        self._folder = folder
        self._lines: list[str] = []
        self._lock = threading.Lock()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._lock:
                self._lines.append(line.rstrip("\n"))

    def lines(self) -> Sequence[str]:
        with self._lock:
            lines, self._lines = self._lines, []
        return lines

    def ended(self) -> Ended | None:
        code = self._process.poll()
        if code is None:
            return None
        # What its children still hold of its output ends with them, as in a container.
        self._signal(signal.SIGKILL)
        self._reader.join()
        return Ended(128 - code if code < 0 else code)

    def stop(self, grace: float) -> None:
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(grace)
        self.kill()

    def kill(self) -> None:
        self._signal(signal.SIGKILL)
        self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        """To the whole session: a container's processes end with its first."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)
