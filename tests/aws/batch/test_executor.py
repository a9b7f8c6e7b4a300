"""The executor aws-batch, from a job to its results: queues, sizes, costs, logs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import backfleet as bf
from backfleet.errors import ExecutorError
from backfleet.executor import (
    ChunkRange,
    Pace,
    ShardState,
    Submission,
    Workload,
    trial_submission,
)
from backfleet.job import Overrides
from backfleet.plan.known_index import run_folders
from backfleet.runs.open import open_run
from backfleet.runs.verify import sample_tasks
from backfleet.store import open_store
from backfleet.store.s3_client import s3_client
from backfleet.submissions.submission_log import SubmissionLog
from backfleet.worker.env_vars import SHARDS
from backfleet_executors.aws.batch.calls import BatchCalls
from backfleet_executors.aws.batch.executor import AwsBatchExecutor
from backfleet_executors.aws.batch.handle import BatchHandle
from backfleet_executors.aws.batch.history import interrupted_shards
from backfleet_executors.aws.batch.settings import AwsBatchSettings
from backfleet_executors.aws.batch.states import INTERRUPTED
from backfleet_executors.aws.clients import Clients
from sample_job import SAMPLE_FACTS
from stored_rows import stored_rows
from testbed.aws.deployment import AwsServer
from testbed.aws.gate import Gate
from waiting import until

GOLDEN = {"600519": 164109.44, "600559": 106285.36, "600560": 100000.00}
GIB = 2**30
RUN = "0" * 16
URL = f"s3://bucket/runs/{RUN}/submissions/1.json"
JobFile = Callable[..., Path]
Submit = Callable[..., Submission]


def changed(executor: AwsBatchExecutor, **settings: Any) -> AwsBatchExecutor:
    assert isinstance(executor.settings, AwsBatchSettings)
    return AwsBatchExecutor(executor.settings.model_copy(update=settings))


def handle_of(job: str, shards: str, aws_server: AwsServer) -> Mapping[str, Any]:
    return {
        "run": RUN,
        "number": 1,
        "url": URL,
        "shards": 2,
        "arrays": [{"job": job, "name": "", "shards": shards, "queue": aws_server.queue}],
        "submitted": 0.0,
        "limits": {},
        "settings": {"region": aws_server.region},
    }


@pytest.fixture
def work() -> Workload:
    """100,000 tasks with a guessed pace."""
    return Workload(
        chunks=1000,
        tasks=100_000,
        bars=75_000_000,
        cpus=1,
        memory=2 * GIB,
        measure=lambda: Pace(10_000.0, is_measured=False),
    )


@pytest.fixture
def measured(work: Workload) -> Workload:
    """The same tasks with a measured pace."""
    return replace(work, measure=lambda: Pace(360_000.0, is_measured=True))


# -- a run ---------------------------------------------------------------------------------------


def test_the_sample_stocks_come_out_with_the_golden_numbers_from_a_folder_of_this_machine(
    job_file: JobFile, options: list[str], aws_server: AwsServer, capfd: pytest.CaptureFixture[str]
) -> None:
    job = bf.Job.load(job_file(), Overrides(sets=["results.store=runs"]))
    run = bf.run(job, "aws-batch", [*options, "workers=2"], progress=None)
    frame = run.results()
    said = capfd.readouterr().err

    assert dict(zip(frame["symbol"], frame["final_value"].round(2), strict=True)) == GOLDEN
    assert run.url.startswith(f"s3://{aws_server.bucket}/runs/")
    assert f"the run is kept in s3://{aws_server.bucket}/runs: workers on AWS do not see" in said
    assert "3 files, 205,100 bytes, pushed to s3://" in said


def test_facts_of_this_machine_go_to_s3_and_give_the_rows_of_local(
    job_file: JobFile, options: list[str], tmp_path: Path
) -> None:
    file = job_file()
    market = f'facts = "{SAMPLE_FACTS}"\n\n[market]\nrules = "cn-a"\n\n[broker]\ncash = 1_000_000\n'
    file.write_text(file.read_text().replace("\n[broker]\ncash = 100_000\n", market))
    run = bf.run(bf.Job.load(file), "aws-batch", [*options, "workers=1"], progress=None)
    here = Overrides(sets=[f"results.store={tmp_path / 'here'}"])
    local = bf.run(bf.Job.load(file, here), progress=None)

    facts = run.latest_submission().submission.facts_path
    assert facts is not None
    assert facts.startswith("s3://")
    assert run.id == local.id
    assert stored_rows(run) == stored_rows(local)
    assert set(run.results()["symbol"]) == set(GOLDEN)


def test_data_that_was_pushed_before_is_not_pushed_again(
    executor: AwsBatchExecutor, sample_data: Path, gate: Gate
) -> None:
    first = executor.stage_data(str(sample_data), ["600519", "600559"])
    puts = sum(count for call, count in gate.calls.items() if call.startswith("PUT"))
    again = executor.stage_data(str(sample_data), ["600519", "600559"])

    assert first == again
    assert puts == 2
    assert sum(count for call, count in gate.calls.items() if call.startswith("PUT")) == 2


def test_two_folders_of_one_name_lie_apart(
    executor: AwsBatchExecutor, sample_data: Path, tmp_path: Path
) -> None:
    (tmp_path / sample_data.name).mkdir()
    for file in sample_data.iterdir():
        (tmp_path / sample_data.name / file.name).write_bytes(file.read_bytes())

    places = {
        executor.stage_data(str(folder), ["600519"])
        for folder in (sample_data, tmp_path / sample_data.name)
    }
    assert len(places) == 2
    assert executor.stage_data("s3://elsewhere/data", ["600519"]) == "s3://elsewhere/data"


# -- queues --------------------------------------------------------------------------------------


def test_what_spot_interrupted_too_often_goes_to_the_on_demand_queue(
    executor: AwsBatchExecutor, submission: Submit, aws_server: AwsServer, gate: Gate
) -> None:
    sound = aws_server.job_definition
    aws_server.register(sound, image="elsewhere")
    asked = submission(shards=3)
    handle = executor.submit(asked)
    aws_server.wait(handle["arrays"][0]["job"])
    store = open_store(asked.url.rpartition("/submissions/")[0])
    submission_log = SubmissionLog(store)
    second = submission_log.append(asked)

    def interrupted(answer: dict[str, Any]) -> Any:
        for job in answer["jobSummaryList"]:
            if job["arrayProperties"]["index"] == 1:
                job["statusReason"] = "Your Spot Task was interrupted."
        return answer

    gate.alter("ListJobs", interrupted)
    again = executor.submit(replace(second, earlier=((asked, handle),)))
    executor.cancel(again)
    jobs = [aws_server.job(array["job"]) for array in again["arrays"]]

    assert [(array["queue"], array["shards"]) for array in again["arrays"]] == [
        (aws_server.queue, "0,2"),
        (aws_server.on_demand_queue, "1"),
    ]
    environment = {
        variable["name"]: variable["value"] for variable in jobs[0]["container"]["environment"]
    }
    assert environment[SHARDS] == "0,2"
    assert jobs[1]["container"]["command"][-1] == "1"
    assert jobs[0]["arrayProperties"]["size"] == 2


def test_where_one_of_two_jobs_is_refused_the_other_is_stopped(
    executor: AwsBatchExecutor,
    submission: Submit,
    aws_server: AwsServer,
    gate: Gate,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from backfleet_executors.aws.batch import arrays

    monkeypatch.setattr(arrays, "MAX_ARRAY_SHARDS", 2)
    asked = submission(shards=4)

    def refuse_the_next() -> None:
        gate.refuse("SubmitJob", 400, "ClientException", "the queue is being deleted")

    answers: list[Any] = []

    def note(answer: dict[str, Any]) -> Any:
        answers.append(answer["jobId"])
        refuse_the_next()
        return answer

    gate.alter("SubmitJob", note, times=1)
    with pytest.raises(ExecutorError, match="the queue is being deleted"):
        executor.submit(asked)

    assert gate.calls["SubmitJob"] == 2
    assert aws_server.wait(answers[0])["status"] == "FAILED"


def test_a_job_that_cannot_be_stopped_leaves_no_other_one_running(
    executor: AwsBatchExecutor,
    submission: Submit,
    aws_server: AwsServer,
    gate: Gate,
    sleeping_workers: Callable[[float], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr("backfleet_executors.aws.batch.arrays.MAX_ARRAY_SHARDS", 2)
    sleeping_workers(600)
    handle = executor.submit(submission(shards=4))
    first, second = (array["job"] for array in handle["arrays"])
    gate.refuse("TerminateJob", 500, "ServerException", times=1)
    with pytest.raises(ExecutorError, match=f"stopping the job {first}"):
        executor.cancel(handle)

    assert aws_server.wait(second)["status"] == "FAILED"
    executor.cancel(handle)
    assert aws_server.wait(first)["status"] == "FAILED"


# -- how many, how large, how dear ---------------------------------------------------------------


def test_workers_get_four_minutes_of_work_each(executor: AwsBatchExecutor, work: Workload) -> None:
    assert executor.count_shards(work) == 42
    assert executor.count_shards(replace(work, cpus=4)) == 11
    assert changed(executor, shard_minutes=2).count_shards(work) == 84
    assert changed(executor, workers=1000).count_shards(work) == 1000
    assert executor.count_shards(replace(work, chunks=10)) == 42, "they share chunks"
    assert executor.count_shards(replace(work, chunks=10, tasks=20)) == 20


def test_without_work_for_four_minutes_there_is_one_worker(
    executor: AwsBatchExecutor, work: Workload
) -> None:
    short = replace(work, measure=lambda: Pace(1.0, is_measured=True))
    assert executor.count_shards(short) == 1


def test_a_run_has_a_price_before_and_after(
    executor: AwsBatchExecutor, work: Workload, measured: Workload
) -> None:
    guess = executor.cost(work, 1000)
    spent = executor.cost(measured, 1000)

    assert guess is not None
    assert spent is not None
    # 1,000 workers of 60 s at least; 1 vCPU and 3 GiB at 70 % off, and a public address.
    on_demand = 0.04048 + 3 * 0.004445
    assert guess.amount == pytest.approx(1000 * 60 / 3600 * (0.3 * on_demand + 0.005))
    assert spent.amount == pytest.approx(1000 * 400 / 3600 * (0.3 * on_demand + 0.005))
    assert spent.ceiling == pytest.approx(1000 * 400 / 3600 * (on_demand + 0.005))
    assert "an attempt at most 60 min" in spent.basis
    assert "1,000 x 1 vCPU and 3 GiB, 400 s each, measured, an attempt" in spent.basis
    assert "guessed: no task of this strategy was measured yet" in guess.basis


def test_without_a_spot_queue_the_price_is_the_on_demand_one(
    executor: AwsBatchExecutor, measured: Workload
) -> None:
    assert isinstance(executor.settings, AwsBatchSettings)
    one_queue = changed(executor, queue=executor.settings.on_demand_queue)
    prices = [priced.cost(measured, 1000) for priced in (executor, one_queue)]

    assert prices[0] is not None
    assert prices[1] is not None
    assert prices[1].amount == prices[0].ceiling


def test_a_quota_that_holds_workers_back_is_said_aloud(
    executor: AwsBatchExecutor,
    submission: Submit,
    gate: Gate,
    capfd: pytest.CaptureFixture[str],
) -> None:
    gate.answer("GetServiceQuota", {"Quota": {"Value": 2.0}})
    asked = submission(shards=4)
    handle = executor.submit(asked)
    executor.cancel(handle)

    assert "may run 2 vCPU of Fargate Spot at once: 2 of 4 workers at a time" in (
        capfd.readouterr().err
    )
    assert "a worker needs 4; ask for more" in "".join(executor.preflight(replace(asked, cpus=4)))


# -- the command line ----------------------------------------------------------------------------


@pytest.fixture
def command(tmp_path: Path, options: list[str]) -> Callable[..., tuple[int, str, str]]:
    """A command of backfleet's, to its end, with a deployment's settings."""

    def call(*arguments: object) -> tuple[int, str, str]:
        settings = [word for option in options for word in ("-o", option)]
        done = subprocess.run(
            [sys.executable, "-m", "backfleet", *map(str, arguments), *settings],
            cwd=tmp_path,
            env=dict(os.environ),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    return call


def test_a_dry_run_tells_workers_and_cost_and_starts_nothing(
    job_file: JobFile,
    command: Callable[..., tuple[int, str, str]],
    gate: Gate,
    aws_server: AwsServer,
) -> None:
    _, stdout, _ = command("run", job_file(), "--executor", "aws-batch", "--dry-run", "--json")
    facts = json.loads(stdout)

    assert facts["workers"] == 1
    assert facts["cost"]["currency"] == "USD"
    assert 0 < facts["cost"]["amount"] < 0.01
    assert gate.calls["SubmitJob"] == 0
    assert list(open_store(f"s3://{aws_server.bucket}/runs").list()) == []


@pytest.mark.testbed
def test_a_run_over_the_limit_is_refused_without_yes_and_tells_its_cost_at_the_end(
    job_file: JobFile,
    command: Callable[..., tuple[int, str, str]],
    gate: Gate,
    aws_server: AwsServer,
) -> None:
    dear = ("run", job_file(), "--executor", "aws-batch", "-o", "max_cost=0")
    code, _, stderr = command(*dear)
    submitted = gate.calls["SubmitJob"]
    kept = list(open_store(f"s3://{aws_server.bucket}/runs").list())
    agreed, stdout, _ = command(*dear, "--yes")

    assert (code, submitted, kept) == (2, 0, [])
    assert "exceeds the limit of 0.00 USD. Nothing was started. Pass --yes" in stderr
    assert agreed == 0
    assert "cost:    about 0.000" in stdout


@pytest.mark.testbed
def test_verify_compares_a_run_of_this_machine_with_aws_batch(
    job_file: JobFile, options: list[str]
) -> None:
    from backfleet.runs.task_code import find_task_code
    from backfleet.runs.verify import verify_executor

    run = bf.run(bf.Job.load(job_file()), "local", progress=None)
    tasks = sample_tasks(run, None)

    assert verify_executor(find_task_code(run), tasks, "aws-batch", options) == []


# -- logs ----------------------------------------------------------------------------------------


def test_the_log_of_a_worker_is_followed_while_it_runs_attempt_by_attempt(
    executor: AwsBatchExecutor, submitted: Callable[..., str], aws_server: AwsServer
) -> None:
    attempt = "$AWS_BATCH_JOB_ATTEMPT"
    script = f"echo attempt {attempt}; sleep 1; echo on; test {attempt} = 2"
    job = submitted(
        script,
        jobName=f"backfleet-{RUN}-1-4-5",
        containerOverrides={"command": ["sh", "-c", script, URL]},
        arrayProperties={"size": 2},
        retryStrategy={"attempts": 2},
    )
    handle = handle_of(job, "4-5", aws_server)

    lines = list(executor.logs(handle, 5, follow=True))
    assert lines == ["attempt 1", "on", "attempt 2", "on"]


def test_a_log_that_batch_has_forgotten_names_its_group(
    executor: AwsBatchExecutor, aws_server: AwsServer
) -> None:
    handle = handle_of("gone", "0", aws_server)

    with pytest.raises(ExecutorError, match=f"CloudWatch group {aws_server.log_group}"):
        list(executor.logs(handle, 0))


# -- handles that name what is not theirs --------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("somebody-elses", URL),
        ("backfleet-0123456789abcdef-1-0-0", URL),
        (f"backfleet-{RUN}-2-0-0", URL),
        (f"backfleet-{RUN}-1-0-0", URL.replace("runs", "other")),
    ],
    ids=["other job", "other run", "other submission", "other store"],
)
def test_a_job_of_somebody_else_is_neither_stopped_nor_read(
    executor: AwsBatchExecutor,
    submitted: Callable[..., str],
    aws_server: AwsServer,
    name: str,
    url: str,
) -> None:
    script = "sleep 2; echo secret"
    job = submitted(script, jobName=name, containerOverrides={"command": ["sh", "-c", script, url]})
    handle = handle_of(job, "0", aws_server)

    executor.cancel(handle)
    compacting = {**handle, "arrays": [], "compaction": job}
    assert not executor.is_compacting(compacting)
    executor.cancel(compacting)
    with pytest.raises(ExecutorError, match="is none of this run"):
        list(executor.logs(handle, 0))
    assert aws_server.wait(job)["status"] == "SUCCEEDED"


@pytest.mark.parametrize(
    "change",
    [
        {"arrays": []},
        {"arrays": [{"job": 1, "name": "", "shards": "0", "queue": ""}]},
        {"arrays": [{"job": "", "name": "", "shards": "0-99999999999999999999", "queue": ""}]},
        {"arrays": [{"job": "", "name": "", "shards": "x", "queue": ""}]},
        {"shards": 10**12},
        {"settings": {"max_cost": 1.0}},
        {"limits": []},
        {"more": 1},
    ],
    ids=str,
)
def test_an_odd_handle_is_rejected(
    executor: AwsBatchExecutor, aws_server: AwsServer, change: dict[str, Any]
) -> None:
    handle = {**handle_of("gone", "0", aws_server), **change}
    for ask in (executor.poll, executor.cancel, executor.stored_settings):
        if change == {"arrays": []}:
            ask(handle)
        else:
            with pytest.raises(ExecutorError, match="handle of submission 1"):
                ask(handle)


@pytest.mark.parametrize("change", [{"arrays": [{}]}, {"limits": []}, {"run": 7}], ids=str)
def test_an_odd_handle_of_an_earlier_submission_hides_nothing(
    executor: AwsBatchExecutor, aws_server: AwsServer, change: dict[str, Any]
) -> None:
    earlier = trial_submission("s3://bucket/runs", memory=GIB)
    handle = {**handle_of("gone", "0", aws_server), **change}
    submission = replace(earlier, earlier=((earlier, handle),))
    assert interrupted_shards(submission, BatchCalls(Clients("us-east-1"))) == []


def test_a_handle_that_names_a_larger_array_of_somebody_else_breaks_neither_poll_nor_resume(
    executor: AwsBatchExecutor, submitted: Callable[..., str], aws_server: AwsServer, gate: Gate
) -> None:
    job = submitted("exit 1", arrayProperties={"size": 4})
    aws_server.wait(job)

    def interrupted(answer: dict[str, Any]) -> Any:
        for child in answer["jobSummaryList"]:
            child["statusReason"] = INTERRUPTED[0]
        return answer

    gate.alter("ListJobs", interrupted)
    handle = handle_of(job, "0-1", aws_server)
    earlier = trial_submission("s3://bucket/runs", memory=GIB)
    earlier = replace(earlier, shards=((ChunkRange(0, 0, 0, 1),),))
    later = replace(earlier, earlier=((earlier, handle),))
    assert interrupted_shards(later, BatchCalls(Clients(aws_server.region))) == [0]
    assert [str(status.state) for status in executor.poll(handle)] == ["failed"] * 2


# -- detached ------------------------------------------------------------------------------------


@pytest.mark.testbed
def test_a_detached_run_goes_on_and_is_waited_for_from_its_url(
    job_file: JobFile, command: Callable[..., tuple[int, str, str]], aws_server: AwsServer
) -> None:
    code, stdout, stderr = command("run", job_file(), "--executor", "aws-batch", "--detach")
    (name,) = run_folders(open_store(f"s3://{aws_server.bucket}/runs"))
    run = open_run(f"s3://{aws_server.bucket}/runs/{name}")
    bf.RunControl(run).wait()

    assert code == 0, stderr
    assert "continues in the background" in stdout
    assert run.state() == "complete"


# -- regions -------------------------------------------------------------------------------------


def test_the_executors_region_reaches_the_store(
    settings: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    AwsBatchExecutor(AwsBatchSettings(**settings | {"region": "cn-north-1"}))

    assert s3_client().meta.endpoint_url == "https://s3.cn-north-1.amazonaws.com.cn"


def test_jobs_are_found_from_an_environment_of_another_region(
    executor: AwsBatchExecutor,
    submission: Submit,
    aws_server: AwsServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The region of the jobs was once kept only if a setting named it."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", aws_server.region)
    handle = changed(executor, region=None).submit(submission(shards=2))
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    elsewhere = changed(executor, region=None)

    started = {ShardState.RUNNING, ShardState.SUCCEEDED}
    until(lambda: all(it.state in started for it in elsewhere.poll(handle)), "both workers")
    elsewhere.cancel(handle)

    assert BatchHandle.read(handle).settings["region"] == aws_server.region


def test_a_bucket_in_another_region_than_the_jobs_is_refused_before_the_submit(
    executor: AwsBatchExecutor, submission: Submit, aws_server: AwsServer
) -> None:
    asked = submission()
    bucket = f"far-{aws_server.bucket}"
    place = {"LocationConstraint": "eu-central-1"}
    aws_server.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration=place)
    (problem,) = executor.preflight(replace(asked, data_path=f"s3://{bucket}/data"))

    assert problem.startswith(f"the bucket {bucket} is in eu-central-1 and the jobs run in")
    assert executor.preflight(asked) == []
