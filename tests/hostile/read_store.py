"""Damage a store and read it with all commands, in the process of one case of `hostile.attack`."""

from __future__ import annotations

import dataclasses
import io
import json
import random
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from backfleet.cli import main as cli_main
from backfleet.serve.read_only import ReadOnlyStore
from backfleet.serve.run_catalog import Catalog
from backfleet.store import open_store
from hostile.damaged_store import SECRET_TEXT, damage

__all__ = ["main"]

MAX_LINES = 20
SECONDS = 60.0
"""Time in which the catalog of `serve` must have looked at each run."""


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str


def main() -> None:
    """Read `sys.argv`: a seed, the run to damage, a neighbor, and another run that stays sound."""
    seed, run, neighbor, other = sys.argv[1:]
    done = damage(Path("runs", run), Path("runs", neighbor), random.Random(int(seed)))
    failures = [
        text
        for arguments in commands(run, neighbor)
        for text in _problems(arguments, _call(arguments), (neighbor, other))
    ]
    failures += _unseen((neighbor, other))
    removal = ["runs", "rm", f"runs/{run}", "--yes", "--force"]
    failures += _problems(removal, _call(removal), ())
    if failures:
        print("\n".join([done, *failures[:4]]), file=sys.stderr)
        sys.exit(3)


def commands(run: str, neighbor: str) -> list[list[str]]:
    """Return all commands that read a run, and those that look at its workers."""
    sql = "select run_id, count(*) from results group by 1"
    name = f"runs/{run}"
    return [
        ["runs"],
        ["runs", "--json"],
        ["runs", "--where", "tasks > 0"],
        ["results", "--sql", sql],
        ["status", name],
        ["status", run, "--json"],
        ["results", name],
        ["results", name, "--format", "csv"],
        ["results", name, "--sql", "select * from equity limit 5"],
        ["logs", name],
        ["logs", name, "0"],
        ["logs", name, "--worker", "0"],
        ["cancel", name],
        ["report", name, "-o", "run.html"],
        ["report", name, "0", "-o", "task.html"],
        ["verify", name, "--sample", "1"],
        ["debug", name],
        ["compare", name, f"runs/{neighbor}"],
        ["compare", f"runs/{neighbor}", name],
        ["export", name, "run.zip"],
        ["wait", name],
        ["runs", "tag", name, "new"],
    ]


def _call(arguments: Sequence[str]) -> Answer:
    streams = [io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2)]
    before = sys.stdout, sys.stderr, sys.argv
    sys.stdout, sys.stderr = streams
    sys.argv = ["backfleet", *arguments]
    code = 0
    try:
        cli_main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:
        traceback.print_exc()
        code = 1
    finally:
        sys.stdout, sys.stderr, sys.argv = before
    texts = []
    for stream in streams:
        stream.flush()
        stream.buffer.seek(0)
        texts.append(stream.buffer.read().decode())
    return Answer(code, *texts)


def _problems(arguments: Sequence[str], answer: Answer, sound: Sequence[str]) -> list[str]:
    """Return what is wrong with an answer; `sound` are the runs that a listing must have."""
    call = " ".join(arguments)
    texts = []
    if "Traceback" in answer.out + answer.err:
        texts.append(f"{call}: {answer.err[-1500:]}")
    elif answer.code not in (0, 1, 2):
        texts.append(f"{call}: exit code {answer.code}: {answer.err[-300:]}")
    elif answer.code == 1 and arguments[0] not in ("wait", "verify"):
        texts.append(f"{call}: exit code 1: {answer.err[-500:]}")
    if SECRET_TEXT in answer.out + answer.err:
        texts.append(f"{call}: prints a file outside the store")
    if len(answer.err.splitlines()) > MAX_LINES:
        texts.append(f"{call}: {len(answer.err.splitlines())} lines: {answer.err[:500]}")
    is_listing = (arguments[0] == "runs" and "tag" not in arguments) or arguments[1] == "--sql"
    if is_listing and not all(run in answer.out for run in sound):
        texts.append(f"{call}: other runs are hidden: {answer.code} {answer.err[-800:]}")
    return texts


def _unseen(sound: Sequence[str]) -> list[str]:
    """Return a problem if the catalog of `serve` does not show the state of the sound runs."""
    catalog = Catalog(ReadOnlyStore(open_store("runs")))
    catalog.start()
    until = time.monotonic() + SECONDS
    try:
        while time.monotonic() < until:
            listed = catalog.runs()
            states = {it.run_id: it.status.state for it in listed if it.status is not None}
            if all(states.get(run) == "complete" for run in sound):
                json.dumps([dataclasses.asdict(it) | {"status": None} for it in listed])
                return []
            time.sleep(0.05)
    except Exception:
        return [f"serve: {traceback.format_exc()}"]
    finally:
        catalog.stop()
    return [f"serve: the sound runs are not seen: {states}"]
