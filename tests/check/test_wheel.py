"""A strategy's code is tried as workers elsewhere will find it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from backfleet import Bars
from backfleet.check import CheckCase, CheckResult, Status
from backfleet.check.wheel import check_wheel
from backfleet.strategy import load_strategy
from backfleet.strategy_reference import StrategyReference

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


Check = Callable[..., CheckResult]


@pytest.fixture
def wheel_of(
    installed: Callable[..., Mapping[str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    rising_bars: Bars,
) -> Check:
    """What the check says of a package `mine` with such a strategy and such requirements."""

    def check(more: str = "", line: str = "pass", requires: str = "") -> CheckResult:
        files = PACKAGE | {"mine/strategy.py": STRATEGY.format(more=more, line=line)}
        points = {"backfleet.strategies": {"mine": "mine.strategy:Mine"}}
        monkeypatch.setenv("PYTHONPATH", installed("mine", files, points)["PYTHONPATH"])
        metadata = tmp_path / "site" / "mine-1.0.dist-info" / "METADATA"
        metadata.write_text(metadata.read_text() + (requires and f"Requires-Dist: {requires}\n"))
        metadata.with_name("RECORD").write_text("".join(f"{name},,\n" for name in files))
        for folder in (tmp_path, tmp_path / "site"):
            monkeypatch.syspath_prepend(str(folder))
        for module in [name for name in sys.modules if name.partition(".")[0] == "mine"]:
            monkeypatch.delitem(sys.modules, module)
        strategy = StrategyReference("mine.strategy:Mine")
        return check_wheel([CheckCase(load_strategy(strategy), (rising_bars,))], strategy)

    return check


def test_a_package_brings_its_modules_and_files_and_what_it_requires_is_there(
    wheel_of: Check,
) -> None:
    more = "from pathlib import Path\nimport hypothesis\nfrom mine.level import LEVEL"
    line = "Path(__file__).with_name('level.txt').read_text()"
    result = wheel_of(more, line, requires="hypothesis>=6")
    assert result.status is Status.PASSED
    assert result.message == "the same from a wheel of mine alone"


def test_what_is_imported_must_be_required(wheel_of: Check) -> None:
    result = wheel_of("import hypothesis")
    assert result.status is Status.FAILED
    assert "No module named 'hypothesis' (it is installed here" in result.message


def test_what_lies_in_the_current_folder_is_not_there(wheel_of: Check, tmp_path: Path) -> None:
    (tmp_path / "notes.py").write_text("")
    result = wheel_of("import notes")
    assert result.status is Status.FAILED
    assert "No module named 'notes'" in result.message


def test_a_process_that_ends_itself_is_told(wheel_of: Check) -> None:
    line = "os.getcwd().startswith(tempfile.gettempdir() + '/tmp') and os._exit(3)"
    result = wheel_of("import os, tempfile", line)
    assert result.status is Status.FAILED
    assert "ended with exit code 3" in result.message
