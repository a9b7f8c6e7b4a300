"""A run imports no library that it does not need: short runs would mostly consist of imports."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import backfleet as bf

HOOK = """
import os
import sys


class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "pandas":
            with open(os.environ["IMPORTED"], "a") as file:
                file.write(f"{sys.argv}\\n")


sys.meta_path.insert(0, Finder())
"""


def test_no_process_of_a_vector_run_imports_pandas(sample_job: Path, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(HOOK)
    imported = tmp_path / "imported"
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "site"), "IMPORTED": str(imported)}
    command = [sys.executable, "-m", "backfleet", "run", sample_job, "--set", "params.period=15"]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    (run,) = (tmp_path / "runs").glob("[0-9a-f]*")
    assert bf.open_run(run).summary().succeeded
    assert not imported.exists(), imported.read_text()
