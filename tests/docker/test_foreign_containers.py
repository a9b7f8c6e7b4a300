"""A handle that names containers of somebody else: none is stopped, read or removed.

The engine is a stand-in that answers over HTTP and logs every request, so that the tests need none.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from backfleet.executor import ShardState
from backfleet_executors.docker.executor import DockerExecutor
from backfleet_executors.docker.settings import DockerSettings

RUN, NUMBER, URL = "0" * 16, 1, "/store/runs/0000000000000000/submissions/1.json"
OWN, FOREIGN = "a" * 64, "b" * 64
LABELS = {"run": RUN, "submission": str(NUMBER), "url": URL, "owner": "me"}


class StandIn(ThreadingHTTPServer):
    """A Docker engine with two running containers."""

    def __init__(self, labels: Mapping[str, str]) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.labels = {OWN: LABELS, FOREIGN: labels}
        self.states = {OWN: "running", FOREIGN: "running"}
        self.requests: list[str] = []

    def touched(self, container: str) -> list[str]:
        """Return the requests that name a container."""
        return [request for request in self.requests if container in request]

    def listing(self, label: str) -> list[dict[str, Any]]:
        """Return the containers with a label, given as `name=value`."""
        containers: list[dict[str, Any]] = [
            {
                "Id": container,
                "State": state,
                "Created": 0,
                "Labels": {f"backfleet.{name}": v for name, v in self.labels[container].items()},
            }
            for container, state in self.states.items()
        ]
        name, _, value = label.partition("=")
        return [it for it in containers if it["Labels"].get(name) == value]


class _Answers(BaseHTTPRequestHandler):
    server: StandIn

    def _answer(self) -> None:
        path = urlsplit(self.path).path
        self.server.requests.append(f"{self.command} {path}")
        state = {"ExitCode": 0, "FinishedAt": "2026-01-01T00:00:00Z"}
        content: Any = {"State": state, "Config": {"Tty": True}}
        if path.endswith("/version"):
            content = {"ApiVersion": "1.44", "MinAPIVersion": "1.24"}
        elif path.endswith("/containers/json"):
            (filters,) = parse_qs(urlsplit(self.path).query)["filters"]
            content = self.server.listing(json.loads(filters)["label"][0])
        elif path.endswith("/kill"):
            self.server.states[path.split("/")[-2]] = "exited"
        body = b"" if path.endswith("/logs") else json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_DELETE = _answer

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    with StandIn(request.param) as engine:
        thread = threading.Thread(target=engine.serve_forever)
        thread.start()
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{engine.server_port}")
        yield engine
        engine.shutdown()
        thread.join()


def handle_of(*containers: str) -> dict[str, Any]:
    named = [[container, [shard]] for shard, container in enumerate(containers)]
    return {"run": RUN, "number": NUMBER, "url": URL, "settings": {}, "containers": named}


OTHERS = {
    "somebody's": {},
    "another run's": LABELS | {"run": "1" * 16},
    "another submission's": LABELS | {"submission": "2"},
    "another store's": LABELS | {"url": "/other" + URL},
}


@pytest.mark.parametrize("engine", OTHERS.values(), ids=OTHERS, indirect=True)
def test_a_container_that_is_not_of_the_submission_is_left_alone(engine: StandIn) -> None:
    executor = DockerExecutor(DockerSettings())
    handle = handle_of(OWN, FOREIGN)

    assert [status.state for status in executor.poll(handle)] == [
        ShardState.RUNNING,
        ShardState.FAILED,
    ]
    assert list(executor.logs(handle, 1)) == []
    executor.cancel(handle)
    executor.clean_up(handle)

    assert engine.touched(FOREIGN) == []
    assert engine.states == {OWN: "exited", FOREIGN: "running"}
    assert any(request.endswith("/kill") for request in engine.touched(OWN))


@pytest.mark.parametrize("engine", [OTHERS["another run's"]], ids=["another run's"], indirect=True)
def test_workers_of_another_run_are_no_orphans_of_this_one(engine: StandIn) -> None:
    assert list(DockerExecutor(DockerSettings()).find_orphans("2" * 16)) == []
