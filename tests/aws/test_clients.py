"""Clients are made in one place, with the region checked before anything is asked of AWS."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from backfleet.errors import ExecutorError
from backfleet_executors.aws.clients import Clients


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def test_a_misspelt_region_is_refused_with_the_nearest() -> None:
    with pytest.raises(ExecutorError, match=r"'us-esat-1'.*did you mean .*'us-east-1'.*\?"):
        Clients("us-esat-1")


def test_no_region_says_where_to_set_it() -> None:
    with pytest.raises(ExecutorError, match="AWS_DEFAULT_REGION"):
        Clients()


def test_the_region_comes_from_what_is_given_then_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert Clients().region == "eu-west-1"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "cn-north-1")
    assert Clients().region == "cn-north-1"
    assert Clients().partition == "aws-cn"
    assert Clients("eu-central-1").region == "eu-central-1"


def test_a_profile_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(ExecutorError, match="nobody"):
        Clients("us-east-1")


def test_no_credentials_say_how_to_get_some() -> None:
    with pytest.raises(ExecutorError, match="aws sso login"):
        Clients("us-east-1").account()


def test_a_request_is_sent_once_where_the_caller_looks_into_lost_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    once: Any = Clients("us-east-1", total_max_attempts=1).batch
    assert once.meta.config.retries == {"mode": "standard", "total_max_attempts": 1}
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "3")
    usual: Any = Clients("us-east-1").batch
    assert usual.meta.config.retries["total_max_attempts"] == 3


@pytest.mark.parametrize("text", ["many", "", "0", "-1", "1.5", "9" * 5000])
def test_a_number_of_attempts_that_is_none_is_named(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", text)
    with pytest.raises(ExecutorError, match=r"AWS_MAX_ATTEMPTS is .+must be a whole number"):
        _ = Clients("us-east-1").batch


class LogIn(BaseHTTPRequestHandler):
    """The page that a network puts before everything else until one has logged in."""

    PAGE = b"<!DOCTYPE html><html><head><meta charset=utf-8></head>\n<body>Log in</body></html>"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(self.PAGE)))
        self.end_headers()
        self.wfile.write(self.PAGE)

    def log_message(self, *arguments: object) -> None:
        """Nothing: the test's output is its own."""


@pytest.fixture
def log_in_page(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with ThreadingHTTPServer(("127.0.0.1", 0), LogIn) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield
        server.shutdown()


@pytest.mark.usefixtures("log_in_page")
def test_a_page_in_the_place_of_an_answer_is_one_line_with_what_to_check() -> None:
    with pytest.raises(ExecutorError) as raised:
        Clients("us-east-1").account()
    text = str(raised.value)
    assert text.startswith(
        "asking AWS whose credentials these are: the answer did not come from AWS"
    )
    assert "check the proxy" in text
    assert "\n" not in text
    assert "Log in" not in text
