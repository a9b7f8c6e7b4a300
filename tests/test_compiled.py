"""Compiled functions, each in a process of its own, as numba reads its settings once."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

OUTER = """
from pricing.inner import scale
from backfleet.compiled import compiled

@compiled
def total(values):
    result = 0.0
    for index in range(len(values)):
        result += scale(values[index])
    return result
"""
INNER = """
from backfleet.compiled import compiled

@compiled
def scale(value):
    return value * {factor}
"""
CALL = """
import numpy as np
from pricing.outer import total
print(total.dispatcher(np.arange(4.0)))
"""
COUNT_HITS = "print(sum(total.dispatcher.stats.cache_hits.values()))"
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1


def _heed_permissions() -> None:
    """Let a process of root's heed file permissions like anybody's."""
    ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0)


@pytest.fixture
def pricing(tmp_path: Path) -> Path:
    """A package in which a compiled function calls one in another file."""
    folder = tmp_path / "pricing"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "outer.py").write_text(OUTER)
    (folder / "inner.py").write_text(INNER.format(factor=2))
    return folder


@pytest.fixture
def python(tmp_path: Path) -> Callable[..., list[str]]:
    """Run code in a fresh process; the words that it prints."""

    def run(code: str, **environment: str) -> list[str]:
        env = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
        env |= {"BACKFLEET_CACHE": str(tmp_path / "cache"), "PYTHONPATH": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=env | environment,
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=_heed_permissions,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    return run


def test_a_callee_changed_in_another_file_gives_new_numbers(
    pricing: Path, python: Callable[..., list[str]]
) -> None:
    assert python(CALL) == ["12.0"]
    changed = pricing / "inner.py"
    changed.write_text(INNER.format(factor=3))
    # Python tells a file from its bytecode by its size and the second of its change.
    os.utime(changed, (time.time() + 2, time.time() + 2))
    assert python(CALL) == ["18.0"]


def test_a_second_process_takes_the_machine_code_from_the_cache(
    pricing: Path, python: Callable[..., list[str]]
) -> None:
    assert python(CALL + COUNT_HITS) == ["12.0", "0"]
    assert python(CALL + COUNT_HITS) == ["12.0", "1"]


def test_a_cache_that_cannot_be_written_to_serves_what_it_holds(
    pricing: Path, python: Callable[..., list[str]], tmp_path: Path
) -> None:
    python(CALL)
    for path in (tmp_path / "cache").rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    assert python(CALL + COUNT_HITS, TMPDIR=str(scratch)) == ["12.0", "1"]
    assert list(scratch.rglob("*.nbi"))


def test_without_a_place_for_a_cache_functions_are_compiled_all_the_same(
    pricing: Path, python: Callable[..., list[str]], tmp_path: Path
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    nowhere = {"BACKFLEET_CACHE": os.devnull, "TMPDIR": str(scratch)}
    assert python(CALL + COUNT_HITS, **nowhere) == ["12.0", "0"]
    assert python(CALL + COUNT_HITS, **nowhere) == ["12.0", "1"]


def test_functions_run_uncompiled_where_numba_is_told_so(
    pricing: Path, python: Callable[..., list[str]], tmp_path: Path
) -> None:
    assert python(CALL, NUMBA_DISABLE_JIT="1") == ["12.0"]
    assert not list((tmp_path / "cache").rglob("*.nbi"))


def test_code_is_for_one_processor_unless_the_environment_names_another(
    pricing: Path, python: Callable[..., list[str]]
) -> None:
    named = CALL + "import numba\nprint(numba.config.CPU_NAME)"
    assert python(named) == ["12.0", "x86-64-v3"]
    assert python(named, NUMBA_CPU_NAME="x86-64") == ["12.0", "x86-64"]


def test_the_caches_of_other_numba_functions_stay_where_they_were(
    pricing: Path, python: Callable[..., list[str]], tmp_path: Path
) -> None:
    code = f"import numba\n{CALL}\nprint(numba.config.CACHE_DIR)"
    assert python(code, NUMBA_CACHE_DIR=str(tmp_path / "own")) == ["12.0", str(tmp_path / "own")]


def test_numba_is_imported_by_the_first_call_only(
    pricing: Path, python: Callable[..., list[str]]
) -> None:
    code = "import sys, backfleet, backfleet.cli, backfleet.indicators, pricing.outer\n"
    assert python(code + "print('numba' in sys.modules)") == ["False"]


def test_code_that_lies_in_no_file_is_compiled_without_a_cache(
    python: Callable[..., list[str]], tmp_path: Path
) -> None:
    code = (
        "from backfleet.compiled import compiled\n"
        "half = compiled(lambda value: value / 2)\nprint(half(3))"
    )
    assert python(code) == ["1.5"]
    assert not list((tmp_path / "cache").rglob("*.nbi"))
