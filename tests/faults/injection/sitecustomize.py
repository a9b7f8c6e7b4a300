"""Ends or holds a worker at a named point of a commit.

Every Python process imports this file that has its folder on PYTHONPATH. It does nothing unless
FAULT is set: `kill:<point>:<n>` kills the process where it comes to the point the n-th time, and
`hold:<point>:<n>:<folder>` makes the file `held` in the folder there and waits for the file `go`.
The points are `before-` and `after-` followed by `blob`, `part` or `chunk`. A worker stores a part
after PART_SECONDS of work, if that is set.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path

MAX_BLOCK_SECONDS = 60.0
KINDS = ("blobs", "parts", "chunks")


def _install(fault: str) -> None:
    from backfleet.store.directory import DirectoryStore

    what, point, number, *folder = fault.split(":")
    put = DirectoryStore.put_if_absent
    passed: Counter[str] = Counter()

    def reach(name: str) -> None:
        passed[name] += 1
        if name != point or passed[name] != int(number):
            return
        if what == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        _hold(Path(folder[0]))

    def put_if_absent(self: DirectoryStore, key: str, content: bytes) -> bool:
        kind = key.partition("/")[0]
        if kind not in KINDS:
            return put(self, key, content)
        reach(f"before-{kind[:-1]}")
        absent = put(self, key, content)
        reach(f"after-{kind[:-1]}")
        return absent

    DirectoryStore.put_if_absent = put_if_absent  # type: ignore[method-assign]


def _hold(folder: Path) -> None:
    (folder / "held").touch()
    end = time.monotonic() + MAX_BLOCK_SECONDS
    while not (folder / "go").exists() and time.monotonic() < end:
        time.sleep(0.02)


if "FAULT" in os.environ:
    _install(os.environ["FAULT"])

if "PART_SECONDS" in os.environ and "worker" in sys.orig_argv:
    from backfleet.worker import chunk_writer

    chunk_writer.PART_SECONDS = float(os.environ["PART_SECONDS"])
