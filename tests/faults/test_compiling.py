"""Children that die while numba compiles or loads machine code, and caches that have no room."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from sample_job import SAMPLE_DATA

STRATEGY = """
import numpy as np
from backfleet import VectorStrategy
from backfleet.jit import compiled
{imports}

@compiled
def scaled(values, factor):
    return {expression}


class Scaled(VectorStrategy):
    factor: float = 1.0

    def targets(self, bars):
        return np.where(scaled.dispatcher(bars.close, self.factor) > 0.0, 1.0, 0.0)
"""
JOB = f"""
strategy = "scaled.py:Scaled"

[params]
factor = {{ start = 1.0, stop = 20.0, step = 1.0 }}

[data]
source = "cn-daily"
path = "{SAMPLE_DATA}"
symbols = "600519"
timezone = "Asia/Shanghai"
"""
PLAIN = {"imports": "", "expression": "values * factor"}
MISSING_SYMBOL = {
    "imports": "from numba import types\n"
    "missing = types.ExternalFunction("
    "'no_such_function', types.float64(types.float64))",
    "expression": "values * missing(factor)",
}
"""On x86-64 it is called at address 0; on ARM64 LLVM ends the process."""
REFUSED_BY_LLVM = {
    "imports": """
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

@intrinsic
def refused(_typing, _value):
    def generate(_context, builder, _signature, args):
        builder.asm(ir.FunctionType(ir.VoidType(), []), "no_such_instruction", "", [], True)
        return args[0]
    return types.float64(types.float64), generate
""",
    "expression": "values * refused(factor)",
}
DIES_AT_ONE_POINT = {
    "imports": "",
    "expression": "values * (values[10**13] if factor == 1.0 else factor)",
}

ELF, MACHINE = b"\x7fELF", 18
FOREIGN = {62: b"\xb7\x00", 183: b"\x3e\x00"}
"""The number of an architecture in an object file, x86-64 or ARM64, to the other's bytes."""

Call = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path, backfleet: Call) -> Call:
    """Run a sweep of 20 tasks of a strategy, which is compiled in a cache of its own."""

    def call(cache: Path, imports: str, expression: str) -> subprocess.CompletedProcess[str]:
        text = STRATEGY.format(imports=imports, expression=expression)
        (tmp_path / "scaled.py").write_text(text)
        (tmp_path / "job.toml").write_text(JOB)
        environment = {"NUMBA_CACHE_DIR": str(cache), "XDG_STATE_HOME": str(tmp_path / "state")}
        return backfleet("run", "job.toml", "-o", "workers=1", env=environment)

    return call


def test_what_llvm_ends_the_process_for_ends_the_run_with_its_message(
    run: Call, tmp_path: Path
) -> None:
    done = run(tmp_path / "cache", **REFUSED_BY_LLVM)
    assert done.returncode == 1
    assert "no task can run here: its process was ended by SIGABRT" in done.stderr
    assert "LLVM ERROR" in done.stderr
    assert "20 missing" in done.stdout, "no task looks like a slow one"


def test_a_symbol_that_is_missing_ends_the_run(run: Call, tmp_path: Path) -> None:
    done = run(tmp_path / "cache", **MISSING_SYMBOL)
    assert done.returncode == 1
    assert "no task can run here" in done.stderr
    assert "20 missing" in done.stdout


def test_a_task_that_dies_in_machine_code_others_can_run_costs_its_own_row(
    run: Call, tmp_path: Path
) -> None:
    done = run(tmp_path / "cache", **DIES_AT_ONE_POINT)
    assert done.returncode == 1
    assert "20 tasks, 19 ok, 0 suspicious, 1 failed" in done.stdout, done.stderr


def test_machine_code_for_another_processor_ends_the_run_and_names_the_cache(
    run: Call, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    assert run(cache, **PLAIN).returncode == 0
    for file in cache.rglob("scaled*.nbc"):
        content = bytearray(file.read_bytes())
        at = content.index(ELF) + MACHINE
        content[at : at + 2] = FOREIGN[content[at]]
        file.write_bytes(content)

    for folder in tmp_path.glob("runs/*/chunks"):
        for chunk in folder.iterdir():
            chunk.unlink()
    done = run(cache, **PLAIN)
    assert done.returncode == 1
    assert "no task can run here" in done.stderr
    assert str(cache) in done.stderr


@pytest.mark.testbed
def test_a_cache_on_a_full_disk_costs_speed_and_no_row(run: Call, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "full", disk], check=True)
    try:
        done = run(disk, **PLAIN)
        assert not list(disk.rglob("scaled*.nbc"))
    finally:
        subprocess.run(["umount", disk], check=True)
    assert done.returncode == 0, done.stderr
    assert "20 tasks, 20 ok" in done.stdout
