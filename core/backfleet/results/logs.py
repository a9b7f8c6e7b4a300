"""What tasks printed."""

from __future__ import annotations

from collections.abc import Iterator

from backfleet.plan.manifest import Manifest
from backfleet.store import Store

__all__ = ["read_logs"]


def read_logs(store: Store, manifest: Manifest, task: int | None) -> Iterator[str]:
    """The lines of all tasks that printed something, or of one task; the newest generation last."""
    prefix = "logs/"
    if task is not None:
        prefix = f"logs/{manifest.chunks.chunk_of(task):06}."
    for entry in store.list(prefix):
        lines = store.read(entry.key).decode("utf-8", "replace").rstrip("\n").split("\n")
        yield from lines if task is None else _of_task(lines, task)


def _of_task(lines: list[str], task: int) -> Iterator[str]:
    mine = False
    for line in lines:
        if line.startswith("== task ") and line.endswith(" =="):
            mine = line == f"== task {task} =="
        elif mine:
            yield line
