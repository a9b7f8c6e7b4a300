"""Children are the same, however the process that they are forked from was started."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import backfleet as bf

STRATEGY = """
import gc, io, json, os, re, signal, sys, threading, time, warnings

import backtrader as bt
import numpy.lib._datasource as datasource
import psutil

from backfleet.errors import FolderWarning


def shown(category):
    text = io.StringIO()
    warnings.showwarning(category("said"), category, "mine.py", 1, text)
    return text.getvalue()


def file_of(descriptor):
    try:
        file = os.readlink(f"/proc/self/fd/{descriptor}")
    except FileNotFoundError:
        return "the list of descriptors"
    return re.sub("[0-9]+|(output|pym)-.*", "", file)


def surroundings():
    descriptors = [int(each) for each in os.listdir("/proc/self/fd")]
    return {
        "warnings": [shown(UserWarning), shown(FolderWarning)],
        "filters": sorted(map(repr, warnings.filters)),
        "descriptors": sorted((each, file_of(each)) for each in descriptors),
        "streams": [repr(type(each)) for each in (sys.stdin, sys.stdout, sys.stderr)],
        "signals": [repr(signal.getsignal(each)) for each in sorted(signal.valid_signals())],
        "threads": threading.active_count(),
        "collection": [gc.isenabled(), gc.get_threshold(), gc.get_freeze_count() > 0],
        "path": sys.path,
        "flags": repr(sys.flags),
        "arguments": sys.argv[1:],
        "finders": [repr(type(each)) for each in sys.meta_path],
        "openers": [repr(each.__wrapped__.__wrapped__)
                    for each in (open, datasource._file_openers[None])],
        "zone": time.tzname,
        "hash": hash("backfleet"),
        "environment": {name: value for name, value in sorted(os.environ.items())
                        if name not in ("RECORD", "_")},
        "mask": os.umask(0o22),
    }


class Probe(bt.Strategy):
    def __init__(self):
        parents = [each.cmdline() for each in psutil.Process().parents()[:2]]
        with open(os.environ["RECORD"], "w") as file:
            json.dump({"surroundings": surroundings(), "parents": parents}, file)
"""


@pytest.fixture(scope="module")
def submission(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The submission of a run of one task, of which nothing is done."""
    folder = tmp_path_factory.mktemp("forkserver")
    (folder / "mine.py").write_text(STRATEGY)
    days = "\n".join(f"2024-01-{day:02},10,12,8,{9 + day % 3},100" for day in range(1, 21))
    (folder / "AAA.csv").write_text(f"date,open,high,low,close,volume\n{days}\n")
    job = {
        "strategy": f"{folder / 'mine.py'}:Probe",
        "data": {"source": "csv", "path": str(folder), "symbols": ["AAA"]},
        "results": {"store": str(folder / "runs")},
    }
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("RECORD", str(folder / "first"))
        run = bf.run(bf.Job.model_validate(job), progress=None)
    return Path(run.url) / "submissions" / "1.json"


def probe(submission: Path, **environment: str) -> Any:
    """Run the task once more in a worker of its own, and return what its strategy recorded."""
    shutil.rmtree(submission.parents[1] / "chunks")
    record = submission.with_name("record")
    command = [sys.executable, "-P", "-m", "backfleet", "worker", str(submission), "0"]
    subprocess.run(command, check=True, env={**os.environ, "RECORD": str(record), **environment})
    return json.loads(record.read_text())


def test_a_child_of_a_forked_forkserver_is_like_one_of_a_fresh_interpreter(
    submission: Path,
) -> None:
    forked = probe(submission, PYTHONHASHSEED="0")
    fresh = probe(submission, PYTHONHASHSEED="random")

    for part, value in fresh["surroundings"].items():
        assert forked["surroundings"][part] == value, part
    assert forked["parents"][0] == forked["parents"][1], "the worker forked it"
    assert "multiprocessing.forkserver" in fresh["parents"][0][-1], "an interpreter of its own"


def test_no_child_has_the_key_of_the_run_in_its_environment_or_memory(submission: Path) -> None:
    child = probe(submission, PYTHONHASHSEED="0", BACKFLEET_RUN_KEY="00" * 32)

    assert "BACKFLEET_RUN_KEY" not in child["surroundings"]["environment"]
    assert "multiprocessing.forkserver" in child["parents"][0][-1], "a fork would have the key"
