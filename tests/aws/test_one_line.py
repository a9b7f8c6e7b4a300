"""From a folder on a laptop to results: one command, or three lines of Python.

Data that lies there is pushed, code that changed travels, workers run on AWS Batch, and the numbers
are those of every other executor.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from sample_job import job_text
from testbed.aws.deployment import AwsServer

Backfleet = Callable[..., subprocess.CompletedProcess[str]]

GOLDEN = {"600519": 164109.44, "600559": 106285.36, "600560": 100000.00}
"""Final values of the article's strategy, to the cent."""

STRATEGY = '''
"""The crossing of the close and its average, with all cash on one position."""

import backtrader as bt


class Crossing(bt.Strategy):
    params = (("period", 15),)

    def __init__(self):
        self.average = bt.indicators.SimpleMovingAverage(self.data, period=self.p.period)
        self.order = None

    def notify_order(self, order):
        if not order.alive():
            self.order = None

    def next(self):
        if self.order:
            return
        if not self.position:
            if self.data.close[0] > self.average[0]:
                self.order = self.buy(size=int(self.broker.cash / self.data.close[0]))
        elif self.data.close[0] < self.average[0]:
            self.order = self.sell(size=self.position.size)
'''


@pytest.fixture
def laptop(tmp_path: Path, sample_data: Path) -> Callable[[AwsServer], Path]:
    """A folder with a job, its data and its strategy, set up for a deployment."""

    def prepare(server: AwsServer) -> Path:
        shutil.copytree(sample_data, tmp_path / "data")
        (tmp_path / "crossing.py").write_text(STRATEGY)
        (tmp_path / "job.toml").write_text(job_text("crossing.py:Crossing", data="data"))
        (tmp_path / "backfleet.toml").write_text(server.settings_file(server.known_image()))
        return tmp_path

    return prepare


def run(backfleet: Backfleet, *arguments: str) -> Mapping[str, Any]:
    """What `backfleet run --json` says of the job on AWS Batch."""
    done = backfleet("run", "job.toml", "--executor", "aws-batch", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    summary: Mapping[str, Any] = json.loads(done.stdout)
    return summary


def stored_keys(server: AwsServer) -> list[str]:
    pages = server.client("s3").get_paginator("list_objects_v2").paginate(Bucket=server.bucket)
    return [item["Key"] for page in pages for item in page.get("Contents", ())]


def values(backfleet: Backfleet, summary: Mapping[str, Any]) -> dict[str, float]:
    """Each symbol's final value, read from the run's store, to the cent."""
    done = backfleet("results", summary["store"], "--format", "json")
    assert done.returncode == 0, done.stderr
    return {row["symbol"]: round(row["final_value"], 2) for row in json.loads(done.stdout)}


def test_one_command_pushes_runs_and_collects_and_does_nothing_twice(
    backfleet: Backfleet, laptop: Callable[[AwsServer], Path], aws_server: AwsServer
) -> None:
    laptop(aws_server)
    command = ("run", "job.toml", "--executor", "aws-batch")
    first = backfleet(*command)
    assert first.returncode == 0, first.stderr
    assert "3 files, 205,100 bytes, pushed to" in first.stderr
    assert "3 of 3 tasks" in first.stderr
    for symbol, value in GOLDEN.items():
        assert any(symbol in line and f"{value:.2f}" in line for line in first.stdout.splitlines())

    keys = stored_keys(aws_server)
    assert len([key for key in keys if key.endswith(".whl")]) == 1

    again = backfleet(*command)
    assert again.returncode == 0, again.stderr
    assert "pushed" not in again.stderr
    jobs = aws_server.client("batch").list_jobs(
        jobQueue=aws_server.queue, filters=[{"name": "JOB_NAME", "values": ["*"]}]
    )
    assert len(jobs["jobSummaryList"]) == 1


def test_three_lines_of_python_give_the_run_and_the_numbers_of_the_local_executor(
    laptop: Callable[[AwsServer], Path], aws_server: AwsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(laptop(aws_server))
    import backfleet as bf

    job = bf.Job.load("job.toml")
    run = bf.run(job, executor="aws-batch")
    results = run.results()

    here = bf.run(job, executor="local")
    assert here.id == run.id
    for rows in (results, here.results()):
        values = dict(zip(rows["symbol"], rows["final_value"].round(2), strict=True))
        assert values == GOLDEN


@pytest.mark.testbed
def test_one_command_runs_in_containers_and_a_changed_strategy_needs_no_other_image(
    backfleet: Backfleet,
    laptop: Callable[[AwsServer], Path],
    aws_server_with_containers: AwsServer,
    worker_image: str,
) -> None:
    folder = laptop(aws_server_with_containers)
    first = run(backfleet)
    assert values(backfleet, first) == GOLDEN

    docker = ("run", "job.toml", "--executor", "docker", "-o", f"image={worker_image}", "--json")
    beside = json.loads(backfleet(*docker).stdout)
    assert values(backfleet, beside) == GOLDEN
    assert beside["run_id"] == first["run_id"]

    (folder / "crossing.py").write_text(STRATEGY.replace("if not self.position:", "if False:"))
    second = run(backfleet)
    assert set(values(backfleet, second).values()) == {100000.00}
