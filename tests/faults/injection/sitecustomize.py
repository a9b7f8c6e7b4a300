"""Ends or holds a worker at a named point of a commit.

Every Python process imports this file that has its folder on PYTHONPATH. It does nothing unless
FAULT is set: `kill:<point>:<n>` kills the process where it comes to the point the n-th time, and
`hold:<point>:<n>:<folder>` makes the file `held` in the folder there and waits for the file `go`.
The points are `before-blob`, `before-chunk` (between blob and chunk) and `after-chunk`.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from pathlib import Path

LONGEST = 60.0


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
        if kind in ("blobs", "chunks"):
            reach(f"before-{kind[:-1]}")
        absent = put(self, key, content)
        if kind == "chunks":
            reach("after-chunk")
        return absent

    DirectoryStore.put_if_absent = put_if_absent  # type: ignore[method-assign]


def _hold(folder: Path) -> None:
    (folder / "held").touch()
    end = time.monotonic() + LONGEST
    while not (folder / "go").exists() and time.monotonic() < end:
        time.sleep(0.02)


if "FAULT" in os.environ:
    _install(os.environ["FAULT"])
