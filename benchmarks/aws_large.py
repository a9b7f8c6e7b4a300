"""A run of ten million tasks on aws-batch: planned, submitted, watched for an hour, and queried.

The other end is the tests' stand-in. The hour passes on a clock of its own, and all chunks come
within it, as heads with a body that nobody reads. The client reaches the stand-in through a relay
that counts what it downloads. The files with the results are made up; what is measured is reading.
"""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
from synthetic import write_job, write_symbols

import backfleet as bf
from backfleet.chunks.chunk import Chunk, ChunkHeader
from backfleet.plan.rows import RowLayout
from backfleet.results.partitions import write_partitions
from backfleet.runs import watch as watching
from backfleet.store import put_sealed
from backfleet_executors.aws.batch.calls import BatchCalls
from backfleet_executors.aws.batch.poll import SubmissionPoll
from backfleet_executors.aws.clients import Clients

__all__ = ["large_run"]

SYMBOLS, BARS = 100, 608
WORKERS = 5000
HOUR = 3600.0
MIB = 2**20
ROWS = 100_000
MIN_SLEEP = 3.0
"""The shortest pause between two calls of DescribeJobs, so that no request is left out."""

PLAN = """
import resource, sys, time
import backfleet as bf
from backfleet.plan.plan import plan_job

began = time.perf_counter()
manifest = plan_job(bf.Job.load(sys.argv[1])).manifest
seconds = time.perf_counter() - began
print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, len(manifest.chunks))
"""
WATCH = "import sys; sys.path.insert(0, sys.argv[1]); from aws_large import watch; watch()"
QUERY = "import sys; sys.path.insert(0, sys.argv[1]); from aws_large import query; query()"
LEADERS = "select task, symbol, period, sharpe from results order by sharpe desc limit 10"


def large_run(folder: Path, options: list[str], bucket: str, tasks: int) -> None:
    """Print the figures of a run of this many tasks."""
    data = write_symbols(folder / "large", SYMBOLS, BARS)
    file = write_job(folder / "large.toml", data, tasks // SYMBOLS, engine="vector")
    head = file.read_text().partition("[results]")[0]
    file.write_text(f'{head}[results]\nstore = "s3://{bucket}/runs"\ndetail = "summary"\n')
    # The bars are read once; planning again is what one waits for.
    for _ in range(2):
        seconds, peak, chunks = map(float, _python(PLAN, str(file)).split())
    print(f"{tasks:,} tasks in {chunks:,.0f} chunks")
    print(f"  planned, seconds            {seconds:>8.1f}   limit 10")
    print(f"  planned, peak MiB           {peak:>8.0f}   limit 300")
    url, *lines = _python(WATCH, str(Path(__file__).parent), str(file), *options).splitlines()
    print("\n".join(lines))
    run = bf.open_run(url)
    began = time.perf_counter()
    schema = RowLayout(run.manifest).rows([]).to_arrow().schema
    write_partitions(run.store, run.chunk_index.listing(), _rows(tasks, schema), schema)
    print(f"  files written, seconds      {time.perf_counter() - began:>8.1f}")
    print(_python(QUERY, str(Path(__file__).parent), url), end="")


def watch() -> None:
    """Submit a job and watch it for an hour; print the run's URL and the figures."""
    file, *options = sys.argv[2:]
    direct, relay = os.environ["AWS_ENDPOINT_URL"], Relay(os.environ["AWS_ENDPOINT_URL"])
    os.environ["AWS_ENDPOINT_URL"] = relay.url
    calls: Counter[str] = Counter()
    with counted(calls):
        control = bf.submit(bf.Job.load(file), "aws-batch", [*options, f"workers={WORKERS}"])
        submitted, before = calls.copy(), relay.bytes
        handle = control.run.latest_submission().handle
        assert handle is not None
        clock = Clock(control.run, direct)
        executor: Any = control.workers.executor_of(control.run.latest_submission())
        batch = BatchCalls(Clients(handle["settings"]["region"]))
        batch.clients.batch.meta.events.register("after-call.batch.DescribeJobs", clock.progress)
        key = (handle["run"], handle["number"])
        poll = SubmissionPoll(handle, batch, lambda _: "", clock.monotonic)
        executor._polls[key] = poll
        fake: Any = SimpleNamespace(monotonic=clock.monotonic, sleep=clock.sleep)
        with (
            mock.patch.object(watching, "time", fake),
            mock.patch.object(control, "finish", control.summary),
        ):
            summary = control.wait()
    arrays = len(handle["arrays"])
    print(control.run.url)
    print(f"  SubmitJob calls             {submitted['SubmitJob']:>8}   limit 1 ({arrays} array)")
    print(f"  control-plane calls an hour {sum(calls.values()):>8}   limit 300")
    print(f"  downloaded in an hour, MB   {(relay.bytes - before) / 1e6:>8.1f}   limit 50")
    print(f"  peak MiB while watching     {_peak():>8.0f}   limit 500")
    print(f"  chunks counted at the end   {summary.tasks - summary.missing:>8,} tasks")


def query() -> None:
    """Print the figures of a query for the leaders."""
    relay = Relay(os.environ["AWS_ENDPOINT_URL"])
    os.environ["AWS_ENDPOINT_URL"] = relay.url
    began = time.perf_counter()
    frame = bf.open_run(sys.argv[2]).query(LEADERS)
    seconds = time.perf_counter() - began
    assert len(frame) == 10
    print(f"  leaders by SQL, seconds     {seconds:>8.1f}   limit 20")
    print(f"  of them the client's CPU    {_cpu():>8.1f}   and the rest is the stand-in's time")
    print(f"  downloaded for it, MB       {relay.bytes / 1e6:>8.1f}")
    here, child = _peak(), _peak(children=True)
    print(
        f"  peak MiB, client and SQL    {here:.0f} + {child:.0f} = {here + child:.0f}   limit 500"
    )


class Clock:
    """An hour that nobody waits for, in which all chunks of a run come."""

    def __init__(self, run: bf.Run, direct: str) -> None:
        self._run = run
        self._now = 0.0
        self._client = Clients("us-east-1").session.client("s3", endpoint_url=direct)
        self._came = 0

    def monotonic(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        # A look without a request changes nothing, and a thousand of them take minutes.
        self._now += max(seconds, MIN_SLEEP)
        grid = self._run.manifest.chunks
        while self._came < len(grid) * min(1.0, self._now / HOUR):
            self._commit(self._came)
            self._came += 1

    def progress(self, parsed: dict[str, Any], **_: object) -> None:
        """All workers end within the hour."""
        done = int(WORKERS * min(1.0, self._now / HOUR))
        counts = {"SUCCEEDED": done, "RUNNING": WORKERS - done}
        for job in parsed["jobs"]:
            if ":" not in job["jobId"]:
                job["arrayProperties"] = {"size": WORKERS, "statusSummary": counts}
                job["status"] = "SUCCEEDED" if done == WORKERS else "PENDING"

    def _commit(self, chunk: int) -> None:
        tasks = self._run.manifest.chunks[chunk]
        digest = f"{chunk:064x}"
        header = ChunkHeader(
            run_id=self._run.id,
            chunk=chunk,
            generation=0,
            first=tasks.start,
            count=len(tasks),
            logical=digest,
            blobs={"sums": digest, "returns": digest},
            ok=len(tasks),
            suspicious=0,
            error=0,
            retryable=0,
            seconds=1.0,
            platform={"machine": "x86_64", "system": "Linux", "processor": "a name" * 5},
        )
        bucket, _, prefix = self._run.url.removeprefix("s3://").partition("/")

        def put(key: str, content: bytes) -> bool:
            self._client.put_object(Bucket=bucket, Key=f"{prefix}/{key}", Body=content)
            return True

        target: Any = SimpleNamespace(seals=self._run.store.seals, put_if_absent=put)
        put_sealed(target, header.key, Chunk(header, b"\0" * 10_000).to_bytes())


class Relay:
    """Passes connections on, and counts the bytes that come back."""

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        self._upstream = (parts.hostname, parts.port)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        self.bytes = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            client, _ = self._server.accept()
            server = socket.create_connection(self._upstream)
            for source, sink, counts in ((client, server, False), (server, client, True)):
                arguments = (source, sink, counts)
                threading.Thread(target=self._pass_on, args=arguments, daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, counts: bool) -> None:
        try:
            while part := source.recv(2**16):
                self.bytes += len(part) if counts else 0
                sink.sendall(part)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            return


def counted(calls: Counter[str]) -> Any:
    """Count the requests to AWS Batch that are sent meanwhile."""
    from botocore.httpsession import URLLib3Session

    send = URLLib3Session.send

    def counting(session: Any, request: Any) -> Any:
        path = request.url.partition("/v1/")[2]
        if path:
            calls[{"submitjob": "SubmitJob"}.get(path, path)] += 1
        return send(session, request)

    return mock.patch.object(URLLib3Session, "send", counting)


def _rows(tasks: int, schema: pa.Schema) -> Iterator[pa.Table]:
    """Made-up rows in the columns of a run, of which only `task` and `symbol` mean something."""
    draw = np.random.default_rng(0)
    for first in range(0, tasks, ROWS):
        count = min(ROWS, tasks - first)
        numbers = np.arange(first, first + count)
        columns = []
        for field in schema:
            if field.name == "task":
                columns.append(pa.array(numbers))
            elif field.type == pa.string():
                columns.append(pa.array(np.char.mod("S%04d", numbers % SYMBOLS)))
            elif field.type == pa.float64():
                columns.append(pa.array(draw.normal(size=count).astype(np.float32).astype(float)))
            else:
                columns.append(pa.array(draw.integers(0, 100, count)).cast(field.type))
        yield pa.table(columns, schema=schema)


def _python(code: str, *arguments: str) -> str:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def _cpu() -> float:
    uses = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(use.ru_utime + use.ru_stime for use in uses)


def _peak(*, children: bool = False) -> float:
    if children:
        return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / MIB
    # The maximum of `getrusage` begins with that of the process that started this one.
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
