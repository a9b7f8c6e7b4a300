"""Jobs that run on the stand-in for AWS Batch, and requests that go wrong on their way."""

from __future__ import annotations

import http.client
import json
import random
import threading
import urllib.parse
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
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

# -- requests that go wrong ----------------------------------------------------------------------


@dataclass
class Answer:
    """What the server says; a rule may change it."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Change = Callable[[Answer], Answer | None]
"""None closes the connection without a word."""


@dataclass
class Rule:
    call: str
    times: int
    change: Change
    before: bool = False


@dataclass
class Gate:
    """Between a client and the server: counts requests by their name, and spoils some.

    The name of a request to Batch is its operation, `SubmitJob`; of one to S3 `PUT key`.

    Attributes
    ----------
    url
        What the client takes for AWS.
    """

    url: str = ""
    calls: Counter[str] = field(default_factory=Counter)
    rules: list[Rule] = field(default_factory=list)
    rate: float = 0.0
    draw: random.Random = field(default_factory=random.Random)

    def refuse(
        self, call: str, status: int, code: str, message: str = "no", times: int = 10**9
    ) -> None:
        """Answer with an error, and let the server know nothing of the request."""

        def change(_: Answer) -> Answer:
            error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
            if call.startswith(("GET ", "PUT ")):
                return Answer(status, {"Content-Type": "application/xml"}, error.encode())
            if call in QUERIES:
                body = f"<ErrorResponse>{error}</ErrorResponse>".encode()
                return Answer(status, {"Content-Type": "text/xml"}, body)
            headers = {"x-amzn-ErrorType": code, "Content-Type": "application/json"}
            return Answer(status, headers, json.dumps({"message": message}).encode())

        self.rules.append(Rule(call, times, change, before=True))

    def lose_answer(self, call: str, times: int = 1) -> None:
        """Have the server do what is asked, and tell the client nothing."""
        self.rules.append(Rule(call, times, lambda answer: None))

    def after(self, call: str, act: Callable[[], object]) -> None:
        """Do something between the server's work and its answer, which is lost."""

        def change(_: Answer) -> None:
            act()

        self.rules.append(Rule(call, 1, change))

    def alter(self, call: str, change: Callable[[Any], Any], times: int = 10**9) -> None:
        """Answer with another JSON than the server's."""

        def changed(answer: Answer) -> Answer:
            return Answer(answer.status, answer.headers, json.dumps(change(answer.json)).encode())

        self.rules.append(Rule(call, times, changed))

    def answer(self, call: str, content: Any) -> None:
        """Answer in the server's place."""

        def change(_: Answer) -> Answer:
            headers = {"Content-Type": "application/x-amz-json-1.1"}
            return Answer(200, headers, json.dumps(content).encode())

        self.rules.append(Rule(call, 10**9, change, before=True))

    def spoil(self, call: str, change: Callable[[bytes], bytes], times: int = 1) -> None:
        """Answer with other bytes than the server's."""

        def changed(answer: Answer) -> Answer:
            return Answer(answer.status, answer.headers, change(answer.body))

        self.rules.append(Rule(call, times, changed))

    def trouble(self, rate: float, seed: int) -> None:
        """Refuse a share of all requests, and answer as many again with nothing."""
        self.rate = rate / 2
        self.draw.seed(seed)

    def take(self, name: str) -> Rule | None:
        """Count a request, and the rule that it falls under."""
        self.calls[name] += 1
        drawn = self.draw.random()
        if drawn < self.rate:
            return Rule(name, 1, lambda _: Answer(503, {}, b""), before=True)
        if drawn < 2 * self.rate:
            return Rule(name, 1, lambda _: None)
        for rule in self.rules:
            if name.startswith(rule.call) and rule.times > 0:
                rule.times -= 1
                return rule
        return None


_OPERATIONS = {
    "submitjob": "SubmitJob",
    "describejobs": "DescribeJobs",
    "listjobs": "ListJobs",
    "terminatejob": "TerminateJob",
    "describejobqueues": "DescribeJobQueues",
    "describecomputeenvironments": "DescribeComputeEnvironments",
    "describejobdefinitions": "DescribeJobDefinitions",
}
QUERIES = ("GetCallerIdentity",)
"""Operations that speak XML."""

SKIPPED = ("connection", "transfer-encoding", "content-length")


def _handler(gate: Gate, upstream: str) -> type[BaseHTTPRequestHandler]:
    host = urllib.parse.urlsplit(upstream).netloc

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *arguments: object) -> None:
            """Nothing: a line a request would bury a test's own output."""

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            rule = gate.take(self._name(body))
            answer: Answer | None = None
            if rule is None or not rule.before:
                answer = self._forward(body)
            if rule is not None:
                answer = rule.change(answer or Answer(0, {}, b""))
            self._send(answer)

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_any

        def _name(self, body: bytes) -> str:
            path = urllib.parse.urlsplit(self.path).path
            operation = _OPERATIONS.get(path.rpartition("/")[2])
            target = self.headers.get("X-Amz-Target")
            if operation or target:
                return operation or str(target).rpartition(".")[2]
            if b"Action=" in body:
                return dict(urllib.parse.parse_qsl(body.decode()))["Action"]
            return f"{self.command} {path.lstrip('/').partition('/')[2]}"

        def _forward(self, body: bytes) -> Answer:
            connection = http.client.HTTPConnection(host, timeout=60)
            headers = {name: value for name, value in self.headers.items() if name != "Expect"}
            connection.request(self.command, self.path, body, headers)
            got = connection.getresponse()
            answer = Answer(got.status, dict(got.getheaders()), got.read())
            connection.close()
            return answer

        def _send(self, answer: Answer | None) -> None:
            if answer is None:
                self.close_connection = True
                return
            self.send_response_only(answer.status)
            for name, value in answer.headers.items():
                if name.lower() not in SKIPPED:
                    self.send_header(name, value)
            length = answer.headers.get("Content-Length") if self.command == "HEAD" else None
            self.send_header("Content-Length", length or str(len(answer.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)

    return Handler


@pytest.fixture
def gate(aws_server: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """This process and its children reach AWS through it; jobs do not."""
    found = Gate()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(found, aws_server.url))
    found.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", found.url)
    yield found
    server.shutdown()
    server.server_close()


# -- jobs and runs -------------------------------------------------------------------------------


@pytest.fixture
def settings(aws_server: Any) -> dict[str, str]:
    """The executor's settings, as a deployment writes them."""
    found: dict[str, str] = aws_server.settings
    return found


@pytest.fixture
def options(settings: Mapping[str, str]) -> list[str]:
    """The executor's settings, as `-o` takes them."""
    return [f"{key}={value}" for key, value in settings.items()]


@pytest.fixture
def executor(settings: Mapping[str, Any]) -> AwsBatchExecutor:
    return AwsBatchExecutor(AwsBatchSettings(**settings))


@pytest.fixture
def s3_data(aws_server: Any, sample_data: Path) -> str:
    """The sample stocks on S3."""
    s3 = aws_server.client("s3")
    for file in sample_data.iterdir():
        s3.upload_file(str(file), aws_server.data_bucket, f"sample/{file.name}")
    return f"s3://{aws_server.data_bucket}/sample"


JobFile = Callable[..., Path]


@pytest.fixture
def job_file(tmp_path: Path, aws_server: Any, sample_data: Path) -> JobFile:
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
