"""The job file's reference is what the model says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_table_of_keys_is_the_models(tmp_path: Path) -> None:
    for name in ("generate.py", "job-file.md"):
        (tmp_path / name).write_text((DOCS / name).read_text())
    subprocess.run([sys.executable, tmp_path / "generate.py"], check=True)
    made = (tmp_path / "job-file.md").read_text()
    assert made == (DOCS / "job-file.md").read_text(), (
        "python docs/generate.py brings it up to date"
    )
    assert "`task_timeout`" in made
