"""HTTP attacks on `backfleet serve` get short answers, and the holder of the token is served.

The server is a process that is bound to all addresses, so it asks for a token. Attackers are on
loopback; half of the random ones have the token's cookie, so that they reach the pages.
"""

from __future__ import annotations

import contextlib
import random
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest

import backfleet as bf
from http_server import SECONDS, Answer, Served, read_answer
from sample_job import job_of

DEFAULT_SIZE, EXHAUSTIVE_SIZE = 60, 2000
MAX_ERROR_CHARS = 8000
MAX_MEMORY = 1024**3


@dataclass(frozen=True)
class Target:
    """A server that attackers know, and what the holder of its token sends."""

    server: Served
    cookie: str
    run: str
    process: psutil.Process

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server.port}"

    def holder(self, path: str = "/") -> Answer:
        """Ask as the holder of the token does."""
        return self.server.get(path, {"Host": self.host, "Cookie": self.cookie})

    def attack(self, request: bytes) -> Answer | None:
        """Send bytes; return the answer, or None if the server closed the connection."""
        with self.server.connect() as client:
            # The server answers and closes before it has read a request that is too long.
            with contextlib.suppress(ConnectionError):
                client.sendall(request)
            return read_answer(client, request.partition(b" ")[0].decode("latin-1"))

    def request(self, path: str, *lines: str, method: str = "GET", cookie: bool = True) -> bytes:
        """Return a request that is sound but for what the arguments contain."""
        head = [f"{method} {path} HTTP/1.1", f"Host: {self.host}"]
        head += [f"Cookie: {self.cookie}"] if cookie else []
        return "\r\n".join([*head, *lines, "", ""]).encode("latin-1", "replace")


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A server with a token, over a store with one run. It must log nothing and end soundly."""
    folder = tmp_path_factory.mktemp("hostile")
    run = bf.run(job_of(folder, name="sma"), progress=None)
    store = str(Path(run.url).parent)
    command = [
        sys.executable,
        "-m",
        "backfleet",
        "serve",
        store,
        "--host",
        "0.0.0.0",
        "--port",
        "0",
    ]
    with (
        tempfile.TemporaryFile("w+") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, cwd=folder) as it,
    ):
        try:
            assert it.stdout is not None
            line = it.stdout.readline()
            match = re.search(r"http://0\.0\.0\.0:(\d+)/\?token=(\S+)", line)
            assert match, line
            port = int(match[1])
            process = psutil.Process(it.pid)
            yield Target(Served(port), f"backfleet-{port}={match[2]}", run.id, process)
            it.send_signal(signal.SIGTERM)
            assert it.wait(SECONDS) == 0
            log.seek(0)
            assert log.read() == ""
        finally:
            it.kill()


def attacks(target: Target) -> dict[str, bytes]:
    """Return the attacks that have a name."""
    return {
        **{f"path {path!r}": target.request(path) for path in PATHS},
        **{f"path {path!r} of a stranger": target.request(path, cookie=False) for path in PATHS},
        **{f"query {name!r}": target.request(path) for name, path in queries(target).items()},
        **{f"header {line[:40]!r}": target.request("/", line) for line in HEADERS},
        **{f"foreign cookie {c[:40]!r}": foreign_cookie(target, c) for c in FOREIGN_COOKIES},
        **{f"method {name!r}": target.request("/", method=name) for name in METHODS},
        **{f"bytes {name}": request for name, request in odd_bytes(target).items()},
    }


PATHS = (
    "/../../../../etc/passwd",
    "/static/../server.py",
    "/static/%2e%2e/server.py",
    "/static/%2e%2e%2fserver.py",
    "/static/%252e%252e%252fserver.py",
    "/static/..%5cserver.py",
    "/static/..\\server.py",
    "/static//etc/passwd",
    "/static/%2fetc%2fpasswd",
    "/static/page.js%00.css",
    "/static/%00",
    "/static/.js",
    "/static/...js",
    "/runs/%2e%2e",
    "/runs/../../etc",
    "/runs/%00%00%00%00%00%00%00%00%00%00%00%00%00%00%00%00",
    "/runs/0123456789abcdef%0a",
    "/runs/0123456789ABCDEF",
    "/runs/%EF%BC%90123456789abcde",
    "/runs/%ff%fe",
    "/runs/" + "a" * 3000,
    "/runs/0123456789abcdef/tasks/" + "9" * 5000,
    "/runs/0123456789abcdef/tasks/-1",
    "/runs/0123456789abcdef/tasks/%d9%a3",
    "/runs/0123456789abcdef/tasks/1.5",
    "/runs/0123456789abcdef/tasks/0x10",
    "/api/runs/..",
    "/api/runs/%2e%2e%2fknown",
    "/known",
    "//evil.example/",
    "/%09/evil.example",
    "/%5cevil.example",
    "/%0d%0aSet-Cookie:%20x=y",
    "/%u0041",
    "/%",
    "/%zz",
    "/;",
    "/" + "a" * 9000,
    "/" + "a/" * 4000,
    "*",
    "http://evil.example/",
    "evil.example:80",
    "file:///etc/passwd",
)


def queries(target: Target) -> dict[str, str]:
    """Return addresses with odd queries, by a name."""
    run = f"/runs/{target.run}"
    values = {
        "empty": "",
        "nothing": "%00",
        "markup": quote("<script>alert(1)</script>"),
        "template": quote("{{7*7}}{% raw %}"),
        "not a number": "nan",
        "text column": "status",
        "dunder": "__class__",
        "tuple": "('a','b')",
        "surrogate": "%ed%a0%80",
        "not UTF-8": "%ff",
        "long": "x" * 8000,
        "very long": "x" * 1_000_000,
        "too long": "x" * 2_000_000,
    }
    return {
        **{f"metric {name}": f"{run}?metric={value}" for name, value in values.items()},
        **{f"compare {name}": f"/compare?run={value}" for name, value in values.items()},
        "compare nothing": "/compare",
        "compare many": "/compare?" + "&".join(["run=" + target.run] * 300),
        "many fields": "/?" + "&" * 7000,
        "wrong token": "/?token=wrong",
        "token not ASCII": "/?token=%c3%a9",
        "token list": "/?token[]=x&token=&token",
        "no name": "/?=&==&%3d=%26",
    }


HEADERS = (
    "Host: evil.example",
    "Host: 127.0.0.1:1, evil.example",
    "Host: ",
    "host : x",
    "X-Forwarded-Host: evil.example",
    "X-Forwarded-For: not an address, 127.0.0.1",
    "X-Forwarded-Proto: \x01",
    "Forwarded: for=evil",
    "Range: bytes=0-0",
    "Range: bytes=99999999999999999999-",
    "Range: bytes=0-1,1-2,2-3" + ",0-" * 2000,
    "If-Range: x",
    "If-Modified-Since: never",
    "If-Modified-Since: Sat, 99 Foo 99999 99:99:99 GMT",
    "If-None-Match: *",
    "Accept: */*;q=nan",
    "Accept-Encoding: gzip;q=0, br, \x80, identity;q=-1",
    "Accept-Encoding: " + "gzip, " * 10_000,
    "Accept-Language: " + "*" * 60_000,
    "Content-Length: 5",
    "Content-Length: -5",
    "Content-Length: 5, 6",
    "Content-Length: 99999999999999999999999999",
    "Content-Length: 5\r\nContent-Length: 6",
    "Content-Length: 5\r\nTransfer-Encoding: chunked",
    "Content-Length: 0\r\nContent-Length: 0",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding : chunked",
    "Expect: 100-continue",
    "Expect: 200-ok",
    "Connection: close, keep-alive, upgrade",
    "Connection: Upgrade\r\nUpgrade: websocket",
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ",
    "Origin: null",
    "Authorization: Basic " + "=" * 100,
    "X: a\r\n folded",
    "X: \x00",
    "X: \xe9\xff",
    "Xé: 1",
    ": no name",
    "no colon",
    "\r\nGET /known HTTP/1.1",
    "X: " + "a" * 500_000,
    "X: " + "a" * 3_000_000,
    "\r\n".join(f"X-{number}: {number}" for number in range(5000)),
)

FOREIGN_COOKIES = (
    "a/b=1",
    "a,b=1",
    "{json}=1",
    'x="unterminated',
    "x=\xe9\xff",
    "=no name",
    ";;;;;",
    "no value",
    "backfleet-{port}=foreign",
    'backfleet-{port}="',
    "backfleet-{port}",
    "backfleet-{port}==",
    "__Host-x=1; $Version=1; $Path=/",
    "x=1; expires=Thu, 01 Jan 1970 00:00:00 GMT; path=/; httponly",
    "; ".join(f"c{number}={'v' * 4000}" for number in range(180)),
    "; ".join("backfleet-{port}=foreign" for _ in range(2000)),
)


def foreign_cookie(target: Target, cookie: str) -> bytes:
    """Return a holder's request on which cookies of another server ride along."""
    foreign = cookie.replace("{port}", str(target.server.port))
    return target.request("/", f"Cookie: {foreign}; {target.cookie}; {foreign[:40]}", cookie=False)


METHODS = (
    "HEAD",
    "POST",
    "PUT",
    "DELETE",
    "PATCH",
    "OPTIONS",
    "TRACE",
    "CONNECT",
    "get",
    "X",
    "G\tT",
)


def odd_bytes(target: Target) -> dict[str, bytes]:
    """Return requests that are no sound HTTP/1.1, by a name."""
    sound = target.request("/")
    host = f"Host: {target.host}\r\n\r\n".encode()
    return {
        "empty lines": b"\r\n\r\n\r\n",
        "zeros": b"\0" * 100 + b"\r\n\r\n",
        "TLS": bytes.fromhex("160301020001000001fc0303") + bytes(range(256)) + b"\r\n\r\n",
        "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "HTTP/0.9": b"GET /\r\n\r\n",
        "HTTP/1.0": b"GET / HTTP/1.0\r\n\r\n",
        "HTTP/1.0 with a host": b"GET / HTTP/1.0\r\n" + host,
        "HTTP/1.9": b"GET / HTTP/1.9\r\n" + host,
        "HTTP/9.9": b"GET / HTTP/9.9\r\n" + host,
        "no version": b"GET / \r\n" + host,
        "no host": b"GET / HTTP/1.1\r\n\r\n",
        "two hosts": b"GET / HTTP/1.1\r\nHost: evil.example\r\n" + host,
        "spaces": b"GET  /  HTTP/1.1\r\n" + host,
        "bare LF": sound.replace(b"\r\n", b"\n"),
        "bare CR": sound.replace(b"\r\n", b"\r") + b"\r\n\r\n",
        "not ASCII": b"GET /\xe9\xff HTTP/1.1\r\n" + host,
        "malformed chunk": target.request("/", "Transfer-Encoding: chunked") + b"zz\r\n",
        "malformed chunk of HEAD": target.request("/", "Transfer-Encoding: chunked", method="HEAD")
        + b"zz\r\n",
        "endless chunk size": target.request("/", "Transfer-Encoding: chunked") + b"0" * 5000,
        "long body": target.request("/", "Content-Length: 2000000", method="POST")
        + b"x" * 2_000_000,
        "smuggled request": target.request("/", "Content-Length: 30", "Transfer-Encoding: chunked")
        + b"0\r\n\r\n"
        + target.request("/known"),
        "pipelined": sound * 50,
        "pipelined junk": sound + b"junk\r\n\r\n",
        "pipelined bodies": target.request("/", "Content-Length: 3", method="POST")
        + b"abc"
        + sound,
        "endless headers": b"GET / HTTP/1.1\r\n" + b"a:b\r\n" * 400_000,
    }


def check(target: Target, name: str, request: bytes) -> None:
    """Attack; the answer must be short and no fault, and the holder must be served after it."""
    answer = target.attack(request)
    if answer is not None:
        assert answer.status < 500, name
        assert "Traceback" not in answer.text, name
        assert answer.status < 400 or len(answer.text) < MAX_ERROR_CHARS, name
        assert "root:" not in answer.text, name
        assert "GRACE_SECONDS" not in answer.text, name
    assert target.holder().status == 200, name


def test_no_attack_gets_a_fault_or_locks_the_holder_of_the_token_out(target: Target) -> None:
    for name, request in attacks(target).items():
        check(target, name, request)
    assert target.process.memory_info().rss < MAX_MEMORY


@pytest.mark.parametrize("cookie", FOREIGN_COOKIES, ids=lambda cookie: cookie[:30])
def test_a_foreign_cookie_does_not_lock_the_holder_of_the_token_out(
    target: Target, cookie: str
) -> None:
    answer = target.attack(foreign_cookie(target, cookie))
    assert answer is not None
    assert answer.status == 200


def mutated(target: Target, chance: random.Random) -> bytes:
    """Return a named attack, cut, repeated, spliced with another, or with random bytes."""
    requests = list(attacks(target).values())
    request = bytearray(chance.choice(requests)[:20_000])
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(request) + 1)
        other = chance.choice(requests)[:20_000]
        start = chance.randrange(len(other))
        pieces = (
            bytes(chance.randrange(256) for _ in range(chance.randint(1, 8))),
            other[start : start + chance.randint(1, 200)],
            b"\r\n",
            bytes(request[at : at + 20]) * chance.randint(1, 20),
        )
        request[at : at + chance.choice((0, 0, 1, 10))] = chance.choice(pieces)
    return bytes(request) + b"\r\n\r\n"


def attack_randomly(target: Target, size: int) -> None:
    for number in range(size):
        request = mutated(target, random.Random(number))
        check(target, f"random attack {number}: {request[:500]!r}", request)
    assert target.process.memory_info().rss < MAX_MEMORY


def test_no_random_attack_gets_a_fault_or_locks_the_holder_out(target: Target) -> None:
    attack_randomly(target, DEFAULT_SIZE)


@pytest.mark.exhaustive
def test_none_of_many_random_attacks_gets_a_fault_or_locks_the_holder_out(target: Target) -> None:
    attack_randomly(target, EXHAUSTIVE_SIZE)
