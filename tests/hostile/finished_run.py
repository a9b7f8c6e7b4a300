"""A folder with the job of `hostile.tiny` and its finished run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from hostile.tiny import write_tiny

__all__ = ["JOB", "finished_run", "run_of"]

JOB = """
strategy = "mine.py:Quiet"
params.a = [1, 2, 3]
params.b = [0.5, 1.5]
params.d = ["x", "y"]
data.source = "csv"
data.path = "data"
data.symbols = "AAA"
sweep.where = """


def finished_run(folder: Path) -> Path:
    """Write the files of `hostile.tiny` and `job.toml`, run the job, and return the folder."""
    write_tiny(folder)
    (folder / "job.toml").write_text(JOB + '"true"')
    command = [sys.executable, "-m", "backfleet", "run", "job.toml", "-o", "workers=1"]
    # The run records where its workers' logs are, and commands read them.
    environment = os.environ | {"XDG_STATE_HOME": str(folder / "state")}
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    return folder


def run_of(folder: Path) -> str:
    """Return the id of the folder's only run."""
    (manifest,) = folder.glob("runs/*/manifest.json")
    return manifest.parent.name
