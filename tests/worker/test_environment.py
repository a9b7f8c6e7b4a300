"""The pinned environment reaches the processes in which tasks run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

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


SHARED = """
import sys
from backfleet.worker.environment import pin_environment
from backfleet.worker.shared_imports import import_shared_modules
pin_environment()
import_shared_modules()
print("pydantic" in sys.modules, "noisy" in sys.modules)
"""


def test_a_worker_imports_no_plugin_of_pydantic(installed: Callable[..., dict[str, str]]) -> None:
    environment = os.environ | installed(
        "noisy", {"noisy.py": "plugin = None"}, {"pydantic": {"noisy": "noisy:plugin"}}
    )
    command = [sys.executable, "-P", "-c", SHARED]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]
