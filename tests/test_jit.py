"""Compiled functions, each in a process of its own, as numba reads its settings once."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

OUTER = """
from pricing.inner import scale
from backfleet.jit import compiled

@compiled
def total(values):
    result = 0.0
    for index in range(len(values)):
        result += scale(values[index])
    return result
"""
INNER = """
from backfleet.jit import compiled

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
HEED_PERMISSIONS = """
import ctypes, os, sys

PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1
ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0)
os.execv(sys.executable, [sys.executable, "-c", sys.argv[1]])
"""
"""Lets a process of root's heed file permissions like anybody's. A program of its own, because a
fork of the tests' process, which has threads, could wait for a lock that nobody releases."""


@pytest.fixture
def pricing(tmp_path: Path) -> Path:
    """A package in which a compiled function calls one in another file."""
    folder = tmp_path / "pricing"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "outer.py").write_text(OUTER)
    (folder / "inner.py").write_text(INNER.format(factor=2))
    return folder


def run_python(folder: Path, code: str, **environment: str) -> list[str]:
    """Run code in a fresh process that imports from a folder, and return the words it prints."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    env |= {"BACKFLEET_CACHE": str(folder / "cache"), "PYTHONPATH": str(folder)}
    done = subprocess.run(
        [sys.executable, "-S", "-c", HEED_PERMISSIONS, code],
        env=env | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.fixture
def python(tmp_path: Path) -> Callable[..., list[str]]:
    """`run_python` in the test's own folder."""
    return partial(run_python, tmp_path)


def change(file: Path, old: str, new: str) -> None:
    """Edit a file; Python tells it from its bytecode by its size and the second of its change."""
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    later = time.time() + 2
    os.utime(file, (later, later))


def test_a_callee_changed_in_another_file_gives_new_numbers(
    pricing: Path, python: Callable[..., list[str]]
) -> None:
    assert python(CALL) == ["12.0"]
    change(pricing / "inner.py", "* 2", "* 3")
    assert python(CALL) == ["18.0"]


REACHED = {
    "constant": ("from fees.rates import RATE", "RATE", "RATE = 2.0", "2.0", "3.0"),
    "constant of a module": ("from fees import rates", "rates.RATE", "RATE = 2.0", "2.0", "3.0"),
    "constant of a package": ("import fees.rates", "fees.rates.RATE", "RATE = 2.0", "2.0", "3.0"),
    "module and function of one name": (
        "from fees import rates",
        "rates.rates(1.0)",
        "from backfleet.jit import compiled\n@compiled\ndef rates(x): return x * 2.0",
        "2.0",
        "3.0",
    ),
    "tuple": ("from fees.rates import RATES", "RATES[1]", "RATES = (1.0, 2.0)", "2.0", "3.0"),
    "named tuple": (
        "from fees.rates import RATES",
        "RATES.high",
        "from collections import namedtuple\nRATES = namedtuple('R', 'low high')(1.0, 2.0)",
        "2.0",
        "3.0",
    ),
    "array": (
        "from fees.rates import RATES",
        "RATES[1]",
        "import numpy as np\nRATES = np.array([1.0, 2.0])",
        "2.0",
        "3.0",
    ),
    "member of an enumeration": (
        "from fees.rates import Rate",
        "(2.0 if Rate.HIGH == 2 else 3.0)",
        "from enum import IntEnum\nclass Rate(IntEnum): HIGH = 2",
        "2",
        "3",
    ),
    "field order of a named tuple": (
        "from fees.rates import Rates",
        "Rates(2.0, 3.0).high",
        "from typing import NamedTuple\nclass Rates(NamedTuple):\n    high: float\n    low: float",
        "high: float\n    low: float",
        "low: float\n    high: float",
    ),
    "function of numba's own": (
        "from fees.rates import rate",
        "rate(1.0)",
        "import numba\n@numba.njit\ndef rate(x): return x * 2.0",
        "2.0",
        "3.0",
    ),
    "inlined function": (
        "from fees.rates import rate",
        "rate(1.0)",
        "from backfleet.jit import inlined\n@inlined\ndef rate(x): return x * 2.0",
        "2.0",
        "3.0",
    ),
    "default value": (
        "from fees.rates import rate",
        "rate()",
        "from backfleet.jit import compiled\n@compiled\ndef rate(x=2.0): return x * 1.0",
        "2.0",
        "3.0",
    ),
    "variable of an enclosing function": (
        "from fees.rates import rate",
        "rate(1.0)",
        "from backfleet.jit import compiled\n"
        "def make(factor):\n"
        "    def rate(x): return x * factor\n"
        "    return compiled(rate)\n"
        "rate = make(2.0)",
        "2.0",
        "3.0",
    ),
    "constant of a callee's callee": (
        "from fees.rates import rate",
        "rate(1.0)",
        "from backfleet.jit import compiled\n"
        "RATE = 2.0\n"
        "@compiled\n"
        "def inner(x): return x * RATE\n"
        "@compiled\n"
        "def rate(x): return inner(x)",
        "2.0",
        "3.0",
    ),
}
USER = """
from backfleet.jit import compiled
{line}

@compiled
def total(values):
    result = 0.0
    for index in range(len(values)):
        result += values[index] * {expression}
    return result
"""


@pytest.fixture(scope="module")
def reached_calls(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Sums and cache hits of a function of each kind: before, again, and after its change.

    All kinds share three processes, as each takes seconds to start and to compile.
    """
    folder = tmp_path_factory.mktemp("reached")
    calls = ["import numpy as np"]
    for index, (line, expression, rates, _, _) in enumerate(REACHED.values()):
        own = f"fees{index}"
        (folder / own).mkdir()
        (folder / own / "__init__.py").touch()
        (folder / own / "rates.py").write_text(rates)
        user = USER.format(line=line, expression=expression).replace("fees", own)
        (folder / f"user{index}.py").write_text(user)
        calls.append(f"from user{index} import total; print(total.dispatcher(np.arange(4.0)))")
        calls.append(COUNT_HITS)
    words = [run_python(folder, "\n".join(calls)) for _ in range(2)]
    for index, (_, _, _, old, new) in enumerate(REACHED.values()):
        change(folder / f"fees{index}" / "rates.py", old, new)
    words.append(run_python(folder, "\n".join(calls)))
    return {
        kind: [word for call in words for word in call[2 * index : 2 * index + 2]]
        for index, kind in enumerate(REACHED)
    }


@pytest.mark.parametrize("kind", REACHED)
def test_what_a_function_reaches_in_another_package_gives_new_machine_code_when_it_changes(
    reached_calls: dict[str, list[str]], kind: str
) -> None:
    assert reached_calls[kind] == ["12.0", "0", "12.0", "1", "18.0", "0"]


UNRELATED = ["other.py", "report/page.py", "report/page.css", "../scratch.py", "__init__.py"]


def test_code_that_a_function_does_not_reach_leaves_its_machine_code(
    pricing: Path, python: Callable[..., list[str]]
) -> None:
    files = [pricing / name for name in UNRELATED]
    for file in files:
        file.parent.mkdir(exist_ok=True)
        file.write_text("FIRST = 1")
    assert python(CALL + COUNT_HITS) == ["12.0", "0"]
    for file in files:
        change(file, "FIRST = 1", "SECOND = 2")
    assert python(CALL + COUNT_HITS) == ["12.0", "1"]


def test_other_functions_and_constants_of_a_callees_file_leave_the_machine_code(
    pricing: Path, python: Callable[..., list[str]]
) -> None:
    with (pricing / "inner.py").open("a") as file:
        file.write("\nUNUSED = 1\ndef unused(): return 1\n")
    assert python(CALL + COUNT_HITS) == ["12.0", "0"]
    change(pricing / "inner.py", "= 1", "= 2")
    change(pricing / "inner.py", "return 1", "return 2")
    assert python(CALL + COUNT_HITS) == ["12.0", "1"]


DIGESTS = """
from backfleet.engines.vector.simulate import simulate
from backfleet.indicators import bollinger, macd, sma, stddev
from backfleet.jit_cache import digest_of
print(*map(digest_of, (simulate, bollinger, macd, sma, stddev)))
"""


def test_digests_are_the_same_in_every_process(python: Callable[..., list[str]]) -> None:
    first = python(DIGESTS, PYTHONHASHSEED="1")
    assert first == python(DIGESTS, PYTHONHASHSEED="2")
    assert len(set(first)) == 5


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
        "from backfleet.jit import compiled\n"
        "half = compiled(lambda value: value / 2)\nprint(half(3))"
    )
    assert python(code) == ["1.5"]
    assert not list((tmp_path / "cache").rglob("*.nbi"))


PLANNED = """
import sys
import numpy as np
from backfleet.jit import plan_work
from pricing.outer import total

plan_work({seconds})
print(total(np.arange(4.0)), "numba" in sys.modules)
"""


@pytest.mark.parametrize(("seconds", "is_compiled"), [("0.2", "False"), ("2.0", "True")])
def test_planned_work_decides_at_the_first_call_whether_a_function_is_compiled(
    pricing: Path, python: Callable[..., list[str]], seconds: str, is_compiled: str
) -> None:
    assert python(PLANNED.format(seconds=seconds)) == ["12.0", is_compiled]


def test_machine_code_in_the_cache_is_worth_less_work(
    pricing: Path, python: Callable[..., list[str]]
) -> None:
    code = PLANNED.format(seconds=0.6)
    assert python(code) == ["12.0", "False"]
    python(CALL)
    assert python(code) == ["12.0", "True"]


SWEEP = """
import sys
import numpy as np
from backfleet.jit import plan_tasks
from pricing.outer import total

plan_tasks(4.0)
print(total(np.arange(4.0)), "numba" in sys.modules)
"""


def test_engines_of_small_sweeps_are_interpreted_until_that_has_taken_as_long_as_they_are_worth(
    pricing: Path, python: Callable[..., list[str]]
) -> None:
    answers = [python(SWEEP) for _ in range(4)]
    assert [is_compiled for _, is_compiled in answers] == ["False", "False", "True", "True"]
    assert {total for total, _ in answers} == {"12.0"}


TOGETHER = """
import numpy as np
from backfleet.jit import plan_work
from pricing.outer import total

plan_work(np.inf)
total(np.arange(4.0))
print(sum(total.dispatcher.stats.cache_misses.values()))
"""


def test_processes_that_need_the_same_machine_code_compile_it_once(
    pricing: Path, python: Callable[..., list[str]]
) -> None:
    with ThreadPoolExecutor() as threads:
        misses = threads.map(python, [TOGETHER] * 3)
        assert sorted(misses) == [["0"], ["0"], ["1"]]
