"""The output that tasks printed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from backfleet.plan.manifest import Manifest
from backfleet.store import Store

__all__ = ["follow_logs", "read_logs"]

PAUSE_SECONDS = 0.5
"""Seconds between two looks for what has come."""


def read_logs(store: Store, manifest: Manifest, task: int | None) -> Iterator[str]:
    """Yield the output of all tasks, or of one task, line by line; the newest generation last."""
    return _fresh(store, _prefix(manifest, task), task, set())


def follow_logs(
    store: Store, manifest: Manifest, task: int | None, ended: Callable[[], bool]
) -> Iterator[str]:
    """Yield what `read_logs` yields, and then the output of new chunks until the run has ended."""
    seen: set[str] = set()
    while True:
        # Asked first: what came before the end is read once more after it.
        is_last = ended()
        yield from _fresh(store, _prefix(manifest, task), task, seen)
        if is_last:
            return
        time.sleep(PAUSE_SECONDS)


def _prefix(manifest: Manifest, task: int | None) -> str:
    return "logs/" if task is None else f"logs/{manifest.chunks.chunk_of(task):06}."


def _fresh(store: Store, prefix: str, task: int | None, seen: set[str]) -> Iterator[str]:
    """Yield the lines of the logs that are not in `seen`, and add the keys of these logs to it."""
    for entry in store.list(prefix):
        if entry.key not in seen:
            seen.add(entry.key)
            text = store.read(entry.key).decode("utf-8", "replace")
            lines = text.rstrip("\n").split("\n")
            yield from lines if task is None else _of_task(lines, task)


def _of_task(lines: list[str], task: int) -> Iterator[str]:
    # The output of a chunk is one text. Before that of each task stands a line such as
    # "== task 3: 600519, period=20 ==".
    mine = False
    for line in lines:
        if line.startswith("== task ") and line.endswith(" =="):
            mine = line.startswith(f"== task {task}: ")
        elif mine:
            yield line
