"""`Gate`: a proxy in front of the stand-in for AWS, which counts requests and spoils some."""

from __future__ import annotations

import http.client
import json
import random
import threading
import urllib.parse
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["Answer", "Change", "Gate", "Rule", "open_gate"]


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

    def answer(self, call: str, content: object) -> None:
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


@contextmanager
def open_gate(upstream: str) -> Iterator[Gate]:
    """Serve a gate in front of the server at `upstream` until the context ends."""
    gate = Gate()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(gate, upstream))
    gate.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield gate
    finally:
        server.shutdown()
        server.server_close()
