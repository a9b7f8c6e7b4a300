"""Garbage of earlier tasks goes before the next one; live objects cost no collection."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import gc
import weakref
from backfleet.worker.gc_control import collect_between_tasks, defer_collection

class Node:
    def __init__(self):
        self.itself = self

defer_collection()
assert gc.get_freeze_count() > 0
nodes = [Node() for _ in range(5_000)]
last = weakref.ref(nodes[-1])
del nodes
assert last() is not None, "collected during the task"
collect_between_tasks()
assert last() is None, "not collected before the next task"
"""


def test_garbage_of_a_task_is_collected_before_the_next_one_and_not_during_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
