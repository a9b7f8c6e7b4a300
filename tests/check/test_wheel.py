"""A strategy's code is tried as workers elsewhere will find it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

Call = Callable[..., CompletedProcess[str]]

STRATEGY = """
import numpy as np
{more}
from backfleet import VectorStrategy


class Mine(VectorStrategy):
    def targets(self, bars):
        print("hello")
        {line}
        return np.where(bars.close > bars.open, 1.0, 0.0)
"""
PACKAGE = {"mine/__init__.py": "", "mine/level.py": "LEVEL = 1\n", "mine/level.txt": "1"}


@pytest.fixture
def wheel_of(
    backfleet: Call, installed: Callable[..., Mapping[str, str]], tmp_path: Path
) -> Callable[..., Any]:
    """What the check says of a package `mine` with such a strategy and such requirements."""

    def check(more: str = "", line: str = "pass", requires: str = "") -> Any:
        files = PACKAGE | {"mine/strategy.py": STRATEGY.format(more=more, line=line)}
        points = {"backfleet.strategies": {"mine": "mine.strategy:Mine"}}
        env = dict(installed("mine", files, points))
        metadata = tmp_path / "site" / "mine-1.0.dist-info" / "METADATA"
        metadata.write_text(metadata.read_text() + (requires and f"Requires-Dist: {requires}\n"))
        record = "".join(f"{name},,\n" for name in files)
        metadata.with_name("RECORD").write_text(record)
        done = backfleet("check", "mine", "--symbols", "600519", "--json", env=env)
        (found,) = (each for each in json.loads(done.stdout)["checks"] if each["check"] == "wheel")
        return found

    return check


def test_a_package_brings_its_modules_and_its_files(wheel_of: Callable[..., Any]) -> None:
    more = "from pathlib import Path\nfrom mine.level import LEVEL"
    line = "Path(__file__).with_name('level.txt').read_text()"
    assert wheel_of(more, line) == {
        "check": "wheel",
        "status": "passed",
        "message": "the same from a wheel of mine alone",
        "place": None,
    }


def test_what_is_imported_must_be_required(wheel_of: Callable[..., Any]) -> None:
    found = wheel_of("import hypothesis")
    assert found["status"] == "failed"
    assert "No module named 'hypothesis' (it is installed here" in found["message"]


def test_what_is_required_is_there(wheel_of: Callable[..., Any]) -> None:
    assert wheel_of("import hypothesis", requires="hypothesis>=6")["status"] == "passed"


def test_what_lies_in_the_current_folder_is_not_there(
    wheel_of: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "notes.py").write_text("")
    found = wheel_of("import notes")
    assert found["status"] == "failed"
    assert "No module named 'notes'" in found["message"]


def test_a_process_that_ends_itself_is_told(wheel_of: Callable[..., Any]) -> None:
    line = "os.getcwd().startswith(tempfile.gettempdir() + '/tmp') and os._exit(3)"
    found = wheel_of("import os, tempfile", line)
    assert found["status"] == "failed"
    assert "ended with exit code 3" in found["message"]
