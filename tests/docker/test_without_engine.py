"""What is refused before a Docker engine is asked, or because none answers."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Call = Callable[..., subprocess.CompletedProcess[str]]


def test_an_engine_that_does_not_run_is_named_with_the_mend(
    backfleet: Call, sample_job: Path, tmp_path: Path
) -> None:
    host = f"unix://{tmp_path}/none.sock"
    done = backfleet("run", sample_job, "--executor", "docker", env={"DOCKER_HOST": host})
    assert done.returncode == 2
    assert f"no Docker engine answers at {host}" in done.stderr
    assert "systemctl start docker" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("workers=0", "workers = '0'"),
        ("scratch=lots", "scratch = 'lots': "),
        ("imgae=x", "did you mean 'image'?"),
        ("pids=1", "pids = '1'"),
    ],
)
def test_settings_that_cannot_be_are_refused(
    backfleet: Call,
    sample_job: Path,
    option: str,
    words: str,
) -> None:
    done = backfleet("run", sample_job, "--executor", "docker", "-o", option)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_the_sdk_that_is_missing_is_named_with_the_mend(
    backfleet: Call, sample_job: Path, tmp_path: Path
) -> None:
    (tmp_path / "hiding").mkdir()
    (tmp_path / "hiding" / "docker.py").write_text("raise ImportError('No module named docker')\n")
    paths = [str(tmp_path / "hiding"), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = backfleet(
        "run", sample_job, "--executor", "docker", env={"PYTHONPATH": os.pathsep.join(paths)}
    )
    assert done.returncode == 2
    assert "pip install -e '.[docker]'" in done.stderr
