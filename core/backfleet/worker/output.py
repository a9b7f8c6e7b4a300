"""Output of tasks: caught in a file of the child, cut to a limit, and handed over task by task."""

from __future__ import annotations

import io
import os
import sys
from typing import TextIO

__all__ = ["MAX_TASK_OUTPUT_BYTES", "CappedWriter", "TaskOutput"]

MAX_TASK_OUTPUT_BYTES = 64 * 1024
"""Bytes kept of what one task prints."""

CUT = "\n[output cut here]\n"


class CappedWriter(io.TextIOBase):
    """A text stream that drops what exceeds a number of characters between two resets."""

    def __init__(self, target: TextIO, limit: int = MAX_TASK_OUTPUT_BYTES) -> None:
        self._target = target
        self._limit = limit
        self._written = 0

    def write(self, text: str) -> int:
        before = self._written
        self._written += len(text)
        if before <= self._limit:
            self._target.write(text[: self._limit - before])
            if self._written > self._limit:
                self._target.write(CUT)
        return len(text)

    def writable(self) -> bool:
        return True

    def flush(self) -> None:
        self._target.flush()

    def fileno(self) -> int:
        return self._target.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"

    def reset(self) -> None:
        """Reset the count."""
        self._written = 0


class TaskOutput:
    """Takes over this process's standard output and error."""

    def __init__(self, path: str) -> None:
        # Appending: after `take` has emptied the file, every writer begins at its start again.
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        # The descriptors, because compiled code and other programs do not write to `sys.stdout`.
        for stream in (1, 2):
            os.dup2(self._fd, stream)
        target = os.fdopen(os.dup(self._fd), "w", encoding="utf-8", errors="replace", buffering=1)
        self._writer = CappedWriter(target)
        sys.stdout = self._writer
        sys.stderr = self._writer

    def take(self) -> str:
        """Return the output since the last call."""
        self._writer.flush()
        self._writer.reset()
        if not os.fstat(self._fd).st_size:
            return ""
        text = read_output(self._fd)
        os.ftruncate(self._fd, 0)
        return text


def read_output(fd: int) -> str:
    """The text of an output file, cut to `MAX_TASK_OUTPUT_BYTES`."""
    content = os.pread(fd, MAX_TASK_OUTPUT_BYTES + 1, 0)
    text = content[:MAX_TASK_OUTPUT_BYTES].decode("utf-8", "replace")
    return text if len(content) <= MAX_TASK_OUTPUT_BYTES else text + CUT
