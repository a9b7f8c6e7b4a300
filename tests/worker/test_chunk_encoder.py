"""A chunk that a child encodes is the chunk that its worker would make of the same results."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import backfleet as bf
from backfleet.executor import Executor
from backfleet.plan.manifest_store import save_manifest
from backfleet.plan.plan import plan_job
from backfleet.runs.executors import open_executor
from backfleet.runs.run import Run
from backfleet.store import open_store
from backfleet.submissions.prepare import draft_of, prepare
from backfleet.submissions.submission_log import SubmissionLog, read_submission
from backfleet.worker import worker
from backfleet.worker.messages import Encoded, TaskResults
from backfleet.worker.worker import ShardWorker

POINTS = 1100
HEADER = ("chunk", "generation", "first", "count", "logical", "blobs", "ok", "error", "platform")


def make_run(folder: Path, data: Path, detail: str) -> tuple[Run, str]:
    """A run of one shard whose worker is yet to be started, and its submission."""
    values: dict[str, Any] = {
        "params": {"period": {"start": -1, "stop": POINTS - 2, "step": 1}},
        "data": {"source": "cn-daily", "path": str(data), "symbols": "600519"},
        "results": {"store": str(folder), "detail": detail},
    }
    plan = plan_job(bf.Job(strategy="sma-crossover", **values))
    store = open_store(str(folder)).at(plan.manifest.run_id)
    run = Run(store, save_manifest(store, plan.manifest))
    executor: Executor = open_executor("local", ["workers=1"])
    chunks = run.chunk_index.missing()
    prepared = prepare(store, executor, run.manifest, draft_of(plan), chunks)
    return run, SubmissionLog(store).append(prepared.submission).url


@pytest.mark.parametrize("detail", ["summary", "full"])
def test_rows_and_details_are_the_same_whoever_encodes_them(
    detail: str, tmp_path: Path, sample_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: Counter[type] = Counter()
    take = ShardWorker._take

    def counting(self: ShardWorker, done: TaskResults | Encoded) -> None:
        taken[type(done)] += 1
        take(self, done)

    monkeypatch.setattr(ShardWorker, "_take", counting)
    headers = []
    for whoever, least in (("child", 16), ("worker", POINTS)):
        monkeypatch.setattr(worker, "MIN_ENCODED_TASKS", least)
        run, submission = make_run(tmp_path / whoever, sample_data, detail)
        taken.clear()
        ShardWorker(*read_submission(submission), [0]).run()
        assert set(taken) == ({Encoded, TaskResults} if whoever == "child" else {TaskResults})
        assert run.counts().error == 2, "the first periods are refused"
        assert list(run.logs(0)), "its traceback is kept"
        headers.append(
            [[getattr(header, name) for name in HEADER] for header in run.chunk_index.headers()]
        )

    assert headers[0] == headers[1]
    assert len(headers[0]) == 33
