"""The pinned environment reaches the processes in which tasks run."""

from __future__ import annotations

import os
import subprocess
import sys

from backfleet.runs.run import Run


def test_tasks_run_with_the_pinned_processor_threads_hash_and_zone(probed: Run) -> None:
    rows = probed.results()
    seen = {name: set(rows[name]) for name in rows}
    command = [sys.executable, "-c", "print(hash('backfleet'))"]
    environment = os.environ | {"PYTHONHASHSEED": "0"}
    expected = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)

    assert set(rows["status"]) == {"suspicious"}, "it makes no orders"
    assert seen["hash"] == {expected.stdout.strip()}
    assert seen["zone"] == {"UTC"}
    assert seen["blas_threads"] == {1}
    assert seen["blas_core"] == {"Haswell"}
    assert seen["numpy_beyond_avx2"] == {""}
    assert seen["numpy_avx2"] == {1}
    assert seen["numba"] == {"x86-64-v3"}
