"""A harness that calls the command line with many hostile inputs and reports what it withstood.

One process imports backfleet once. It forks a child for each case, so that no case can affect
another: the kernel limits the child's memory and time, and an audit hook records the files that it
opens. See `hostile.victim` for the process.

A fuzzer makes `Case`s and hands them to `assert_withstood`. Use `attack` and `problems` where a
test wants to look at the outcomes itself.
"""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

__all__ = [
    "CLI",
    "MAX_MEMORY",
    "Case",
    "Ground",
    "Outcome",
    "assert_withstood",
    "attack",
    "problems",
]

CLI = "backfleet.cli:main"
MAX_MEMORY = 2**30
"""Bytes of data that a case may allocate, and of memory that it may have in use at its peak."""

CPU_SECONDS = 20.0
"""CPU time of a case. It does not depend on how busy the machine is."""

WAIT_SECONDS = 120.0
"""Wall time after which a case that uses no CPU time is taken for blocked."""

MAX_LINES = 20
"""Lines of a message on standard error."""

MAX_SHOWN = 8
"""Failed cases in the message of `assert_withstood`."""

TESTS = Path(__file__).parent.parent


@dataclass(frozen=True, eq=False)
class Case:
    """One call in a folder of its own.

    Attributes
    ----------
    name
        Names the case in messages, such as "seed 7, number 12".
    arguments
        The command line, without the program's name.
    call
        `module:function` to call, which reads `sys.argv`; by default the command line itself. A
        test may name a function of its own, and print what it wants to see.
    files
        Content by path, written to the case's folder first. A None is a FIFO without a writer.
    template
        A folder that is copied to the case's folder before `files` are written.
    environment
        Variables that are added to the environment.
    effects
        Beginnings of effects that are right, beside those of the ground.
    exit_codes
        Those that are right.
    max_lines
        Lines of standard error that are right with exit code 2.
    """

    name: str
    arguments: tuple[str, ...]
    call: str = CLI
    files: Mapping[str, bytes | None] = field(default_factory=dict)
    template: Path | None = None
    stdin: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    effects: tuple[str, ...] = ()
    exit_codes: frozenset[int] = frozenset({0, 2})
    max_lines: int = MAX_LINES


@dataclass(frozen=True)
class Outcome:
    """The end of a case.

    Attributes
    ----------
    code
        The exit code; None where a signal ended the process.
    killed_by
        The signal's name. SIGPROF stands for too much CPU time, SIGALRM for a blocked case.
    effects
        What the case did outside the folders that its ground allows, a line each: "read PATH",
        "write PATH", "connect ADDRESS", "start PROGRAM", "signal PID". All but reads are denied.
    peak
        Bytes of memory in use at the peak.
    seconds
        CPU time.
    """

    code: int | None
    killed_by: str | None
    out: str
    err: str
    effects: tuple[str, ...]
    peak: int
    seconds: float


@dataclass(frozen=True)
class Ground:
    """Where cases run, and what they may touch.

    Attributes
    ----------
    folder
        Each case gets a folder below it; so do the home directory, temporary files and the cache.
        It must be empty at first.
    readable, writable
        Further files and folders.
    effects
        Beginnings of effects that are right, such as "start" for cases that start workers.
    preload
        Modules to import once, before the first case.
    secrets
        Texts that no case may print, such as the content of files outside.
    """

    folder: Path
    readable: Collection[Path] = ()
    writable: Collection[Path] = ()
    effects: Collection[str] = ()
    preload: Collection[str] = ()
    secrets: Collection[str] = ()
    max_memory: int = MAX_MEMORY
    cpu_seconds: float = CPU_SECONDS
    wait_seconds: float = WAIT_SECONDS


def attack(cases: Sequence[Case], ground: Ground) -> list[Outcome]:
    """Run all cases, one after the other, and return their outcomes in the same order."""
    ground.folder.mkdir(parents=True, exist_ok=True)
    for name in ("home", "tmp", "cache"):
        (ground.folder / name).mkdir(exist_ok=True)
    with tempfile.TemporaryFile() as request:
        pickle.dump((list(cases), ground), request)
        request.seek(0)
        victim = subprocess.run(
            [sys.executable, "-m", "hostile.victim"],
            cwd=ground.folder,
            stdin=request,
            stdout=subprocess.PIPE,
            env=_environment(ground),
            check=True,
        )
    return [_outcome(line) for line in victim.stdout.splitlines()]


def problems(case: Case, outcome: Outcome, ground: Ground) -> list[str]:
    """Return what is wrong with an outcome; nothing if the case was withstood."""
    texts = []
    if outcome.killed_by == "SIGPROF":
        texts.append(f"took more than {ground.cpu_seconds:g} s of CPU time")
    elif outcome.killed_by == "SIGALRM":
        texts.append("is blocked")
    elif outcome.killed_by is not None:
        texts.append(f"was killed by {outcome.killed_by}")
    elif outcome.code not in case.exit_codes:
        texts.append(f"exit code {outcome.code} is not one of {sorted(case.exit_codes)}")
    if "Traceback (most recent call last)" in outcome.out + outcome.err:
        texts.append("shows a traceback")
    if outcome.code == 2:
        texts += _message_problems(outcome.err, case.max_lines)
    if outcome.peak > ground.max_memory:
        texts.append(f"had {outcome.peak / 2**20:.0f} MiB of memory in use")
    texts += [f"touched what it must not: {effect}" for effect in outcome.effects]
    texts += [
        f"printed the secret {text!r}"
        for text in ground.secrets
        if text in outcome.out + outcome.err
    ]
    return texts


def assert_withstood(cases: Sequence[Case], ground: Ground) -> list[Outcome]:
    """Run all cases and fail with those that were not withstood; returns the outcomes."""
    outcomes = attack(cases, ground)
    failures = [
        (case, outcome, texts)
        for case, outcome in zip(cases, outcomes, strict=True)
        if (texts := problems(case, outcome, ground))
    ]
    shown = "\n\n".join(_describe(*failure) for failure in failures[:MAX_SHOWN])
    # pytest-xdist cannot pass on a message with half a character.
    shown = shown.encode(errors="backslashreplace").decode()
    assert not failures, f"{len(failures)} of {len(cases)} cases were not withstood:\n\n{shown}"
    return outcomes


def _environment(ground: Ground) -> dict[str, str]:
    """Only what Python needs: the user's settings, credentials and cache stay out."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
    return kept | {
        "PYTHONPATH": str(TESTS),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "HOME": str(ground.folder / "home"),
        "TMPDIR": str(ground.folder / "tmp"),
        "BACKFLEET_CACHE": str(ground.folder / "cache"),
        "XDG_STATE_HOME": str(ground.folder / "home"),
        # Without a network: nothing listens there, and botocore gives up at once.
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
    }


def _outcome(line: bytes) -> Outcome:
    values = json.loads(line)
    status = values.pop("status")
    killed = os.WIFSIGNALED(status)
    return Outcome(
        code=None if killed else os.WEXITSTATUS(status),
        killed_by=signal.Signals(os.WTERMSIG(status)).name if killed else None,
        effects=tuple(values.pop("effects")),
        **values,
    )


def _message_problems(err: str, max_lines: int) -> list[str]:
    lines = err.strip().splitlines()
    if err.startswith("Usage: "):
        # A group without a command shows its help.
        return []
    texts = [] if any(line.strip(" \t:") for line in lines) else ["says nothing"]
    if len(lines) > max_lines:
        texts.append(f"prints {len(lines)} lines")
    return texts


def _describe(case: Case, outcome: Outcome, texts: Sequence[str]) -> str:
    files = [
        f"    {path}: {content[:600]!r}" if content is not None else f"    {path}: a FIFO"
        for path, content in case.files.items()
    ]
    lines = [
        f"{case.name}: {'; '.join(texts[:5])}",
        f"    arguments: {[_cut(argument) for argument in case.arguments]!r}",
        *files,
        f"    stderr: {outcome.err[-1200:]}",
    ]
    return "\n".join(lines)


def _cut(argument: str) -> str:
    return argument if len(argument) <= 300 else f"{argument[:300]}... ({len(argument)})"
