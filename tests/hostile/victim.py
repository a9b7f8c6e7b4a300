"""The process that `hostile.attack` starts: it forks a child for each case.

Standard input holds the pickled cases; each outcome is one line of JSON on standard output.
"""

from __future__ import annotations

import faulthandler
import gc
import importlib
import json
import os
import pickle
import pkgutil
import resource
import shutil
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, NoReturn

from hostile.attack import Case, Ground
from hostile.audit import Auditor

MAX_KEPT = 200_000
"""Bytes of output that are kept of a case."""

MAX_FILE = 2**30


def main() -> None:
    cases, ground = pickle.load(sys.stdin.buffer)
    assert all(isinstance(case, Case) for case in cases)
    _preload(ground)
    # The imported modules are shared with each child; without this, collecting copies them.
    gc.freeze()
    warnings.filterwarnings("ignore", category=DeprecationWarning, message=".*fork.*")
    for case in cases:
        print(json.dumps(_run(case, ground)), flush=True)


def _preload(ground: Ground) -> None:
    """Import what commands import lazily, so that not each case does."""
    import backfleet.cli

    for module in pkgutil.iter_modules(backfleet.cli.__path__, "backfleet.cli."):
        importlib.import_module(module.name)
    for name in ground.preload:
        importlib.import_module(name)


def _run(case: Case, ground: Ground) -> dict[str, Any]:
    folder = _lay_out(case, ground)
    out, err, effects = (os.fdopen(os.memfd_create(name), "w+b") for name in ("out", "err", "fx"))
    with out, err, effects:
        child = os.fork()
        if child == 0:
            _become_victim(case, ground, folder, (out, err, effects))
        _, status, usage = os.wait4(child, 0)
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)
        return {
            "status": status,
            "out": _text(out),
            "err": _text(err),
            "effects": list(dict.fromkeys(_text(effects).splitlines())),
            "peak": usage.ru_maxrss * 1024,
            "seconds": usage.ru_utime + usage.ru_stime,
        }


def _lay_out(case: Case, ground: Ground) -> Path:
    folder = ground.folder / "case"
    shutil.rmtree(folder, ignore_errors=True)
    if case.template is not None:
        shutil.copytree(case.template, folder, symlinks=True)
    folder.mkdir(exist_ok=True)
    for name, content in case.files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            os.mkfifo(file)
        else:
            file.write_bytes(content)
    return folder


def _become_victim(
    case: Case, ground: Ground, folder: Path, files: Sequence[IO[bytes]]
) -> NoReturn:
    """Set the limits, call the function and end this process."""
    code = 1
    try:
        os.setsid()
        os.chdir(folder)
        os.environ.update(case.environment)
        _redirect(case, files)
        _limit(ground)
        module, _, name = case.call.partition(":")
        function = getattr(importlib.import_module(module), name)
        sys.addaudithook(Auditor(ground, case.effects, files[2].fileno()))
        code = _call(function, ["backfleet", *case.arguments])
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(BaseException):
            sys.stdout.flush()
        with suppress(BaseException):
            sys.stderr.flush()
        os._exit(code)


def _redirect(case: Case, files: Sequence[IO[bytes]]) -> None:
    given = os.memfd_create("in")
    os.write(given, case.stdin.encode("utf-8", "surrogateescape"))
    os.lseek(given, 0, os.SEEK_SET)
    for target, source in enumerate((given, files[0].fileno(), files[1].fileno())):
        os.dup2(source, target)


def _limit(ground: Ground) -> None:
    """Limit memory and time, in a way that holds within C code too.

    faulthandler writes the stack and then lets the signal end the process, as is its default.
    """
    faulthandler.enable(2)
    for timer, number, seconds in (
        (signal.ITIMER_PROF, signal.SIGPROF, ground.cpu_seconds),
        (signal.ITIMER_REAL, signal.SIGALRM, ground.wait_seconds),
    ):
        faulthandler.register(number, 2, all_threads=False, chain=True)
        signal.setitimer(timer, seconds)
    resource.setrlimit(resource.RLIMIT_DATA, (ground.max_memory, ground.max_memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_FILE, MAX_FILE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _call(function: Callable[[], object], arguments: list[str]) -> int:
    sys.argv = arguments
    try:
        function()
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
            return 1
        return end.code or 0
    return 0


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read(MAX_KEPT).decode("utf-8", "replace")


if __name__ == "__main__":
    main()
