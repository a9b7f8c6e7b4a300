"""`backfleet run --dry-run`: what a job would do."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from backfleet.cli.options import echo_json
from backfleet.console import count_of, first_names
from backfleet.executor import Remote
from backfleet.plan.find_known_rows import find_known_rows
from backfleet.plan.known_rows import KnownRows
from backfleet.plan.plan import Plan
from backfleet.plan.windows import CutWindows
from backfleet.results.chunk_index import ChunkIndex
from backfleet.runs.executors import open_executor
from backfleet.runs.setup_words import setup_words
from backfleet.runs.undeclared import check_undeclared_files
from backfleet.store import open_store
from backfleet.submissions.workload import estimate, workload

if TYPE_CHECKING:
    from backfleet.cli.run_job import LaunchOptions

__all__ = ["show_plan"]

MAX_NAMED_SYMBOLS = 5
"""More symbols than these are counted."""


def show_plan(plan: Plan, launch: LaunchOptions) -> None:
    """Print tasks, chunks, the data that was found and what is done; write nothing.

    Raises ExecutorError, PluginError, StoreError, UndeclaredFileChanged.
    """
    facts = _facts(plan, launch)
    if launch.as_json:
        echo_json(facts)
        return
    for name, text in _words(plan, facts).items():
        click.echo(f"{name:<9} {text}")


def _words(plan: Plan, facts: dict[str, Any]) -> dict[str, str]:
    data = facts["data"]
    names = [symbol.name for symbol in plan.manifest.symbols]
    size = facts["chunk_size"]
    finished = "its task is" if size == 1 else f"its tasks, up to {size:,}, are"
    known = f"{facts['known']:,} known from earlier runs, " if facts["known"] else ""
    grid = f"{count_of(facts['symbols'], 'symbol')} x {count_of(facts['points'], 'point')}"
    words = {
        "run_id": facts["run_id"],
        "strategy": plan.job.strategy,
        "tasks": f"{facts['tasks']:,} = {grid}",
        "chunks": f"{facts['chunks']:,}, each stored when {finished} done",
        "symbols": first_names(names, MAX_NAMED_SYMBOLS),
        "data": f"{count_of(data['bars'], 'bar')}, {data['first']} to {data['last']}",
        "setup": setup_words(plan.manifest),
        # The JSON of all commands calls the location of the run `store`; people would take it for
        # the folder of runs that they give as `--store`.
        "location": facts["store"],
        "done": f"{count_of(facts['done'], 'task')}; {known}{facts['to_compute']:,} to compute",
        "workers": f"{facts['workers']:,}, on the executor {facts['executor']}",
    }
    if facts["windows"]:
        windows = facts["windows"]
        folds = count_of(windows["folds"], "fold")
        words["windows"] = (
            f"{folds} ({windows['kind']}), tested {windows['first_test']} to "
            f"{windows['last_test']}; {windows['factor']:.1f} times the work of the plain sweep"
        )
    words |= dict(plan.manifest.notes.lines(len(names)))
    cost = facts["cost"]
    if cost is not None:
        words["cost"] = f"about {cost['amount']:.4f} {cost['currency']} ({cost['basis']})"
    return words


def _facts(plan: Plan, launch: LaunchOptions) -> dict[str, Any]:
    executor = open_executor(launch.executor, launch.options)
    manifest = plan.manifest
    # The executor may use another store than the job names, exactly as a submit would.
    root = open_store(Remote.of(executor).results_store(plan.job.results.store))
    store = root.at(manifest.run_id)
    # As a submit does: of a run without a key, no chunk counts.
    store.seals.prepare()
    chunk_index = ChunkIndex(store, manifest)
    chunk_index.refresh()
    # Raises if stored rows depend on a file that has changed, since a submit would do so, too.
    check_undeclared_files(chunk_index, plan.strategy)
    chunks, resources = chunk_index.missing(), plan.job.resources
    known = find_known_rows(root, manifest, chunks) if launch.reuse else KnownRows()
    left = known.incomplete(manifest.chunks, chunks)
    reused = sum(known.count(manifest.chunks[chunk]) for chunk, _ in left)
    work = workload(
        store, manifest, left, cpus=resources.cpus, memory=resources.memory, reused=reused
    )
    # Of the work that is left after known rows, which is what would be paid for.
    shards, cost = estimate(executor, work)
    done = chunk_index.counts().done
    return {
        "run_id": manifest.run_id,
        "store": store.url,
        "tasks": manifest.tasks,
        "symbols": len(manifest.symbols),
        "points": len(manifest.points),
        "chunks": len(manifest.chunks),
        "chunk_size": manifest.chunks.size,
        "data": {
            "bars": sum(symbol.bars for symbol in manifest.symbols),
            "first": min(symbol.first for symbol in manifest.symbols),
            "last": max(symbol.last for symbol in manifest.symbols),
        },
        "notes": asdict(manifest.notes),
        "done": done,
        "known": len(known),
        # Tasks that have a row are not looked up again, so the two numbers do not overlap.
        "to_compute": manifest.tasks - done - len(known),
        "executor": launch.executor,
        "workers": shards,
        "windows": _windows(plan),
        "cost": asdict(cost) if cost else None,
    }


def _windows(plan: Plan) -> dict[str, Any] | None:
    """Return the folds of a job, and the work of its windows in that of the plain sweep.

    Running windows are slices of one account, which cost no work.
    """
    if plan.windows is None:
        return None
    first, last = plan.windows.tested
    return {
        "kind": plan.job.validation.windows,
        "folds": len(plan.windows.folds),
        "first_test": str(first),
        "last_test": str(last),
        "factor": _factor(plan.windows) if plan.job.validation.start == "flat" else 1.0,
    }


def _factor(windows: CutWindows) -> float:
    """Return the sessions of all windows over those of the run."""
    import numpy as np

    lengths = [
        # Both ends are inclusive.
        int(np.searchsorted(windows.days, np.datetime64(last), "right"))
        - int(np.searchsorted(windows.days, np.datetime64(first)))
        for first, last in windows.spans()
    ]
    return sum(lengths) / len(windows.days)
