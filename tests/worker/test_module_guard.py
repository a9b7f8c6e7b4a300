"""Code that a task loads and that no import shows makes the task an error that names it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import backfleet as bf
from backfleet.chunks.task_result import is_retryable
from backfleet.errors import JobError
from backfleet.plan.plan import plan_job

STRATEGY = """
import importlib
import backtrader as bt
{imports}

class Mine(bt.Strategy):
    params = (("level", 1),)

    def __init__(self):
        {load}
        self.metrics = {{"level_of_late": float(late.LEVEL)}}
"""
LATE = 'late = importlib.import_module("_".join(["late", "module"]))'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with data, and room for a strategy."""
    lines = [f"2024-01-{day:02},10,12,8,{9 + day % 3},100" for day in range(1, 21)]
    (tmp_path / "AAA.csv").write_text("date,open,high,low,close,volume\n" + "\n".join(lines))
    (tmp_path / "mine").mkdir()
    return tmp_path


def write(folder: Path, load: str = LATE, imports: str = "", **files: str) -> None:
    texts = {"mine": STRATEGY.format(load=load, imports=imports), **files}
    for name, text in texts.items():
        (folder / "mine" / f"{name}.py").write_text(text)


def job(folder: Path, **values: Any) -> bf.Job:
    settings: Mapping[str, Any] = {
        "strategy": f"{folder / 'mine' / 'mine.py'}:Mine",
        "params": {"level": [1, 2]},
        "data": {"source": "csv", "path": str(folder), "symbols": ["AAA"]},
        "results": {"store": str(folder / "runs"), "detail": "summary"},
        **values,
    }
    return bf.Job.model_validate(settings)


def errors(job: bf.Job) -> list[str]:
    run = bf.run(job, options=["workers=1"], progress=None)
    return [error for error in run.results()["error"] if isinstance(error, str)]


def test_a_module_that_no_import_shows_makes_every_row_an_error_that_names_it(
    folder: Path,
) -> None:
    write(folder, late_module="import near\nLEVEL = near.LEVEL", near="LEVEL = 3")
    failures = errors(job(folder))
    assert len(failures) == 2
    for error in failures:
        assert error.startswith("UndeclaredModule: the task loaded 'late_module', which no import")
        assert error.endswith('declare it in the job: modules = ["late_module"]')
        assert not is_retryable(error)


def test_a_declared_module_is_part_of_the_run(folder: Path) -> None:
    write(folder, late_module="import near\nLEVEL = near.LEVEL", near="LEVEL = 3")
    declaring = job(folder, modules=["late_module"])
    assert errors(declaring) == []
    ids = [plan_job(declaring).manifest.run_id]
    for name in ("late_module", "near"):
        file = folder / "mine" / f"{name}.py"
        file.write_text(file.read_text() + "\n# edited")
        ids.append(plan_job(declaring).manifest.run_id)
    assert len(set(ids)) == 3


def test_an_import_by_a_literal_name_and_a_library_need_no_declaration(folder: Path) -> None:
    load = 'late = importlib.import_module("late_module"); import pandas, scipy.linalg'
    write(folder, load, late_module="LEVEL = 3")
    assert errors(job(folder)) == []


def test_a_module_that_is_imported_from_another_file_than_was_hashed_is_an_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("planned", "other"):
        (folder / place).mkdir()
        (folder / place / "shadowed_lib.py").write_text("LEVEL = 3")
    load = f"import sys; sys.path.insert(0, {str(folder / 'other')!r}); import shadowed_lib as late"
    write(folder, load)
    monkeypatch.syspath_prepend(str(folder / "planned"))
    monkeypatch.setenv("PYTHONPATH", str(folder / "planned"), os.pathsep)
    (error, _) = errors(job(folder))
    assert "module 'shadowed_lib' was loaded from another file than the one" in error


@pytest.mark.parametrize("name", ["never_there", "sys", "late_module.deeper"])
def test_a_declared_module_that_is_not_there_is_refused(folder: Path, name: str) -> None:
    write(folder, late_module="")
    with pytest.raises(JobError, match=rf"^modules: there is no module '{name}' here"):
        plan_job(job(folder, modules=[name]))
