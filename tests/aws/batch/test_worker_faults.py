"""Faults of workers and of the store, met by jobs of AWS Batch and by their command."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import backfleet as bf
from backfleet.chunks.chunk import parse_chunk_key
from backfleet.errors import NondeterministicResult
from backfleet.executor import Submission
from backfleet.job import Overrides
from backfleet.runs.open import open_run
from backfleet.runs.run import Run
from backfleet.store import TEMPORARY
from stored_rows import run_of, stored_rows
from testbed.aws.deployment import AwsServer
from testbed.aws.gate import Gate
from testbed.aws.server import container_variables
from waiting import until

pytestmark = pytest.mark.testbed

ODD = Path(__file__).parent / "strategies" / "odd.py"
SECONDS = 90
Submit = Callable[..., Submission]


@pytest.fixture
def odd_job(job_file: Callable[..., Path]) -> Callable[..., Path]:
    """A job of 12 tasks, each a chunk, whose strategy is odd in this mode."""

    def write(mode: str) -> Path:
        params = f'mode = "{mode}"\nperiod = {{ start = 5, stop = 8, step = 1 }}'
        return job_file(params, f"{ODD}:Odd")

    return write


@pytest.fixture
def start(odd_job: Callable[..., Path], options: list[str]) -> Callable[..., bf.RunControl]:
    """Submit a job in a mode, and return before it has ended."""

    def begin(mode: str, *more: str) -> bf.RunControl:
        return bf.submit(bf.Job.load(odd_job(mode)), "aws-batch", [*options, "workers=2", *more])

    return begin


@pytest.fixture
def worker(tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Begin a worker as a container of AWS Batch does, on this process's way to S3."""

    def begin(submission: Submission, index: int = 0) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "backfleet", "worker", submission.url],
            env=os.environ | container_variables(submission, index),
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return begin


def finished(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, stderr = process.communicate(timeout=SECONDS)
    return process.returncode, stderr


def array_of(run: Run) -> str:
    handle = run.latest_submission().handle
    assert handle is not None
    job: str = handle["arrays"][0]["job"]
    return job


def running_child(server: AwsServer, run: Run, child: int = 0) -> str:
    """A child that has committed something and is not through."""
    job = f"{array_of(run)}:{child}"
    until(lambda: run.counts().done, "a first commit")
    server.wait(job, ["RUNNING"])
    return job


def assert_whole(run: Run, tmp_path: Path) -> None:
    """Every task once, all objects sound, and every row as a run on this machine has it."""
    keys = [entry.key for entry in run.store.list("chunks/")]
    assert sorted(filter(None, map(parse_chunk_key, keys))) == [
        (chunk, 0) for chunk in range(len(run.manifest.chunks))
    ]
    assert run.summary().missing == 0
    here = Overrides(sets=[f"results.store={tmp_path}/here"])
    local = bf.run(bf.Job.load(tmp_path / "job.toml", here), progress=None)
    assert local.id == run.id
    assert stored_rows(run) == stored_rows(local)


# -- 1 to 4: killed and stopped ------------------------------------------------------------------


def test_fault_01_a_worker_killed_in_a_task_leaves_nothing_partial_and_is_tried_again(
    start: Callable[..., bf.RunControl], aws_server: AwsServer, tmp_path: Path
) -> None:
    control = start("slow")
    run = control.run
    child = running_child(aws_server, run)
    aws_server.control("kill", job=child)
    control.wait()

    assert_whole(run, tmp_path)
    attempts = aws_server.wait(child)["attempts"]
    assert [attempt["container"]["exitCode"] for attempt in attempts] == [137, 0]


def test_fault_02_a_worker_killed_after_its_commit_finds_it_there(
    submission: Submit, worker: Callable[..., subprocess.Popen[str]], gate: Gate
) -> None:
    asked = submission(shards=6)
    key = f"PUT runs/{asked.run_id}/chunks/000000.0"
    first = worker(asked)
    gate.after(key, first.kill)
    killed, _ = finished(first)
    again, stderr = finished(worker(asked))

    assert (killed, again, stderr) == (-9, 0, "")
    assert gate.calls[key] == 1
    assert run_of(asked).chunk_index[0] is not None


def test_fault_03_spot_stops_a_worker_in_time_and_it_is_tried_again(
    start: Callable[..., bf.RunControl], aws_server: AwsServer, tmp_path: Path
) -> None:
    control = start("slow")
    run = control.run
    child = running_child(aws_server, run)
    aws_server.control("interrupt", job=child)
    stopped = time.monotonic()
    until(lambda: aws_server.job(child)["attempts"], "the end of an attempt")
    took = time.monotonic() - stopped
    control.wait()

    assert took < 20
    assert_whole(run, tmp_path)
    attempts = aws_server.wait(child)["attempts"]
    assert [attempt["container"]["exitCode"] for attempt in attempts] == [75, 0]
    assert attempts[0]["statusReason"] == "Your Spot Task was interrupted."


def test_fault_03_workers_of_one_chunk_finish_it_from_its_parts_although_some_are_stopped(
    job_file: Callable[..., Path], options: list[str], aws_server: AwsServer, tmp_path: Path
) -> None:
    # Nine chunks of two tasks: each worker has half of a chunk.
    file = job_file('mode = "slow"\nperiod = { start = 5, stop = 10, step = 1 }', f"{ODD}:Odd")
    control = bf.submit(bf.Job.load(file), "aws-batch", [*options, "workers=18"])
    run, job = control.run, array_of(control.run)
    for child, fault in ((0, "kill"), (1, "interrupt")):
        aws_server.wait(f"{job}:{child}", ["RUNNING"])
        aws_server.control(fault, job=f"{job}:{child}")
    control.wait()
    parts = [entry.key for entry in run.store.list("parts/")]
    s3, key = aws_server.client("s3"), f"runs/{run.id}/{parts[0]}"
    tags = s3.get_object_tagging(Bucket=aws_server.bucket, Key=key)["TagSet"]

    assert tags == [{"Key": TEMPORARY, "Value": "true"}]
    assert_whole(run, tmp_path)


def test_fault_04_a_strategy_that_ignores_to_be_stopped_is_stopped_all_the_same(
    start: Callable[..., bf.RunControl], aws_server: AwsServer, tmp_path: Path
) -> None:
    control = start("stubborn", "workers=1")
    run = control.run
    job = array_of(run)
    aws_server.wait(job, ["RUNNING"])
    time.sleep(2)
    stopped = time.monotonic()
    aws_server.control("interrupt", job=job)
    until(lambda: aws_server.job(job)["attempts"], "the end of an attempt")
    took = time.monotonic() - stopped
    control.wait()

    assert took < 20
    assert_whole(run, tmp_path)


# -- 5 to 8: commits -----------------------------------------------------------------------------


def test_fault_05_two_workers_of_one_shard_leave_one_commit_and_both_succeed(
    submission: Submit, worker: Callable[..., subprocess.Popen[str]]
) -> None:
    asked = submission(shards=1)
    twins = [worker(asked), worker(asked)]

    assert [finished(twin) for twin in twins] == [(0, ""), (0, "")]
    run = run_of(asked)
    assert run.summary().missing == 0
    assert {parse_chunk_key(entry.key) for entry in run.store.list("chunks/")} == {
        (chunk, 0) for chunk in range(len(run.manifest.chunks))
    }


def test_fault_06_a_commit_whose_answer_is_lost_is_found_to_be_ones_own(
    submission: Submit, worker: Callable[..., subprocess.Popen[str]], gate: Gate
) -> None:
    asked = submission(shards=6)
    key = f"PUT runs/{asked.run_id}/chunks/000000.0"
    gate.lose_answer(key)

    assert finished(worker(asked)) == (0, "")
    assert gate.calls[key] == 2
    assert run_of(asked).chunk_index[0] is not None


def test_fault_07_a_conflict_of_two_writers_is_waited_out(
    submission: Submit, worker: Callable[..., subprocess.Popen[str]], gate: Gate
) -> None:
    asked = submission(shards=6)
    key = f"PUT runs/{asked.run_id}/chunks/000000.0"
    gate.refuse(key, 409, "ConditionalRequestConflict", times=2)

    assert finished(worker(asked)) == (0, "")
    assert gate.calls[key] == 3


def test_fault_08_a_strategy_that_comes_out_otherwise_is_told_and_the_first_is_kept(
    odd_job: Callable[..., Path],
    options: list[str],
    worker: Callable[..., subprocess.Popen[str]],
    gate: Gate,
) -> None:
    run = bf.run(bf.Job.load(odd_job("random")), "aws-batch", options, progress=None)
    before = stored_rows(run)
    # The record of a submission has no key.
    key = run.store.seals.keep()
    asked = replace(run.latest_submission().submission, run_key=key)
    gate.spoil("GET ", without_chunks, times=10**9)
    code, stderr = finished(worker(asked))
    gate.rules.clear()

    assert code == 64, stderr
    assert stderr.startswith(NondeterministicResult.__name__)
    assert stored_rows(open_run(run.url)) == before


def without_chunks(body: bytes) -> bytes:
    """A listing from before the commits."""
    return re.sub(rb"<Contents><Key>[^<]*/chunks/.*?</Contents>", b"", body, flags=re.DOTALL)
