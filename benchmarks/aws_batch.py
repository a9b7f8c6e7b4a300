"""aws-batch at 100,000 tasks and more, beside its limits; nothing but the client is measured.

The other end is the tests' stand-in for AWS on this machine. Its jobs wait for ever, since what is
measured is what the client does: calls to AWS Batch in an hour of watching 1,000 workers (that hour
passes on a clock of its own), memory at 1,000 and at 1,000,000 tasks, and the time in which the
results of 100,000 tasks are collected from S3 and sorted. `aws_large.py` does so for ten million.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from aws_large import counted, large_run
from aws_stand_in import aws_stand_in
from measure import workspace
from results_load import made_up_result
from synthetic import write_job, write_symbols

import backfleet as bf
from backfleet.chunks.commit import ChunkContent, commit_chunk, encode_chunk
from backfleet.chunks.detail import stored_tables
from backfleet.plan.rows import RowLayout
from backfleet.runs.run import Run
from backfleet.store.s3_client import s3_client
from backfleet_executors.aws.batch.calls import BatchCalls
from backfleet_executors.aws.batch.poll import SubmissionPoll
from backfleet_executors.aws.clients import Clients

BUCKET = "benchmark"
REGION = "us-east-1"
ROLE = "arn:aws:iam::123456789012:role/benchmark"
TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})
SYMBOLS, BARS = 10, 608
HOUR = 3600
WORKERS = 1000

CLIENT = """
import resource, sys
import backfleet as bf

run = bf.submit(bf.Job.load(sys.argv[1]), "aws-batch", sys.argv[2:]).run
for _ in range(100):
    run.workers.statuses()
    run.counts()
print(run.manifest.tasks, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""

COLLECT = """
import sys, time
from concurrent.futures import ThreadPoolExecutor
import backfleet as bf

run = bf.open_run(sys.argv[1])
keys = [entry.key for entry in run.store.list("chunks/")]
began = time.perf_counter()
with ThreadPoolExecutor(8) as pool:
    list(pool.map(run.store.read, keys))
bare = time.perf_counter() - began
began, cpu = time.perf_counter(), time.process_time()
frame = bf.open_run(sys.argv[1]).results().sort_values("sharpe", ascending=False)
print(len(frame), time.perf_counter() - began, time.process_time() - cpu, bare)
"""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--tasks", type=int, default=10_000_000, help="of the large run")
    arguments.add_argument("--only-large", action="store_true", help="leave out the others")
    chosen = arguments.parse_args()
    with workspace() as folder, aws_stand_in("--jobs", "processes", "--slots", "0"):
        os.environ["BACKFLEET_CACHE"] = str(folder / "cache")
        data = write_symbols(folder / "data", SYMBOLS, BARS)
        options = _deployed()
        if not chosen.only_large:
            run = _hour(folder, data, options)
            _memory(folder, data, options)
            _collected(run)
        large_run(folder, options, BUCKET, chosen.tasks)


def _job(folder: Path, data: Path, tasks: int) -> Path:
    file = write_job(folder / "job.toml", data, tasks // SYMBOLS)
    head = file.read_text().partition("[results]")[0]
    file.write_text(f'{head}[results]\nstore = "s3://{BUCKET}/runs"\ndetail = "summary"\n')
    return file


def _hour(folder: Path, data: Path, options: list[str]) -> Run:
    """Submit 100,000 tasks to 1,000 workers, and watch them for an hour that nobody waits for."""
    calls: Counter[str] = Counter()
    with counted(calls):
        job = bf.Job.load(_job(folder, data, 100_000))
        control = bf.submit(job, "aws-batch", [*options, f"workers={WORKERS}"])
        run = control.run
    handle = run.latest_submission().handle
    assert handle is not None
    batch = BatchCalls(Clients(REGION))
    now = 0.0

    def progress(parsed: dict[str, Any], **_: object) -> None:
        """Two workers in seven seconds end, and every twentieth of them fails."""
        done = min(WORKERS, int(now * 2 / 7))
        counts = {"SUCCEEDED": done - done // 20, "FAILED": done // 20, "RUNNING": WORKERS - done}
        for job in parsed["jobs"]:
            job["arrayProperties"] = {"size": WORKERS, "statusSummary": counts}

    events = batch.clients.batch.meta.events
    events.register("after-call.batch.DescribeJobs", progress)
    with counted(calls):
        poll = SubmissionPoll(handle, batch, lambda _: "", lambda: now)
        while now < HOUR:
            poll.statuses()
            now += 1.0
    control.cancel()
    print(f"{run.manifest.tasks:,} tasks in {len(handle['arrays'])} job of {WORKERS:,} workers")
    print(f"  SubmitJob calls             {calls['SubmitJob']:>8}   limit 1")
    print(f"  control-plane calls an hour {sum(calls.values()):>8}   limit 300")
    print(f"  {', '.join(f'{name} {count}' for name, count in sorted(calls.items()))}")
    return run


def _memory(folder: Path, data: Path, options: list[str]) -> None:
    """Plan, submit and look a hundred times, in a fresh process each."""
    peaks = []
    for tasks in (1_000, 1_000_000):
        file = _job(folder, data, tasks)
        command = [sys.executable, "-c", CLIENT, str(file), *options, "workers=10000"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        planned, peak = map(int, done.stdout.split())
        peaks.append(peak / 1024)
        print(f"client at {planned:>9,} tasks: peak memory {peaks[-1]:.0f} MiB")
    print(f"  growth                      {peaks[1] - peaks[0]:>8.0f} MiB   limit 50 MB")


def _collected(run: Run) -> None:
    """Commit all chunks as workers do, and collect them in a fresh process."""
    layout = RowLayout(run.manifest)
    draw = random.Random(0)
    for chunk in range(len(run.manifest.chunks)):
        results = [made_up_result(task, draw) for task in run.manifest.chunks[chunk]]
        rows, tables = layout.rows(results), stored_tables(results, ())
        commit_chunk(run.store, encode_chunk(ChunkContent(run.id, chunk, 0, rows, tables, {})))
    command = [sys.executable, "-c", COLLECT, run.url]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    count, *times = done.stdout.split()
    seconds, cpu, bare = map(float, times)
    print(
        f"{int(count):,} rows of {len(run.manifest.chunks):,} chunks collected from S3 and sorted"
    )
    print(f"  seconds                     {seconds:>8.1f}   limit 10")
    print(f"  of them this process's CPU  {cpu:>8.1f}")
    print(f"  reading the chunks alone    {bare:>8.1f}   which is the stand-in's time")


def _deployed() -> list[str]:
    """A queue and a job definition, as `-o` options."""
    clients = Clients(REGION)
    s3_client().create_bucket(Bucket=BUCKET)
    clients.iam.create_role(RoleName="benchmark", AssumeRolePolicyDocument=TRUST)
    subnet = clients.ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    group = clients.ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
    made = clients.batch.create_compute_environment(
        computeEnvironmentName="benchmark",
        type="MANAGED",
        state="ENABLED",
        computeResources={
            "type": "FARGATE_SPOT",
            "maxvCpus": 256,
            "subnets": [subnet],
            "securityGroupIds": [group],
        },
    )
    clients.batch.create_job_queue(
        jobQueueName="benchmark",
        state="ENABLED",
        priority=1,
        computeEnvironmentOrder=[{"order": 1, "computeEnvironment": made["computeEnvironmentArn"]}],
    )
    clients.batch.register_job_definition(
        jobDefinitionName="benchmark",
        type="container",
        platformCapabilities=["FARGATE"],
        containerProperties={
            "image": "backfleet",
            "executionRoleArn": ROLE,
            "resourceRequirements": [
                {"type": "VCPU", "value": "1"},
                {"type": "MEMORY", "value": "2048"},
            ],
        },
    )
    place = f"s3://{BUCKET}"
    settings = {
        "region": REGION,
        "queue": "benchmark",
        "job_definition": "benchmark",
        "store": f"{place}/runs",
        "data": f"{place}/data",
    }
    return [f"{name}={value}" for name, value in settings.items()]


if __name__ == "__main__":
    main()
