"""The generated parts of the docs are what the code says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {"job-file.md": "`task_timeout`", "data-import.md": "### yahoo\n"}


def test_generated_tables_and_presets_are_up_to_date(tmp_path: Path) -> None:
    for name in ("generate.py", *PAGES):
        (tmp_path / name).write_text((DOCS / name).read_text())
    subprocess.run([sys.executable, tmp_path / "generate.py"], check=True)
    for name, part in PAGES.items():
        generated = (tmp_path / name).read_text()
        assert generated == (DOCS / name).read_text(), "run python docs/generate.py"
        assert part in generated
