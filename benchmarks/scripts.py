"""Public backtrader scripts with `backtrader.Cerebro` and with `backfleet.Cerebro`.

`python benchmarks/scripts.py FOLDER [--clone] [--repetitions N] [--adopt] [TEXT ...]`. FOLDER has a
checkout of each repository of `scripts.toml` as OWNER/NAME; `--clone` clones missing ones. The
scripts are those whose names contain one of the texts. They run with your rights and write into the
checkouts. Repositories that are not there are named and left out.

Each script runs in fresh processes, alternately with both Cerebros. What it prints, its exit code,
final values, cash, numbers of orders and bars must be equal; lines that differ between two runs of
the same Cerebro, such as times, do not count. CPU times are the least of the repetitions, in `run`
and of the whole process. As after an installation by pip, the processes find bytecode of backfleet
and need not compile it. At the end come medians over the scripts, beside their limits.

`--adopt` adopts each script instead, and counts those that become a job of the same final value.
"""

from __future__ import annotations

import argparse
import ast
import compileall
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PACKAGE = HERE.parent / "core" / "backfleet"
TIMEOUT_SECONDS = 300
ADDRESS = re.compile(rb"0x[0-9a-f]{6,}")
CSV_FEEDS = {"CSVDataBase"}
PANDAS_FEEDS = {"PandasData", "PandasDirectData"}
IMPORT_REPETITIONS = 9


@dataclass(frozen=True)
class Script:
    """A script of a repository, and how it is run.

    Attributes
    ----------
    path
        The script, relative to `folder`.
    folder
        Where it runs.
    """

    name: str
    path: str
    folder: Path
    arguments: tuple[str, ...]


@dataclass(frozen=True)
class Process:
    """One run of a script in a process of its own: CPU seconds, output, exit code and reports."""

    seconds: float
    lines: tuple[bytes, ...]
    code: int
    runs: tuple[dict[str, Any], ...]

    @property
    def seconds_in_run(self) -> float:
        return sum(float(run["seconds"]) for run in self.runs)

    @property
    def facts(self) -> list[dict[str, Any]]:
        """Everything about the runs that both Cerebros must have in common."""
        own = ("seconds", "fallback")
        return [{key: run[key] for key in run if key not in own} for run in self.runs]


@dataclass(frozen=True)
class Comparison:
    """A script with both Cerebros; times are the least of all processes."""

    name: str
    kind: str
    fallback: str | None
    run: tuple[float, float]
    process: tuple[float, float]
    difference: str | None

    @property
    def run_ratio(self) -> float:
        return self.run[0] / self.run[1]

    @property
    def process_ratio(self) -> float:
        return self.process[0] / self.process[1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkouts", type=Path, metavar="FOLDER")
    parser.add_argument("texts", nargs="*", metavar="TEXT")
    parser.add_argument("--clone", action="store_true")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--adopt", action="store_true")
    arguments = parser.parse_intermixed_args()
    compileall.compile_dir(PACKAGE, quiet=1)
    scripts = list(_scripts(arguments.checkouts.absolute(), arguments.clone))
    if arguments.texts:
        scripts = [s for s in scripts if any(text in s.name for text in arguments.texts)]
    if arguments.adopt:
        return _adopt_all(scripts)
    return _compare_all(scripts, arguments.repetitions)


def _scripts(checkouts: Path, clone: bool) -> Iterator[Script]:
    for repository in tomllib.loads((HERE / "scripts.toml").read_text("utf-8"))["repository"]:
        name, commit = repository["name"], repository["commit"]
        checkout = checkouts / name
        if clone and not checkout.exists():
            _clone(name, commit, checkout)
        if not checkout.exists():
            print(f"{name} is missing: no checkout {checkout}")
            continue
        _check_commit(checkout, commit)
        for entry in repository["scripts"]:
            yield _script(checkouts, name, entry)


def _clone(name: str, commit: str, checkout: Path) -> None:
    checkout.parent.mkdir(parents=True, exist_ok=True)
    git = ["git", "clone", "--quiet", f"https://github.com/{name}.git", str(checkout)]
    if subprocess.run(git, check=False).returncode == 0:
        subprocess.run(["git", "-C", str(checkout), "checkout", "--quiet", commit], check=True)


def _check_commit(checkout: Path, commit: str) -> None:
    git = ["git", "-C", str(checkout), "rev-parse", "HEAD"]
    head = subprocess.run(git, stdout=subprocess.PIPE, text=True, check=False).stdout.strip()
    if head and head != commit:
        print(f"{checkout} is at {head}, not at {commit}: results may differ")


def _script(checkouts: Path, repository: str, entry: dict[str, Any]) -> Script:
    path = checkouts / repository / entry["path"]
    folder = checkouts / repository / entry["folder"] if "folder" in entry else path.parent
    for link, target in entry.get("links", {}).items():
        place = folder / link
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(checkouts / target)
    arguments = tuple(entry.get("arguments", ()))
    name = " ".join([f"{repository}/{entry['path']}", *arguments])
    return Script(name, os.path.relpath(path, folder), folder, arguments)


# Both Cerebros


def _compare_all(scripts: Sequence[Script], repetitions: int) -> int:
    print(f"{'run, ms':>15} {'ratio':>6} {'process, s':>13} {'ratio':>6}  kind, way, script")
    comparisons = []
    for script in scripts:
        comparison = _compared(script, repetitions)
        if comparison is not None:
            comparisons.append(comparison)
            _print(comparison)
    return _summarize(comparisons)


def _compared(script: Script, repetitions: int) -> Comparison | None:
    """Run a script with both Cerebros; None if it does not come to a backtest."""
    processes: dict[str, list[Process]] = {"stock": [], "fast": []}
    for repetition in range(repetitions):
        for side in ("stock", "fast") if repetition % 2 == 0 else ("fast", "stock"):
            processes[side].append(_process(script, side))
        stock = processes["stock"][0]
        if not any(max(run["bars"], default=0) for run in stock.runs):
            print(f"no backtest: {script.name} (exit code {stock.code})")
            return None
    stocks, fasts = processes["stock"], processes["fast"]
    return Comparison(
        script.name,
        _kind(stocks[0].runs),
        next((run["fallback"] for run in fasts[0].runs if run["fallback"]), None),
        (min(p.seconds_in_run for p in stocks), min(p.seconds_in_run for p in fasts)),
        (min(p.seconds for p in stocks), min(p.seconds for p in fasts)),
        _difference(stocks, fasts),
    )


def _process(script: Script, side: str) -> Process:
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report"
        command = [sys.executable, str(HERE / "script_process.py"), side, str(report)]
        # Both Cerebros are imported as a user does it, from bytecode.
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        environment |= {"MPLBACKEND": "Agg", "PYTHONHASHSEED": "0"}
        output = Path(scratch) / "output"
        with output.open("wb") as stream:
            child = subprocess.Popen(
                [*command, script.path, *script.arguments],
                cwd=script.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.DEVNULL,
            )
            seconds, code = _ended(child)
        runs = ast.literal_eval(report.read_text("utf-8")) if report.exists() else []
        lines = ADDRESS.sub(b"0x", output.read_bytes()).split(b"\n")
    return Process(seconds, tuple(lines), code, tuple(runs))


def _ended(child: subprocess.Popen[bytes]) -> tuple[float, int]:
    """The CPU seconds of a child process with all of its own, and its exit code."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while True:
        pid, status, usage = os.wait4(child.pid, os.WNOHANG)
        if pid:
            # Popen must not wait for it, too.
            child.returncode = os.waitstatus_to_exitcode(status)
            return usage.ru_utime + usage.ru_stime, child.returncode
        if time.monotonic() > deadline:
            child.kill()
        time.sleep(0.01)


def _kind(runs: Iterable[dict[str, Any]]) -> str:
    kinds = {base for run in runs for feed in run["feeds"] for base in feed}
    if kinds & PANDAS_FEEDS:
        return "pandas"
    return "csv" if kinds & CSV_FEEDS else "other"


def _difference(stocks: Sequence[Process], fasts: Sequence[Process]) -> str | None:
    stock, fast = stocks[0], fasts[0]
    if stock.code != fast.code:
        return f"exit code {stock.code} and {fast.code}"
    if stock.facts != fast.facts:
        return f"{stock.facts} and {fast.facts}"
    if len(stock.lines) != len(fast.lines):
        return f"{len(stock.lines)} and {len(fast.lines)} lines"
    for position, line in enumerate(stock.lines):
        others = [p.lines[position] for p in stocks[1:] if len(p.lines) == len(stock.lines)]
        if line != fast.lines[position] and all(line == other for other in others):
            return f"line {position + 1}: {line!r} and {fast.lines[position]!r}"
    return None


def _print(c: Comparison) -> None:
    run = f"{c.run[0] * 1e3:7.1f} {c.run[1] * 1e3:7.1f} {c.run_ratio:6.2f}"
    process = f"{c.process[0]:6.2f} {c.process[1]:6.2f} {c.process_ratio:6.2f}"
    print(f"{run} {process}  {c.kind}, {c.fallback or 'lean'}, {c.name}", flush=True)
    if c.difference is not None:
        print(f"  DIFFERENT: {c.difference}")


def _summarize(comparisons: Sequence[Comparison]) -> int:
    lean = [c for c in comparisons if c.fallback is None]
    slow = [c for c in comparisons if c.fallback is not None]
    least = min((c for c in lean if c.kind == "csv"), key=lambda c: c.run_ratio, default=None)
    different = sum(c.difference is not None for c in comparisons)
    print(f"\n{len(comparisons)} scripts, {len(lean)} of them lean; {different} different")
    _line("run, median of the lean ones", [c.run_ratio for c in lean], 3.5)
    _line("run, median of all", [c.run_ratio for c in comparisons], 3.5)
    if least is not None:
        _line(f"run, least of lean CSV: {least.name}", [least.run_ratio], 1.8)
    _line("run, median of the others", [c.run_ratio for c in slow], 1.5)
    _line("whole process, median of all", [c.process_ratio for c in comparisons], 1.0)
    print(
        f"{_import_seconds():6.3f} (at most 0.080)  seconds that importing backfleet.Cerebro adds"
    )
    return 1 if different else 0


def _line(label: str, ratios: Sequence[float], limit: float) -> None:
    if ratios:
        print(f"{statistics.median(ratios):6.2f} (at least {limit:g})  {label}")


def _import_seconds() -> float:
    """The CPU time that importing the drop-in adds to importing backtrader."""
    texts = ("import backtrader", "import backtrader, backfleet; backfleet.Cerebro")
    seconds: list[list[float]] = [[], []]
    for _ in range(IMPORT_REPETITIONS):
        for position, text in enumerate(texts):
            child = subprocess.Popen([sys.executable, "-W", "ignore", "-c", text])
            seconds[position].append(_ended(child)[0])
    return statistics.median(seconds[1]) - statistics.median(seconds[0])


# Adoption


def _adopt_all(scripts: Sequence[Script]) -> int:
    equal, refused, different = 0, 0, 0
    for script in scripts:
        process = _process(script, "stock")
        kind = _kind(process.runs)
        if kind == "other" or not any(max(run["bars"], default=0) for run in process.runs):
            continue
        code, text = _adopted(script)
        equal, refused, different = (
            equal + (code == 0), refused + (code == 2), different + (code not in (0, 2)),
        )  # fmt: skip
        word = {0: "equal", 2: "refused"}.get(code, f"DIFFERENT ({code})")
        print(f"{word:8} {script.name}", flush=True)
        if code != 0:
            print("".join(f"         {line}\n" for line in text.splitlines()[-6:]), end="")
    total = equal + refused + different
    share = equal / total if total else 0.0
    print(f"\n{total} scripts with CSV or pandas feeds: {equal} equal, {refused} refused with a")
    print(f"reason, {different} different. {share:.0%} equal (at least 75%)")
    return 1 if different else 0


def _adopted(script: Script) -> tuple[int, str]:
    backfleet = Path(sys.executable).parent / "backfleet"
    with tempfile.TemporaryDirectory() as scratch:
        done = subprocess.run(
            [str(backfleet), "adopt", "-o", f"{scratch}/adopted", "--run", "1", script.path]
            + (["--", *script.arguments] if script.arguments else []),
            cwd=script.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    return done.returncode, done.stdout


if __name__ == "__main__":
    sys.exit(main())
