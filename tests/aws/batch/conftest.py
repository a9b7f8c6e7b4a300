"""Jobs that run on the stand-in for AWS Batch, and a gate through which requests go wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import backfleet as bf
from backfleet.executor import Submission
from backfleet.plan.manifest_store import save_manifest
from backfleet.plan.plan import plan_job
from backfleet.store import open_store
from backfleet.submissions.deal import deal_chunks
from backfleet.submissions.prepare import draft_of
from backfleet.submissions.submission_log import SubmissionLog
from backfleet_executors.aws.batch.executor import AwsBatchExecutor
from backfleet_executors.aws.batch.settings import AwsBatchSettings
from sample_job import job_text
from testbed.aws.deployment import AwsServer
from testbed.aws.gate import Gate, open_gate


@pytest.fixture
def gate(aws_server: AwsServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """A gate through which this process and its children reach AWS; jobs do not."""
    with open_gate(aws_server.url) as gate:
        monkeypatch.setenv("AWS_ENDPOINT_URL", gate.url)
        yield gate


@pytest.fixture
def settings(aws_server: AwsServer) -> dict[str, str]:
    """The executor's settings, as a deployment writes them."""
    return aws_server.settings


@pytest.fixture
def options(settings: Mapping[str, str]) -> list[str]:
    """The executor's settings, as `-o` takes them."""
    return [f"{key}={value}" for key, value in settings.items()]


@pytest.fixture
def executor(settings: Mapping[str, Any]) -> AwsBatchExecutor:
    return AwsBatchExecutor(AwsBatchSettings(**settings))


@pytest.fixture
def s3_data(aws_server: AwsServer, sample_data: Path) -> str:
    """The sample stocks on S3."""
    s3 = aws_server.client("s3")
    for file in sample_data.iterdir():
        s3.upload_file(str(file), aws_server.data_bucket, f"sample/{file.name}")
    return f"s3://{aws_server.data_bucket}/sample"


JobFile = Callable[..., Path]


@pytest.fixture
def job_file(tmp_path: Path, aws_server: AwsServer, sample_data: Path) -> JobFile:
    """Write the sample job; its store is on S3, and its data here."""

    def write(
        params: str = "period = 15", strategy: str = "sma-crossover", data: str = str(sample_data)
    ) -> Path:
        file = tmp_path / "job.toml"
        store = f"s3://{aws_server.bucket}/runs"
        file.write_text('name = "sample"' + job_text(strategy, params, data=data, store=store))
        return file

    return write


@pytest.fixture
def submission(job_file: JobFile, executor: AwsBatchExecutor) -> Callable[..., Submission]:
    """Plan the sample job into the store, and log a submission that nothing has started."""

    def logged(shards: int = 3, points: int = 4, **job_options: str) -> Submission:
        params = f"period = {{ start = 5, stop = {4 + points}, step = 1 }}"
        job = job_file(params, **job_options)
        plan = plan_job(bf.Job.load(job))
        store = open_store(plan.job.results.store).at(plan.manifest.run_id)
        store.seals.prepare()
        key = store.seals.keep()
        save_manifest(store, plan.manifest)
        chunks = [(chunk, 0) for chunk in range(len(plan.manifest.chunks))]
        intent = replace(
            draft_of(plan),
            executor=executor.name,
            created="2024-01-01T00:00:00+00:00",
            shards=deal_chunks(chunks, plan.manifest.chunks, shards),
        )
        intent = replace(intent, cpus=1, memory=2 * 2**30, run_key=key)
        return SubmissionLog(store).append(intent)

    return logged
