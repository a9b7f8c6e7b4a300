"""A new package is whole, installs with pip, passes its tests and runs a sweep."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from backfleet.errors import UserError
from backfleet.scaffold.package_name import PackageName
from backfleet.scaffold.strategy_package import make_strategy_package


def test_nothing_is_left_where_it_cannot_be_written(tmp_path: Path) -> None:
    name = PackageName.of("my-factor")
    (tmp_path / "my-factor").write_text("mine")
    with pytest.raises(UserError, match=r"my-factor already exists"):
        make_strategy_package(name, "vector", tmp_path)
    with pytest.raises(UserError, match="cannot be written: No such file"):
        make_strategy_package(name, "vector", tmp_path / "nowhere")
    assert [path.name for path in tmp_path.iterdir()] == ["my-factor"]
    assert (tmp_path / "my-factor").read_text() == "mine"


@pytest.mark.parametrize("kind", ["vector", "backtrader"])
def test_no_placeholder_is_left(kind: str, tmp_path: Path) -> None:
    folder = make_strategy_package(PackageName.of("my-factor"), kind, tmp_path)
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) == 10
    for file in files:
        assert "$" not in file.read_text(), file
        assert "MODULE" not in file.name
    for file in folder.rglob("*.py"):
        compile(file.read_text(), str(file), "exec")


@pytest.mark.testbed
@pytest.mark.parametrize("kind", ["vector", "backtrader"])
def test_it_installs_passes_its_tests_and_runs_a_sweep(
    kind: str, tmp_path: Path, fresh_python: Path, pip_install: Callable[..., None]
) -> None:
    folder = make_strategy_package(PackageName.of("my-factor"), kind, tmp_path)
    pip_install(folder)

    def call(*arguments: str) -> str:
        done = subprocess.run(
            [fresh_python, "-m", *arguments],
            cwd=folder,
            env=os.environ | {"PYTEST_ADDOPTS": ""},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert "9 passed" in call("pytest", "-q", "-W", "error")
    checked = json.loads(call("backfleet", "check", "my-factor", "--json"))
    assert checked["passed"]
    summary = json.loads(call("backfleet", "run", "sweep.toml", "--json"))
    assert (summary["tasks"], summary["error"], summary["missing"]) == (36, 0, 0)
