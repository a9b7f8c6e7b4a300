"""Faults that a run on AWS Batch meets as a whole: what the store holds decides."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

import backfleet as bf
from backfleet.errors import CorruptObject, PluginError, StoreError
from backfleet.executor import ShardState, Submission
from backfleet.job import Overrides
from backfleet.plan.known_index import run_folders
from backfleet.plan.plan import plan_job
from backfleet.runs.open import open_run
from backfleet.sdk import encode_record
from backfleet.store import open_store
from backfleet.store.records import DamagedRecord
from backfleet.submissions.prepare import draft_of, prepare
from backfleet_executors.aws.batch.executor import AwsBatchExecutor
from backfleet_executors.aws.batch.settings import AwsBatchSettings
from backfleet_executors.images.inventory import IMAGE, ImageRecord
from stored_rows import run_of, stored_rows
from testbed.aws.deployment import AwsServer
from testbed.aws.gate import Gate
from testbed.aws.server import CLEANUP, container_variables
from waiting import until

ODD = Path(__file__).parent / "strategies" / "odd.py"
SECONDS = 120
Submit = Callable[..., Submission]
Worker = Callable[..., tuple[int, str]]


@pytest.fixture
def worker(tmp_path: Path) -> Worker:
    """A worker as a container of AWS Batch runs it, to its end."""

    def work(submission: Submission, index: int = 0, **environment: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "backfleet", "worker", submission.url],
            env=os.environ | container_variables(submission, index) | environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        return done.returncode, done.stderr

    return work


@pytest.fixture
def command(tmp_path: Path, options: list[str]) -> Callable[..., subprocess.Popen[str]]:
    """Begin a command of backfleet's in a folder whose backfleet.toml is a deployment's."""
    lines = [
        f'{key} = "{value}"' for key, _, value in (option.partition("=") for option in options)
    ]
    (tmp_path / "backfleet.toml").write_text("\n".join(["[executors.aws-batch]", *lines]))

    def begin(*arguments: object, folder: Path = tmp_path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "backfleet", *map(str, arguments)],
            cwd=folder,
            env=dict(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return begin


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    stdout, stderr = process.communicate(timeout=SECONDS)
    return process.returncode, stdout, stderr


# -- 10, 29: the client ends ---------------------------------------------------------------------


@pytest.mark.testbed
def test_fault_10_resume_goes_on_with_the_jobs_of_a_client_killed_in_its_submission(
    job_file: Callable[..., Path],
    command: Callable[..., subprocess.Popen[str]],
    aws_server: AwsServer,
    gate: Gate,
) -> None:
    client = command("run", job_file(), "--executor", "aws-batch", "-o", "workers=2")
    gate.after("SubmitJob", client.kill)
    killed, _, _ = ended(client)
    store = open_store(f"s3://{aws_server.bucket}/runs")
    (name,) = run_folders(store)
    run = open_run(f"{store.url}/{name}")
    before = run.submission_log.entries()
    code, stdout, stderr = ended(command("resume", run.url))

    assert (killed, code) == (-9, 0), stderr
    assert [entry.handle for entry in before] == [None]
    assert gate.calls["SubmitJob"] == 1
    assert "0 failed, 0 missing" in stdout


@pytest.mark.testbed
def test_fault_29_ctrl_c_stops_the_jobs_and_the_run_goes_on_from_its_url_alone(
    job_file: Callable[..., Path],
    command: Callable[..., subprocess.Popen[str]],
    aws_server: AwsServer,
    tmp_path: Path,
) -> None:
    job = job_file('mode = "slow"\nperiod = { start = 5, stop = 8, step = 1 }', f"{ODD}:Odd")
    client = command("run", job, "--executor", "aws-batch", "-o", "workers=2")
    store = open_store(f"s3://{aws_server.bucket}/runs")
    name = until(lambda: next(store.folders(), None), "a run")
    run = open_run(f"{store.url}/{name}")
    until(lambda: run.counts().done, "a first commit")
    client.send_signal(signal.SIGINT)
    code, _, stderr = ended(client)
    entry = run.latest_submission()
    assert entry.handle is not None
    array = aws_server.wait(entry.handle["arrays"][0]["job"])
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    again, stdout, complaint = ended(command("resume", run.url, folder=elsewhere))

    assert (code, entry.canceled, array["status"]) == (1, True, "FAILED")
    assert f"Resume with: backfleet resume {run.url}" in stderr
    assert again == 0, complaint
    assert "12 ok, 0 suspicious, 0 failed, 0 missing" in stdout
    assert run.latest_submission().submission.number == 2


# -- 14, 15, 16: what Batch says against what the store holds ------------------------------------


@pytest.mark.testbed
def test_fault_14_a_run_whose_rows_are_there_is_complete_although_batch_says_it_failed(
    job_file: Callable[..., Path],
    command: Callable[..., subprocess.Popen[str]],
    aws_server: AwsServer,
    gate: Gate,
) -> None:
    s3 = aws_server.client("s3")

    def failed_after_its_commits(answer: dict[str, Any]) -> Any:
        def committed() -> bool:
            listing = s3.list_objects_v2(Bucket=aws_server.bucket, Prefix="runs/")
            return sum("/chunks/" in item["Key"] for item in listing.get("Contents", ())) == 3

        until(committed, "the commits")
        (job,) = answer["jobs"]
        return {"jobs": [job | {"status": "FAILED", "statusReason": "Host EC2 (i-1) terminated."}]}

    gate.alter("DescribeJobs", failed_after_its_commits)
    process = command("run", job_file(), "--executor", "aws-batch", "-o", "workers=1")
    code, stdout, stderr = ended(process)

    assert code == 0, stderr
    assert "warning: the executor says that 1 worker failed (worker 0: Host EC2" in stdout


@pytest.mark.testbed
def test_fault_15_what_batch_calls_succeeded_and_the_store_lacks_is_submitted_again(
    job_file: Callable[..., Path], options: list[str], aws_server: AwsServer, gate: Gate
) -> None:
    def succeeded(answer: dict[str, Any]) -> Any:
        for job in answer["jobs"]:
            job["status"] = job["status"].replace("FAILED", "SUCCEEDED")
        return answer

    sound = aws_server.client("batch").describe_job_definitions(
        jobDefinitionName=aws_server.job_definition
    )["jobDefinitions"][0]["containerProperties"]["image"]
    aws_server.register(aws_server.job_definition, image="elsewhere")
    gate.alter("DescribeJobs", succeeded)
    control = bf.submit(bf.Job.load(job_file()), "aws-batch", [*options, "workers=1"])
    lacking = control.wait().missing
    states = [status.state for status in control.worker_statuses]
    aws_server.register(aws_server.job_definition, image=sound)
    control.resume()
    summary = control.wait()

    assert (states, lacking, summary.missing) == ([ShardState.SUCCEEDED], 3, 0)
    assert gate.calls["SubmitJob"] == 2


def test_fault_16_the_command_lists_what_is_missing_and_why_and_ends_with_1(
    job_file: Callable[..., Path],
    command: Callable[..., subprocess.Popen[str]],
    aws_server: AwsServer,
) -> None:
    aws_server.register(aws_server.job_definition, image="elsewhere")
    code, stdout, stderr = ended(command("run", job_file(), "--executor", "aws-batch"))

    assert code == 1
    assert "3 tasks, 0 ok, 0 suspicious, 0 failed, 3 missing" in stdout
    assert "worker 0 ended with exit code 127" in stderr
    assert "3 of 3 tasks have no result" in stderr


# -- 20 to 24: the store and the data ------------------------------------------------------------


def test_fault_20_a_busy_or_broken_store_is_asked_again(aws_server: AwsServer, gate: Gate) -> None:
    store = open_store(f"s3://{aws_server.bucket}/runs")
    store.put_if_absent("one", b"content" * 1000)
    gate.refuse("GET runs/one", 503, "SlowDown", times=2)
    gate.spoil("GET runs/one", lambda body: body[:-1] + b"x")
    gate.lose_answer("GET runs/one")

    assert store.read("one") == b"content" * 1000
    assert gate.calls["GET runs/one"] == 5


@pytest.mark.testbed
@pytest.mark.parametrize("damaged", ["seal", "rows"])
def test_fault_21_a_damaged_commit_is_set_aside_and_computed_again(
    job_file: Callable[..., Path], options: list[str], aws_server: AwsServer, damaged: str
) -> None:
    run = bf.run(bf.Job.load(job_file()), "aws-batch", [*options, "workers=1"], progress=None)
    # A run is complete before its container has ended, and `resume` starts none beside it.
    submission = run.latest_submission()
    until(lambda: not run.workers.are_active(submission), "the worker has ended")
    before = stored_rows(run)
    s3 = aws_server.client("s3")
    key = f"runs/{run.id}/chunks/000001.0"
    whole = s3.get_object(Bucket=aws_server.bucket, Key=key)["Body"].read()
    changed = b"seal/1 x" + whole[8:] if damaged == "seal" else whole[:-7]
    s3.put_object(Bucket=aws_server.bucket, Key=key, Body=changed)
    again = open_run(run.url)
    # Counting reads the head of a chunk only, so that damaged rows are noticed as they are read.
    s3.delete_object(Bucket=aws_server.bucket, Key=f"runs/{run.id}/results.parquet")
    with (
        pytest.warns(DamagedRecord, match="chunk 1, .* its seal is not that of this run")
        if damaged == "seal"
        else pytest.raises(CorruptObject, match=r"chunk 1, .* 'backfleet resume ")
    ):
        stored_rows(again)
    control = bf.RunControl(again)
    control.resume()
    control.wait()

    assert again.summary().missing == 0
    assert again.store.exists("chunks/000001.1")
    assert stored_rows(again) == before


@pytest.mark.testbed
def test_fault_22_a_symbol_that_changed_after_the_plan_costs_its_own_tasks(
    submission: Submit,
    job_file: Callable[..., Path],
    worker: Worker,
    s3_data: str,
    aws_server: AwsServer,
) -> None:
    asked = submission(3, data=s3_data)
    s3 = aws_server.client("s3")
    stored = s3.get_object(Bucket=aws_server.data_bucket, Key="sample/600519.csv")["Body"].read()
    changed = re.sub(rb"\n([^\n]+)\n([^\n]+)\n", rb"\n\1\n", stored, count=1)
    s3.put_object(Bucket=aws_server.data_bucket, Key="sample/600519.csv", Body=changed)
    code, stderr = worker(asked)

    assert (code, stderr) == (0, "")
    rows = run_of(asked).results()
    failed = rows[rows["status"] == "error"]
    assert set(failed["symbol"]) <= {"600519"}
    assert failed["error"].str.startswith("DataChanged: ").all()
    assert len(failed)


def test_fault_23_an_image_with_another_backfleet_is_refused_before_the_submit(
    settings: dict[str, str], job_file: Callable[..., Path], gate: Gate, aws_server: AwsServer
) -> None:
    digest = "ab" * 32
    record = encode_record(IMAGE, ImageRecord({"backfleet": "0" * 64}, "amd64"))
    s3 = aws_server.client("s3")
    s3.put_object(Bucket=aws_server.bucket, Key=f"images/{digest}.json", Body=record)
    image = f"registry.example.com/backfleet@sha256:{digest}"
    aws_server.register(aws_server.job_definition, image=image)
    executor = AwsBatchExecutor(AwsBatchSettings(**settings, image=image))
    plan = plan_job(bf.Job.load(job_file()))
    store = open_store(plan.job.results.store).at(plan.manifest.run_id)

    with pytest.raises(PluginError, match="rebuild their image: backfleet image build"):
        prepare(store, executor, plan.manifest, draft_of(plan), [(0, 0)])
    assert gate.calls["SubmitJob"] == 0


def test_fault_23_a_commit_of_another_schema_is_not_merged(
    submission: Submit, aws_server: AwsServer
) -> None:
    asked = submission(1)
    header = {"schema": 99, "run_id": asked.run_id, "chunk": 0, "generation": 0}
    rest = json.dumps(header).encode() + b"\nPAR1"
    content = hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest
    run = run_of(asked)
    run.store.put_if_absent("chunks/000000.0", content)

    with pytest.warns(DamagedRecord, match="chunk 0, generation 0"):
        assert run.summary().missing == run.manifest.tasks
    assert run.chunk_index.missing()[0] == (0, 1)


@pytest.mark.testbed
def test_fault_24_a_full_store_ends_a_worker_with_75_and_says_so(
    submission: Submit, worker: Worker, gate: Gate
) -> None:
    asked = submission(6)
    gate.refuse(f"PUT runs/{asked.run_id}/chunks", 507, "InsufficientStorage")
    code, stderr = worker(asked)

    assert code == 75
    assert stderr.startswith("StoreFull: ")
    assert "no space left; free some" in stderr


@pytest.mark.testbed
def test_fault_24_a_full_scratch_volume_stops_nothing(
    submission: Submit, worker: Worker, small_disk: Path
) -> None:
    asked = submission(6)
    (small_disk / "filling").write_bytes(b"x" * 200 * 1024)

    assert worker(asked, BACKFLEET_CACHE=str(small_disk / "cache"))[0] == 0
    assert run_of(asked).chunk_index[0] is not None


# -- 28, 30, 33 ----------------------------------------------------------------------------------


@pytest.mark.testbed
def test_fault_28_a_task_that_raises_or_hangs_becomes_a_row_and_the_others_commit(
    job_file: Callable[..., Path], options: list[str]
) -> None:
    file = job_file('mode = "faulty"\nperiod = { start = 5, stop = 8, step = 1 }', f"{ODD}:Odd")
    job = bf.Job.load(file, Overrides(sets=["resources.task_timeout=2 s"]))
    run = bf.run(job, "aws-batch", [*options, "workers=2"], progress=None)
    frame = run.results()

    assert run.summary().missing == 0
    kinds = Counter(text.partition(":")[0] for text in frame["error"].dropna())
    assert kinds == {"ValueError": 3, "TaskTimeout": 3}
    assert set(frame[frame["error"].isna()]["period"]) == {5, 8}


class Unpickled:
    """Would leave a file behind if anybody unpickled it."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.file,))


def test_fault_30_hostile_objects_are_neither_followed_nor_decoded(
    submission: Submit, aws_server: AwsServer, tmp_path: Path
) -> None:
    asked = submission(1)
    trap = tmp_path / "unpickled"
    s3 = aws_server.client("s3")
    for key in ("chunks/000000.0", "chunks/../../000001.0", "chunks/000002.0/../../evil"):
        body = pickle.dumps(Unpickled(trap))
        s3.put_object(Bucket=aws_server.bucket, Key=f"runs/{asked.run_id}/{key}", Body=body)
    run = run_of(asked)

    with pytest.warns(DamagedRecord, match="chunk 0, .* its seal is not that of this run"):
        assert run.summary().missing == run.manifest.tasks
    assert [entry.key for entry in run.store.list("chunks/")] == ["chunks/000000.0"]
    for key in ("../other-run/manifest.json", "/etc/passwd", "chunks/..", ".hidden"):
        with pytest.raises(StoreError):
            run.store.put_if_absent(key, b"")
    assert not trap.exists()


def test_fault_33_the_clean_up_function_leaves_jobs_of_others_alone(
    submitted: Callable[..., str], aws_server: AwsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from backfleet_executors.aws.cleanup import function

    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", CLEANUP)
    monkeypatch.setenv("QUEUES", aws_server.queue)
    monkeypatch.setenv("JOB_DEFINITION", aws_server.job_definition)
    for name in ("STUCK_HOURS", "MAX_HOURS", "KEPT_REVISIONS"):
        monkeypatch.setenv(name, "0")
    foreign = submitted("sleep 30")
    ours = submitted("sleep 30", tags={"backfleet:run": "0" * 16})
    for job in (foreign, ours):
        aws_server.wait(job, ["RUNNING"])
    time.sleep(1)
    done = function.handle({}, None)
    stopped = aws_server.wait(ours)["status"]
    spared = aws_server.job(foreign)["status"]
    aws_server.client("batch").terminate_job(jobId=foreign, reason="the test is over")

    assert done["stopped"] == [ours]
    assert (stopped, spared) == ("FAILED", "RUNNING")
