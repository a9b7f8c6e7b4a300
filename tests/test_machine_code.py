"""What compiled code calls: nothing whose last bit depends on the C library or the processor."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

SCAN = """
import gc, struct
from backfleet.jit import Compiled
{work}

def undefined(cached):
    # Names that an object file of 64 bits, as it lies in the cache, leaves to the linker.
    elf = cached[cached.index(b"\\x7fELF") :]
    start, = struct.unpack_from("<Q", elf, 40)
    width, count = struct.unpack_from("<HH", elf, 58)
    sections = [struct.unpack_from("<IIQQQQIIQQ", elf, start + width * at) for at in range(count)]
    for kind, offset, size, link in ((one[1], one[4], one[5], one[6]) for one in sections):
        for at in range(offset, offset + size, 24) if kind == 2 else ():
            name, section = struct.unpack_from("<I2xH", elf, at)
            if name and not section:
                begin = sections[link][4] + name
                yield elf[begin : elf.index(0, begin)].decode()

for function in gc.get_objects():
    if isinstance(function, Compiled) and function.is_compiled:
        for file in function._folder.glob("*/*.nbc"):
            for name in undefined(file.read_bytes()):
                print(f"{{function.__module__}}.{{function.__qualname__}}", name)
"""
"""An object holds what it calls of other compiled functions, so those that Python calls suffice."""

ROUNDED = """
import math
import numpy as np
from backfleet.jit import compiled

@compiled
def rounded(x):
    return {expression}
"""
WARM = "from backfleet.worker.warm import warm; warm()"

INEXACT = frozenset(
    """
    acos acosh asin asinh atan atan2 atanh cbrt cos cosh cpow erf erfc exp exp2 exp10 expm1 gamma
    hypot lgamma log log10 log1p log2 pow powi sin sincos sinh tan tanh tgamma __powidf2
    """.split()  # noqa: SIM905
)
"""Functions that no standard makes exact."""

EXACT = frozenset({"fmod", "memcpy", "memmove", "memset"})

RUNTIME = ("Py", "_Py", "NRT_", "numba_", "_ZN", "cfunc._ZN")
"""How functions of Python and numba, and compiled ones, begin."""

POWERS_NEAR_A_TIE = frozenset(
    {
        "backfleet.indicators.volatility._square",
        "backfleet.indicators.volatility._root",
        "backfleet.indicators.volatility.stddev",
        "backfleet.indicators.channels.bollinger",
    }
)
"""Squares and roots as backtrader takes them; glibc's are the same on both architectures, which
the tests of the emulated machine show."""

Calls = Callable[[str], list[tuple[str, str]]]


@pytest.fixture
def calls(tmp_path: Path) -> Calls:
    """Run code in a fresh process; pairs of a compiled function and what it calls."""

    def scan(work: str) -> list[tuple[str, str]]:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", SCAN.format(work=work)],
            env=os.environ | {"PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        )
        return [tuple(line.split()) for line in done.stdout.splitlines()]

    return scan


def _is_refused(function: str, name: str) -> bool:
    if name == "pow" and function in POWERS_NEAR_A_TIE:
        return False
    plain = name.removeprefix("numba_").removesuffix("f")
    if {name, plain} & INEXACT:
        return True
    return name not in EXACT and not name.startswith(RUNTIME)


def test_what_makes_rows_calls_no_function_of_the_c_library_that_rounds(calls: Calls) -> None:
    called = calls(WARM)
    assert {name for _, name in called} >= {"fmod", "pow", "numba_ldexp"}, "the scan sees calls"
    assert {pair for pair in called if _is_refused(*pair)} == set()


@pytest.mark.parametrize(
    ("expression", "name"), [("x ** 1.5", "pow"), ("math.exp(x)", "exp"), ("np.log(x)", "log")]
)
def test_the_scan_sees_a_function_that_rounds(
    calls: Calls, tmp_path: Path, expression: str, name: str
) -> None:
    (tmp_path / "own.py").write_text(ROUNDED.format(expression=expression))
    called = calls("from own import rounded; rounded.dispatcher(1.5)")
    assert ("own.rounded", name) in {pair for pair in called if _is_refused(*pair)}
