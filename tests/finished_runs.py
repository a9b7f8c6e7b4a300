"""Finished runs: one for each job of a module, and without workers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import backfleet as bf
from backfleet.chunks.commit import ChunkContent, commit_chunk, encode_chunk
from backfleet.chunks.detail import stored_tables
from backfleet.plan.manifest import Manifest
from backfleet.plan.manifest_store import save_manifest
from backfleet.plan.plan import plan_job
from backfleet.plan.rows import RowLayout
from backfleet.store import open_store
from backfleet.submissions.prepare import draft_of
from backfleet.submissions.submission_log import SubmissionLog
from backfleet.worker.task import TaskRunner

__all__ = ["RunOf", "run_here", "run_once"]

RunOf = Callable[..., bf.Run]


def run_once(factory: pytest.TempPathFactory, fresh: RunOf) -> RunOf:
    """Return `fresh` with a store of its own for each job; equal jobs run once.

    Parameters
    ----------
    fresh
        Runs a job in the store that is its first argument.
    """
    runs: dict[str, bf.Run] = {}

    def run(**changes: Any) -> bf.Run:
        key = repr(changes)
        if key not in runs:
            runs[key] = fresh(factory.mktemp("runs"), **changes)
        return runs[key]

    return run


def run_here(job: bf.Job, manifest: Manifest | None = None) -> bf.Run:
    """Run a job in this process, and store what its workers would; under another manifest, if one
    is given."""
    plan = plan_job(job)
    shown = manifest or plan.manifest
    store = open_store(job.results.store).at(shown.run_id)
    save_manifest(store, shown)
    SubmissionLog(store).append(draft_of(plan))
    runner = TaskRunner(plan.task_context())
    for chunk in range(len(shown.chunks)):
        results = [runner.result(task) for task in shown.chunks[chunk]]
        tables = stored_tables(results, shown.details)
        rows = RowLayout(shown).rows(results)
        commit_chunk(store, encode_chunk(ChunkContent(shown.run_id, chunk, 0, rows, tables, {})))
    return bf.Run(store)
