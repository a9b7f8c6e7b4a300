"""From an idea to a sweep: machine time of `new`, an install, an edit, tests, `check` and `run`.

Limit: 60 s for all of it, with every cache empty, so that compiling is in it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from measure import Comparison, Reading, compare, run_process, workspace

EDITS = {"period: int = 20": "period: int = 30", '("period", 20)': '("period", 30)'}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--repetitions", type=int, default=1)
    repetitions = arguments.parse_args().repetitions
    for kind in ("vector", "backtrader"):
        totals = []
        for _ in range(repetitions):
            with workspace() as folder:
                steps = dict(_steps(folder, kind))
            for step, reading in steps.items():
                print(
                    f"  {kind:<12}{step:<10}{reading.wall:>8.2f} s clock{reading.cpu:>8.2f} s CPU"
                )
            walls, cpus = zip(*((step.wall, step.cpu) for step in steps.values()), strict=True)
            totals.append(Reading(sum(walls), sum(cpus)))
        compare(Comparison(f"From 'new' to a sweep, {kind}", "s", 1.0, 60.0), totals)


def _steps(folder: Path, kind: str) -> Iterator[tuple[str, Reading]]:
    python = _environment(folder / "environment")
    command = [python, "-m", "backfleet"]
    yield "new", run_process([*command, "new", "strategy", "my-factor", "--kind", kind])
    os.chdir("my-factor")
    install = "--quiet --disable-pip-version-check --no-index --no-deps --no-build-isolation"
    yield "install", run_process([python, "-m", "pip", "install", *install.split(), "-e", "."])
    _edit(Path("src/my_factor/strategy.py"))
    yield "tests", run_process([python, "-m", "pytest", "-q"])
    yield "check", run_process([*command, "check", "my-factor"])
    yield "sweep", run_process([*command, "run", "sweep.toml", "--json"])


def _environment(folder: Path) -> str:
    """A virtual environment of its own, which sees the packages of this one; it is not timed."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    above = [path for path in sys.path if path.endswith("-packages")]
    lines = [f"import site; site.addsitedir({path!r})\n" for path in above]
    (site / "above.pth").write_text("".join(lines))
    return str(folder / "bin" / "python")


def _edit(strategy: Path) -> None:
    text = changed = strategy.read_text()
    for old, new in EDITS.items():
        changed = changed.replace(old, new)
    assert changed != text
    strategy.write_text(changed)


if __name__ == "__main__":
    main()
