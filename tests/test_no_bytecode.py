"""An edit that keeps a file's size and time of change takes effect, whatever bytecode there is."""

from __future__ import annotations

import json
import os
import py_compile
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.machinery import SourceFileLoader
from pathlib import Path

import pytest

from backfleet.no_bytecode import SourceLoader, bytecode_disabled

Cli = Callable[..., subprocess.CompletedProcess[str]]

STRATEGY = """
import backtrader as bt
import trap_levels

class Mine(bt.Strategy):
    params = (("level", 1),)

    def __init__(self):
        import trap_late
        self.metrics = {"here": 1, "beside": trap_levels.LEVEL, "late": trap_late.LEVEL}
"""
HOOKS = """
from backfleet import hookimpl

@hookimpl
def backfleet_metrics(params, outcome):
    return {"hooked": 1}
"""
FILES = {
    "trap_mine.py": STRATEGY,
    "trap_levels.py": "LEVEL = 1\n",
    "trap_late.py": "LEVEL = 1\n",
    "trap_hooks.py": HOOKS,
}


def edit(file: Path) -> None:
    """Compile a file as Python does when it imports it, and then change what it says."""
    py_compile.compile(str(file), doraise=True)
    before = file.stat()
    for old, new in (('"here": 1', '"here": 2'), ("1),)", "2),)"), ("LEVEL = 1", "LEVEL = 2")):
        file.write_text(file.read_text().replace(old, new))
    file.write_text(file.read_text().replace('"hooked": 1', '"hooked": 2'))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file.stat().st_size == before.st_size


@pytest.fixture
def edited(installed: Callable[..., dict[str, str]], tmp_path: Path) -> Mapping[str, str]:
    """The environment in which the edited modules are found, which plain Python runs as they
    were."""
    env = installed("trap", FILES, {"backfleet": {"trap": "trap_hooks"}})
    for name in FILES:
        edit(tmp_path / "site" / name)
    code = "import trap_levels; print(trap_levels.LEVEL)"
    stale = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | env, capture_output=True, text=True
    )
    assert stale.stdout == "1\n"
    return env


@pytest.mark.parametrize("strategy", ["site/trap_mine.py:Mine", "trap_mine:Mine"])
def test_a_run_uses_code_as_it_stands(
    backfleet: Cli, sample_job: Path, edited: Mapping[str, str], strategy: str
) -> None:
    sets = [f"strategy='{strategy}'", "params={}", "plugins=['trap']", "data.end=2019-02-01"]
    arguments = [part for setting in sets for part in ("--set", setting)]
    done = backfleet("run", sample_job, "--symbols", "600519", *arguments, "--json", env=edited)
    assert done.returncode == 0, done.stderr
    store = json.loads(done.stdout)["store"]
    (row,) = json.loads(backfleet("results", store, "--format", "json").stdout)
    names = ("level", "here", "beside", "late", "hooked")
    assert {name: row[name] for name in names} == dict.fromkeys(names, 2)


def test_only_what_may_be_edited_is_compiled_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "trap_plain.py").write_text("")
    before = list(sys.meta_path)
    with bytecode_disabled():
        names = ("trap_plain", "colorsys", "dateutil.easter")
        loaders = [type(import_module(name).__loader__) for name in names]
        with bytecode_disabled():
            pass
        assert sys.meta_path != before
    assert sys.meta_path == before
    assert loaders == [SourceLoader, SourceFileLoader, SourceFileLoader]
    assert not list(tmp_path.glob("__pycache__/trap_plain*"))
