"""Which of backfleet's modules count: those between reading bars and the finished row."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import backfleet as bf
from backfleet.code.own_code import (
    LAZY_PACKAGES,
    NO_NUMBERS,
    TASK_MODULES,
    _own_files,
    own_files,
)
from backfleet.plugins import list_plugins

OUTSIDE = (
    *("check", "cli", "code", "plugins", "report", "results", "runs", "scaffold", "serve"),
    *("store", "submissions", "testing", "validation"),
)

PLAN = """
import sys
from backfleet.job import Job
from backfleet.plan.plan import plan_job

data = {"source": "cn-daily", "path": sys.argv[1], "symbols": "600519"}
print(plan_job(Job(strategy="sma-crossover", params={"period": 5}, data=data)).manifest.run_id)
"""


def files_of(*kinds: str) -> set[str]:
    plugins = [plugin for kind in kinds for plugin in list_plugins(kind)]
    targets = [plugin.target.partition(":")[0] for plugin in plugins]
    return set(own_files([*TASK_MODULES, *targets]))


def test_what_people_see_and_what_starts_workers_does_not_count() -> None:
    counted = files_of("engine", "source")
    rooms = {path.split("/")[1].removesuffix(".py") for path in counted}
    assert {"bars", "engines", "metrics", "sources", "worker"} <= rooms
    assert not rooms & set(OUTSIDE)


def test_every_exception_is_reached_and_would_count_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("backfleet.code.own_code.NO_NUMBERS", frozenset())
    monkeypatch.setattr("backfleet.code.own_code._imported_modules", uncached_imports)
    monkeypatch.setattr("backfleet.code.own_code._own_files", _own_files.__wrapped__)
    reached = {path.removesuffix(".py").removesuffix("/__init__") for path in files_of("engine")}
    for module in NO_NUMBERS - LAZY_PACKAGES:
        path = module.replace(".", "/")
        assert any(file == path or file.startswith(f"{path}/") for file in reached), module


def uncached_imports(module: str) -> frozenset[str]:
    from backfleet.code import own_code

    names = own_code._imports(module).names
    return frozenset(module for name in names for module in own_code._modules(name))


def test_a_component_covers_what_it_imports_from_backfleet_and_no_other_component() -> None:
    vector = set(own_files(["backfleet.engines.vector.engine"]))
    csv = set(own_files(["backfleet.sources.csv"]))
    assert "backfleet/engines/vector/simulate.py" in vector
    assert not any(path.startswith("backfleet/engines/fast/") for path in vector)
    assert "backfleet/sources/csv_file.py" in csv
    assert "backfleet/sources/cn_daily.py" not in csv


def test_a_name_that_backfleet_exports_lazily_leads_to_its_module() -> None:
    assert "backfleet/engines/fast/cerebro.py" in own_files(["backfleet.Cerebro"])
    assert set(own_files(["backfleet.Bars"])) == set(own_files(["backfleet.bars"]))


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of backfleet's source."""
    folder = tmp_path_factory.mktemp("checkout") / "backfleet"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(bf.__file__).parent, folder, ignore=ignored)
    return folder


@pytest.fixture
def plan(checkout: Path, sample_data: Path) -> Callable[[], str]:
    """The id of a run that the copy plans."""

    def plan() -> str:
        command = [sys.executable, "-c", PLAN, str(sample_data)]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONPATH": str(checkout.parent), "HOME": str(checkout)},
        )
        return done.stdout.strip()

    return plan


def test_edits_of_pages_style_sheets_and_commands_leave_the_id_and_edits_of_engines_do_not(
    checkout: Path, plan: Callable[[], str]
) -> None:
    before = plan()
    style = next(checkout.rglob("*.css"))
    template = next((checkout / "report").rglob("*.html"))
    comments = {style: "/* x */", template: "<!-- x -->"}
    modules = ("cli/run.py", "report/sweep_page.py", "serve/app.py", "runs/run.py", "errors.py")
    for file in (style, template, *(checkout / name for name in modules)):
        file.write_text(file.read_text() + comments.get(file, "# x\n"))
    (checkout / "scratch.py").write_text("")
    assert plan() == before
    ids = {before}
    for name in ("bars.py", "engines/vector/simulate.py", "indicators/averages.py"):
        file = checkout / name
        file.write_text(file.read_text() + "# x\n")
        ids.add(plan())
    assert len(ids) == 4
