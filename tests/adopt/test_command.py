"""`backfleet adopt` on the command line: scripts run in processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from adopt.scripts import SCRIPTS


def adopt(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "backfleet", "adopt", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_arguments_go_to_the_script_and_the_job_runs_on_workers(workplace: Path) -> None:
    Path("cross.py").write_text(SCRIPTS["main guard and argparse"])
    done = adopt("cross.py", "--fast", "3", "-o", "job", "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["equal"]
    assert answer["points"][0]["script"] == answer["points"][0]["job"]
    assert "fast = 3" in Path("job", "job.toml").read_text()
    assert sorted(path.name for path in Path("job").iterdir()) == [
        "data", "job.toml", "strategy.py",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("name = input('Which stock? ')\n", "it asks for input"),
        ("import os\nos.kill(os.getpid(), 11)\n", "it was ended by signal 11"),
        ("def f():\n    return 1 / 0\nf()\n", "ZeroDivisionError: division by zero (line 2)"),
        ("print(1\n", "was never closed (line 1)"),
    ],
)
def test_script_that_cannot_run_here_is_refused(workplace: Path, text: str, reason: str) -> None:
    Path("script.py").write_text(text)
    done = adopt("script.py", "-o", "job")
    assert done.returncode == 2
    assert reason in done.stderr
    assert not Path("job").exists()


def test_script_that_never_ends_is_stopped_with_its_processes(workplace: Path) -> None:
    Path("loops.py").write_text(
        "import os, pathlib, time\n"
        "child = os.fork()\n"
        "if child:\n"
        "    pathlib.Path('child').write_text(str(child))\n"
        "time.sleep(1000)\n"
    )
    # On a busy machine the script has not begun when its time is up.
    for timeout in ("2", "8", "32"):
        done = adopt("loops.py", "-o", "job", "--timeout", timeout)
        assert done.returncode == 2
        assert f"still running after {timeout} seconds" in done.stderr
        if Path("child").is_file():
            break
    process = Path("/proc", Path("child").read_text())
    assert not process.exists() or "State:\tZ" in (process / "status").read_text()
    assert not Path("job").exists()
