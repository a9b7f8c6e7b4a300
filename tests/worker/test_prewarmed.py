"""Processes that import what they need before their work is known."""

from __future__ import annotations

import subprocess
import sys

LIGHT = """
import sys
import backfleet.worker.builders, backfleet.worker.child, backfleet.worker.task
assert not {"pyarrow", "numba", "pandas", "numpy.random"} & set(sys.modules)
import backfleet.plan.plan, backfleet.worker.worker
assert "pyarrow" in sys.modules and "pyarrow.compute" not in sys.modules
"""


def test_a_child_and_its_worker_import_no_library_that_most_tasks_do_without() -> None:
    subprocess.run([sys.executable, "-c", LIGHT], check=True, stderr=subprocess.STDOUT)
