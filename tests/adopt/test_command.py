"""`backfleet adopt` on the command line: scripts run in processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

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


def test_script_that_asks_for_input_is_refused(workplace: Path) -> None:
    Path("asks.py").write_text("import backtrader as bt\nname = input('Which stock? ')\n")
    done = adopt("asks.py", "-o", "job")
    assert done.returncode == 2
    assert "it asks for input" in done.stderr
    assert not Path("job").exists()


def test_script_that_never_ends_is_stopped(workplace: Path) -> None:
    Path("loops.py").write_text("while True:\n    pass\n")
    done = adopt("loops.py", "-o", "job", "--timeout", "0.5")
    assert done.returncode == 2
    assert "still running after 0.5 seconds" in done.stderr
    assert not Path("job").exists()
