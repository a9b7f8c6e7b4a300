"""Access control: no page of another site may ask, and other machines need the token."""

from __future__ import annotations

import hmac
import ipaddress
import socket
from collections.abc import Iterator, MutableMapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, RedirectResponse, Response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["Access", "AccessCheck", "is_loopback"]

LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")

MAX_TARGET_BYTES = 8192
"""Longest path and query."""

HEADERS = {
    "content-security-policy": (
        # As the policy in a report, but scripts and data come from the server.
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
        "img-src data: blob:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


@dataclass(frozen=True)
class Access:
    """The address of a server, and the token that other machines need.

    Attributes
    ----------
    host, port
        What it is bound to.
    token
        Asked for where it is reached from elsewhere; empty on loopback.
    """

    host: str
    port: int
    token: str = field(default="", repr=False)

    @property
    def cookie(self) -> str:
        """The name of the cookie that holds the token."""
        # Browsers send a cookie to all ports of a host, so the name tells servers apart.
        return f"backfleet-{self.port}"

    @cached_property
    def names(self) -> frozenset[str]:
        """Host names of this server."""
        # Cached, because the lookup can block.
        names = {*LOCAL_NAMES, self.host.lower()}
        # Bound to all addresses, the server is reached by the machine's own names, too.
        if _is_wildcard(self.host):
            names |= {socket.gethostname().lower(), socket.getfqdn().lower()}
        return frozenset(names)

    def knows(self, header: str) -> bool:
        """Whether a Host header names this server."""
        # A foreign name that leads here belongs to a page that wants to read along (DNS rebinding).
        name = _host_name(header)
        # An address that is given as digits cannot be pointed elsewhere by a name server.
        return name in self.names or (_is_wildcard(self.host) and _is_address(name))

    def accepts(self, token: str) -> bool:
        """Whether a token is that of the server."""
        # In constant time, so that the duration of an answer does not show how much of it is right.
        # As bytes, because `compare_digest` raises for texts beyond ASCII.
        return hmac.compare_digest(token.encode(), self.token.encode())

    def accepts_cookie(self, headers: Headers) -> bool:
        """Whether any cookie of the server's name holds the token.

        Other servers on the host can set cookies too: of any syntax, and of this name for another
        path or domain, which the browser sends along. `http.cookies` gives up at a name that it
        does not allow, and keeps only the last value of a name.
        """
        return any(map(self.accepts, _cookies(headers, self.cookie)))


class AccessCheck:
    """ASGI middleware: checks host and token before the application is asked, and sets the headers
    that keep browsers from doing more than show the page."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Start and end of the server, which are no requests.
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        answer = self._refusal(scope, Headers(scope=scope))

        async def send_guarded(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                # Also on answers of this class and on error pages.
                message["headers"] = [*message["headers"], *_guards(message["headers"])]
            await send(message)

        await (answer or self._app)(scope, receive, send_guarded)

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        """Return the answer to a request that is refused; None if it is allowed."""
        # No page takes a body. Reading one would only cost memory.
        if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
            # Before all other answers, which would keep the connection open for the body.
            close = {"connection": "close"}
            return PlainTextResponse("Requests cannot have a body.\n", 413, close)
        if not self._access.knows(headers.get("host", "")):
            return PlainTextResponse(
                "Unknown host name. Open the address that 'backfleet serve' printed.\n", 421
            )
        if len(scope["raw_path"]) + len(scope["query_string"]) > MAX_TARGET_BYTES:
            return PlainTextResponse("The address is too long.\n", 414)
        return self._token_refusal(scope, headers) if self._access.token else None

    def _token_refusal(self, scope: Scope, headers: Headers) -> Response | None:
        query = parse_qsl(scope["query_string"].decode("latin-1"))
        if any(name == "token" and self._access.accepts(value) for name, value in query):
            # Also for a browser that has the cookie: the token must not stay in its address bar.
            rest = urlencode([(name, value) for name, value in query if name != "token"])
            # A path that begins with two slashes would lead to another host, and browsers read
            # backslashes as slashes.
            target = scope["path"].replace("\\", "/")
            answer = RedirectResponse("/" + target.lstrip("/") + (f"?{rest}" if rest else ""), 303)
            answer.set_cookie(
                self._access.cookie, self._access.token, httponly=True, samesite="lax"
            )
            return answer
        if self._access.accepts_cookie(headers):
            return None
        return PlainTextResponse(
            "A token is needed: open the address that 'backfleet serve' printed.\n", 401
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that is bound to `host`."""
    if host.lower() == "localhost":
        return True
    return _is_address(host) and ipaddress.ip_address(host.strip("[]")).is_loopback


def _guards(present: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    names = {name.lower() for name, _ in present}
    # Reports change as runs go on. Static files set their own lifetime.
    guards = {**HEADERS, **({} if b"cache-control" in names else {"cache-control": "no-store"})}
    return [(name.encode(), value.encode()) for name, value in guards.items()]


def _host_name(header: str) -> str:
    """Return the host of a Host header, without its port and the brackets of IPv6."""
    if header.startswith("["):
        return header[1:].partition("]")[0].lower()
    return header.partition(":")[0].lower()


def _cookies(headers: Headers, name: str) -> Iterator[str]:
    """Yield all values of a cookie. Other cookies are skipped, whatever they hold."""
    for header in headers.getlist("cookie"):
        for pair in header.split(";"):
            key, _, value = pair.partition("=")
            if key.strip() == name:
                yield value.strip().strip('"')


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _is_wildcard(host: str) -> bool:
    return _is_address(host) and ipaddress.ip_address(host.strip("[]")).is_unspecified
