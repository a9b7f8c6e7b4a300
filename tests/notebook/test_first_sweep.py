"""The notebook that comes along runs from its first cell to its last, and shows what it should."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.testbed

EXAMPLES = Path(__file__).parent.parent.parent / "examples"


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The notebook, executed in a copy of its folder."""
    folder = tmp_path_factory.mktemp("examples")
    shutil.copytree(EXAMPLES / "data", folder / "data")
    shutil.copytree(EXAMPLES / "notebooks", folder / "notebooks")
    file = folder / "notebooks" / "first-sweep.ipynb"
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("execute.py"), file],
        env=os.environ | {"IPYTHONDIR": str(folder / "ipython")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return file


def outputs_of(file: Path, line: str) -> list[dict[str, Any]]:
    """What the cell with this line left."""
    cells = json.loads(file.read_text())["cells"]
    (cell,) = (candidate for candidate in cells if line in "".join(candidate["source"]))
    outputs: list[dict[str, Any]] = cell["outputs"]
    return outputs


def html_of(output: dict[str, Any]) -> str:
    return "".join(output["data"]["text/html"])


def test_a_job_shows_what_is_set(executed: Path) -> None:
    (output,) = outputs_of(executed, "job = bf.Job(")
    assert "params.fast" in html_of(output)
    assert "dual-moving-average" in html_of(output)


def test_progress_is_one_display_that_ends_complete(executed: Path) -> None:
    progress, shown = outputs_of(executed, "run = bf.run(job")
    assert "48 of 48 tasks" in html_of(progress)
    assert "<progress" in html_of(progress)
    assert "48 of 48 tasks" in html_of(shown)
    assert "total_return" in html_of(shown)


def test_queries_give_tables(executed: Path) -> None:
    (output,) = outputs_of(executed, "arg_max")
    assert {"600519", "600559", "600560"} <= set(html_of(output).replace("<", ">").split(">"))


@pytest.mark.parametrize("line", ["bf.plot(run)", "bf.plot(run, best)"])
def test_figures_are_plotly_s_and_stay_in_exported_notebooks(executed: Path, line: str) -> None:
    (output,) = outputs_of(executed, line)
    assert "application/vnd.plotly.v1+json" in output["data"]
    assert "Plotly.newPlot" in html_of(output)


def test_the_report_is_written(executed: Path) -> None:
    assert executed.with_name("first-sweep.html").stat().st_size > 100_000


def test_the_notebook_is_kept_without_outputs_and_paths() -> None:
    """So that its differences are those of its text."""
    cells = json.loads((EXAMPLES / "notebooks" / "first-sweep.ipynb").read_text())["cells"]
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)
