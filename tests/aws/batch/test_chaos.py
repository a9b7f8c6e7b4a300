"""Workers killed at random, an API that fails now and then: the rows are those of a run here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

import backfleet as bf
from backfleet.job import Overrides
from stored_rows import stored_rows
from testbed.aws.deployment import AwsServer
from testbed.aws.gate import Gate

KILLED = 0.1
API_ERRORS = 0.05
MOST_RESUMES = 5


@pytest.mark.parametrize(
    ("fast", "slow", "shards"),
    [
        pytest.param(16, 20, 16, marks=pytest.mark.testbed),
        pytest.param(100, 100, 300, marks=pytest.mark.exhaustive),
    ],
)
def test_no_task_is_lost_or_counted_twice_among_kills_and_errors(
    job_file: Callable[..., Path],
    settings: Mapping[str, str],
    aws_server: AwsServer,
    gate: Gate,
    tmp_path: Path,
    fast: int,
    slow: int,
    shards: int,
) -> None:
    aws_server.register(
        aws_server.job_definition, environment=[{"name": "AWS_ENDPOINT_URL", "value": gate.url}]
    )
    params = "\n".join(
        f"{name} = {{ start = {first}, stop = {first + count - 1}, step = 1 }}"
        for name, first, count in (("fast", 2, fast), ("slow", 102, slow))
    )
    file = job_file(params, "dual-moving-average")
    job = bf.Job.load(file, Overrides(sets=["results.detail=summary"]))
    gate.trouble(API_ERRORS, seed=5)
    aws_server.control("chaos", rate=KILLED, seconds=3, seed=7)
    options = [f"{key}={value}" for key, value in settings.items()]
    control = bf.submit(job, "aws-batch", [*options, f"workers={shards}"])
    control.wait()
    run = control.run
    resumes = 0
    while run.summary().missing and resumes < MOST_RESUMES:
        resumes += 1
        control.resume()
        control.wait()
    aws_server.control("chaos", rate=0)
    gate.rate = 0.0
    here = Overrides(sets=["results.detail=summary", f"results.store={tmp_path}/here"])
    local = bf.run(bf.Job.load(file, here), progress=None)

    assert len(run.latest_submission().submission.shards) == shards or resumes
    assert run.id == local.id
    assert [row["task"] for row in stored_rows(run)] == list(range(run.manifest.tasks))
    assert stored_rows(run) == stored_rows(local)
