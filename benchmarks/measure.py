"""Measuring two sides in one run: alternately, several times, by the clock and by CPU time."""

from __future__ import annotations

import ctypes
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

__all__ = [
    "BACKFLEET",
    "Comparison",
    "Reading",
    "alternate",
    "compare",
    "measured",
    "python_output",
    "run_process",
    "workspace",
]

BACKFLEET = str(Path(sys.executable).parent / "backfleet")
"""The command, as it is installed beside this Python."""

PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Reading:
    """Seconds by the clock, and of CPU time (user and system)."""

    wall: float
    cpu: float

    def __sub__(self, other: Reading) -> Reading:
        return Reading(self.wall - other.wall, self.cpu - other.cpu)

    def scaled(self, wall: float, cpu: float) -> Reading:
        return Reading(self.wall * wall, self.cpu * cpu)


def measured(call: Callable[[], object]) -> Reading:
    """What a call takes in this process, all threads included."""
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return Reading(time.perf_counter() - wall, time.process_time() - cpu)


def run_process(command: Sequence[str]) -> Reading:
    """What a process takes, with everything that it starts; its output is dropped.

    Raises RuntimeError with the end of its error output where it fails.
    """
    _adopt_orphans()
    cpu = _children_cpu()
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wall = time.perf_counter() - started
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}:\n{done.stderr[-2000:]}")
    _reap_orphans()
    return Reading(wall, _children_cpu() - cpu)


def python_output(*arguments: str) -> str:
    """What a fresh Python prints. Raises CalledProcessError where it fails."""
    command = [sys.executable, *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def alternate(
    sides: Mapping[str, Callable[[], Reading]], repetitions: int
) -> Mapping[str, Sequence[Reading]]:
    """Readings of each side, taken in turn, so that what slows the machine slows all of them."""
    readings: dict[str, list[Reading]] = {name: [] for name in sides}
    for _ in range(repetitions):
        for name, take in sides.items():
            readings[name].append(take())
    return readings


@dataclass(frozen=True)
class Comparison:
    """What is compared, in which unit it is printed, and the limit.

    Attributes
    ----------
    unit, per_second
        `ms` and 1e3, say.
    limit
        Of backfleet over the base where there is one, else in `unit`.
    judged
        The time that is held against the limit: `CPU`, which a busy machine disturbs less, or
        `clock`, where processes work at the same time and the waiting is what counts.
    """

    title: str
    unit: str
    per_second: float
    limit: float
    judged: Literal["clock", "CPU"] = "CPU"

    @property
    def column(self) -> int:
        """Where the median that is judged stands among the four numbers of a row."""
        return 0 if self.judged == "clock" else 2


def compare(
    what: Comparison, ours: Sequence[Reading], base: Sequence[Reading] | None = None
) -> None:
    """Print medians and minima of both sides, and their ratio or difference beside the limit."""
    print(f"\n{what.title}  ({len(ours)} repetitions; CPU is user + system of all processes)")
    print(f"  {'':<12}{'clock median':>14}{'minimum':>12}{'CPU median':>14}{'minimum':>12}")
    sides = {"base": base, "backfleet": ours} if base else {"backfleet": ours}
    rows = {name: _summary(readings) for name, readings in sides.items() if readings}
    for name, row in rows.items():
        cells = [f"{value * what.per_second:,.2f} {what.unit}" for value in row]
        print(f"  {name:<12}{cells[0]:>14}{cells[1]:>12}{cells[2]:>14}{cells[3]:>12}")
    if base:
        values = _ratios(ours, base)
        print(
            f"  {'ratio':<12}{values[0]:>14.3f}{values[1]:>12.3f}"
            f"{values[2]:>14.3f}{values[3]:>12.3f}"
        )
        value, limit = values[what.column], f"{what.limit:g}"
    else:
        value = rows["backfleet"][what.column] * what.per_second
        limit = f"{what.limit:g} {what.unit}"
    verdict = "kept" if value <= what.limit else "MISSED"
    print(f"  limit {limit}: {verdict} (median, {what.judged})")


def _ratios(ours: Sequence[Reading], base: Sequence[Reading]) -> tuple[float, float, float, float]:
    """Medians of the ratios of readings taken one after the other, and ratios of the minima."""
    pairs = list(zip(ours, base, strict=True))
    least, of = _summary(ours), _summary(base)
    return (
        statistics.median(mine.wall / theirs.wall for mine, theirs in pairs),
        least[1] / of[1],
        statistics.median(mine.cpu / theirs.cpu for mine, theirs in pairs),
        least[3] / of[3],
    )


def _summary(readings: Sequence[Reading]) -> tuple[float, float, float, float]:
    walls = [reading.wall for reading in readings]
    cpus = [reading.cpu for reading in readings]
    return statistics.median(walls), min(walls), statistics.median(cpus), min(cpus)


@contextmanager
def workspace() -> Iterator[Path]:
    """A temporary current directory, with caches and worker logs of its own."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory(prefix="backfleet-benchmark-") as name:
        folder = Path(name)
        os.environ["BACKFLEET_CACHE"] = str(folder / "cache")
        os.environ["XDG_STATE_HOME"] = str(folder / "state")
        os.chdir(folder)
        try:
            yield folder
        finally:
            os.chdir(before)


def _children_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _adopt_orphans() -> None:
    """Become the parent of grandchildren that outlive their parent: a fork server does, and its
    time would be lost otherwise."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _reap_orphans() -> None:
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return
