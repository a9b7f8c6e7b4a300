"""The notebook that comes along, with two of its lines changed, runs on AWS Batch."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from testbed.aws.deployment import AwsServer

pytestmark = pytest.mark.testbed

ROOT = Path(__file__).parent.parent.parent
EXECUTE = ROOT / "tests" / "notebook" / "execute.py"


def with_two_lines_changed(notebook: str, store: str) -> str:
    changed = notebook.replace('\\"store\\": \\"runs\\"', f'\\"store\\": \\"{store}\\"')
    changed = changed.replace('executor=\\"local\\"', 'executor=\\"aws-batch\\"')
    pairs = zip(notebook.splitlines(), changed.splitlines(), strict=True)
    assert sum(old != new for old, new in pairs) == 2
    return changed


def test_the_notebook_runs_on_aws_batch_with_two_lines_changed(
    tmp_path: Path, aws_server: AwsServer
) -> None:
    shutil.copytree(ROOT / "examples" / "data", tmp_path / "data")
    folder = tmp_path / "notebooks"
    folder.mkdir()
    (folder / "backfleet.toml").write_text(aws_server.settings_file(aws_server.known_image()))
    text = (ROOT / "examples" / "notebooks" / "first-sweep.ipynb").read_text()
    file = folder / "first-sweep.ipynb"
    file.write_text(with_two_lines_changed(text, f"s3://{aws_server.bucket}/runs"))
    done = subprocess.run(
        [sys.executable, EXECUTE, file],
        env=os.environ | {"IPYTHONDIR": str(tmp_path / "ipython")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "48 of 48 tasks" in file.read_text()
    assert f"s3://{aws_server.bucket}/runs/" in file.read_text()
    assert (folder / "first-sweep.html").stat().st_size > 100_000
