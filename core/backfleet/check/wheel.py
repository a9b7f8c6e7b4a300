"""Does the strategy's code work from its wheel alone?"""

from __future__ import annotations

import copyreg
import io
import json
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import packages_distributions
from pathlib import Path
from types import MappingProxyType
from typing import Any

from backfleet.check.check_case import CheckCase
from backfleet.check.isolated import Surroundings, read_only, signals_digest
from backfleet.check.result import CheckResult, Status
from backfleet.check.signals import signals_of
from backfleet.code.distributions import canonical_name, find_distribution
from backfleet.code.packages import OWN, CodePackage, strategy_packages
from backfleet.code.ship_code import required_names
from backfleet.code.unpack import read_wheel
from backfleet.code.wheel import pack
from backfleet.strategy_reference import StrategyReference

__all__ = ["check_wheel"]

CHECK = "wheel"
ADVICE = (
    "workers get the package, or for a file the Python files of its folder, and "
    "what its metadata require"
)


def check_wheel(subjects: Sequence[CheckCase], strategy: StrategyReference) -> CheckResult:
    """Check that the signals are the same in a fresh process with the strategy's wheel.

    The process finds the wheel, what it requires, and backfleet, but not the folder of the code.
    """
    # The code of backfleet is on every worker.
    package = _own_package(strategy)
    if package is None:
        return CheckResult(CHECK, Status.PASSED, "it comes with backfleet")
    with tempfile.TemporaryDirectory() as scratch:
        code = _unpacked(package, Path(scratch, "code"))
        answer = _alone(subjects, strategy, Path(scratch), _surroundings(package, code))
    if "error" in answer:
        message = f"raises {answer['error']}; {ADVICE}"
        return CheckResult(CHECK, Status.FAILED, message)
    here = [signals_digest(signals_of(subject)) for subject in subjects]
    if answer["digests"] != here:
        message = f"other signals than from where its code lies; {ADVICE}"
        return CheckResult(CHECK, Status.FAILED, message)
    return CheckResult(CHECK, Status.PASSED, f"the same from a wheel of {package.name} alone")


def _own_package(strategy: StrategyReference) -> CodePackage | None:
    """Return the package that holds the strategy's class; None if it is backfleet's own."""
    module = strategy.target.partition(":")[0].removesuffix(".py")
    start = module.replace(".", "/")
    for package in strategy_packages(strategy):
        if {f"{start}.py", f"{start}/__init__.py"} & set(package.files):
            return package
    return None


def _unpacked(package: CodePackage, folder: Path) -> Path:
    for name, content in read_wheel(pack(package)).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def _surroundings(package: CodePackage, code: Path) -> Surroundings:
    """Return the code that the fresh process can import, and the modules that are hidden from it.

    Code without a distribution has no metadata that could require anything: it finds all that is
    installed.
    """
    hidden: list[str] = []
    if find_distribution(package.name) is not None:
        allowed = set(_required([package.name, OWN]))
        # A module may belong to several distributions; one that is required is enough.
        hidden = [
            module
            for module, owners in packages_distributions().items()
            if not allowed & set(map(canonical_name, owners))
        ]
    return Surroundings(str(code), sorted(hidden), str(package.folder or ""))


def _required(names: Sequence[str]) -> Iterator[str]:
    """Yield the names of distributions and of all that they require, as installed here."""
    waiting, seen = [*names], set()
    while waiting:
        name = canonical_name(waiting.pop())
        distribution = find_distribution(name)
        # Optional requirements and those of other systems need not be installed.
        if name in seen or distribution is None:
            continue
        seen.add(name)
        yield name
        waiting += required_names(distribution)


def _alone(
    subjects: Sequence[CheckCase],
    strategy: StrategyReference,
    scratch: Path,
    surroundings: Surroundings,
) -> Mapping[str, Any]:
    """Return the answer of `backfleet.check.isolated`, run in a process of its own."""
    request = scratch / "request"
    tasks = [(subject.bars, subject.params, subject.broker) for subject in subjects]
    # One line of JSON and then the pickle: the process must set up its imports before it can
    # unpickle bars.
    request.write_bytes(surroundings.to_bytes() + _pickled((strategy.target, tasks)))
    # -P: nothing is imported from the scratch folder, where `code` would hide a standard module.
    command = [sys.executable, "-P", "-m", "backfleet.check.isolated", str(request)]
    done = subprocess.run(command, cwd=scratch, capture_output=True, text=True, check=False)
    try:
        # The last line; what the strategy prints comes before it.
        answer: Mapping[str, Any] = json.loads(done.stdout.rstrip().rpartition("\n")[2])
    except ValueError:
        words = done.stderr.strip().rpartition("\n")[2]
        return {"error": f"nothing: the process ended with exit code {done.returncode}: {words}"}
    return answer


def _pickled(value: object) -> bytes:
    """Return a value pickled for a process of the same code."""
    # Bars hold read-only views of dictionaries, which pickle does not know.
    stream = io.BytesIO()
    pickler = pickle.Pickler(stream)
    # A table of this pickler only; `copyreg.pickle` would change that of the whole process.
    pickler.dispatch_table = copyreg.dispatch_table.copy()
    pickler.dispatch_table[MappingProxyType] = lambda view: (read_only, (dict(view),))
    pickler.dump(value)
    return stream.getvalue()
