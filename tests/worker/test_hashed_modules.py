"""The modules of backfleet that run during a task are those that the run's id covers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from backfleet.code.own_code import LAZY_PACKAGES, NO_NUMBERS, TASK_MODULES, own_files

TRACE = """
import json, os, sys
from inspect import CO_OPTIMIZED

ran = set()

def trace(frame, event, argument):
    # The body of a module or a class runs when it is imported: it is no function.
    if event == "call" and frame.f_code.co_flags & CO_OPTIMIZED:
        ran.add(frame.f_globals.get("__name__") or "")

from backfleet.code.hashes import plugin_closure, strategy_closure
from backfleet.code.own_code import TASK_MODULES, own_files
from backfleet.job import Job
from backfleet.plan.plan import plan_job
from backfleet.plan.task_context import TaskContext
from backfleet.plugins import find_plugin

values = json.loads(sys.argv[1])
plan = plan_job(Job(**values))
os.environ["BACKFLEET_CACHE"] = sys.argv[2]  # In an empty cache, bars are read from their files.
from backfleet.worker.chunk_encoder import ChunkEncoder
from backfleet.worker.task import TaskRunner

sys.setprofile(trace)
manifest = plan.manifest
runner = TaskRunner(TaskContext(manifest, plan.strategy, plan.job.data.path))
results = [runner.result(task) for task in range(manifest.tasks)]
encoder = ChunkEncoder(manifest)
encoder.encode(0, 0, results)
sys.setprofile(None)

assert all(result.error is None for result in results), results
plugins = [find_plugin(kind, part.name) for kind, part in manifest.identity.components()]
closures = [strategy_closure(plan.strategy), *(plugin_closure(each.target) for each in plugins)]
own = {name for closure in closures for name in closure.own}
files = {*own_files([*TASK_MODULES, *own]), *(path for each in closures for path in each.files)}
print(json.dumps([sorted(ran), sorted(files)]))
"""

TASKS = {
    "summary": {"results": {"detail": "summary"}},
    "full detail": {"results": {"detail": "full"}},
    "market": {"market": {"rules": "cn-a", "actions": "none"}},
    "portfolio": {
        "strategy": "top-n-momentum",
        "params": {"days": [20, 30], "n": 1},
        "universe": "portfolio",
    },
}


@pytest.mark.parametrize("kind", TASKS)
@pytest.mark.parametrize("engine", ["backtrader-stock", "backtrader", "vector"])
def test_what_runs_during_a_task_is_hashed_or_cannot_change_a_number(
    engine: str, kind: str, sample_data: Path, tmp_path: Path
) -> None:
    task = dict(TASKS[kind])
    data = {
        "source": "cn-daily",
        "path": str(sample_data),
        "symbols": ["600519", "600559"],
        "universe": task.pop("universe", "each"),
        "start": "2019-06-03",
        "warmup": 40,
    }
    values = {"strategy": "sma-crossover", "params": {"period": [5, 15]}, **task}
    job = json.dumps({**values, "engine": engine, "data": data})
    done = subprocess.run(
        [sys.executable, "-c", TRACE, job, str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    ran, files = json.loads(done.stdout)
    hashed = {name_of(file) for file in files}
    own = {name for name in ran if name.partition(".")[0].startswith("backfleet")}
    assert {"backfleet.bars", "backfleet.worker.task", "backfleet.sources.cn_daily"} <= own
    assert {name for name in own - hashed if not is_exception(name)} == set()


def test_what_decides_the_size_of_chunks_is_not_hashed() -> None:
    assert "backfleet/plan/chunk_size.py" not in own_files(TASK_MODULES)


def name_of(file: str) -> str:
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def is_exception(module: str) -> bool:
    if module in NO_NUMBERS:
        return True
    rooms = NO_NUMBERS - LAZY_PACKAGES
    return any(module.startswith(f"{room}.") for room in rooms)
