"""Who may ask: no page of another site, and beyond this machine only who has the token."""

from __future__ import annotations

import hmac
import ipaddress
import socket
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["Access", "AccessCheck", "is_loopback"]

LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")

HEADERS = {
    "content-security-policy": (
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
    """How a server is reached.

    Attributes
    ----------
    host, port
        What it is bound to.
    token
        Asked for where it is reached from elsewhere; empty on loopback.
    """

    host: str
    port: int
    token: str = ""

    @property
    def cookie(self) -> str:
        """Cookies do not tell ports apart, so the name does."""
        return f"backfleet-{self.port}"

    def knows(self, header: str) -> bool:
        """Whether a Host header names this server: another name that leads here belongs to a page
        that wants to read along (DNS rebinding)."""
        name = _host_name(header)
        if name in (*LOCAL_NAMES, self.host.lower()):
            return True
        if not _is_wildcard(self.host):
            return False
        return _is_address(name) or name in (socket.gethostname().lower(), socket.getfqdn().lower())

    def accepts(self, token: str) -> bool:
        """Compared in constant time."""
        return hmac.compare_digest(token.encode(), self.token.encode())


class AccessCheck:
    """ASGI middleware: checks host and token before the application is asked, and sets the headers
    that keep browsers from doing more than show the page."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        answer = self._refusal(scope, headers)

        async def send_guarded(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_guards(message["headers"])]
            await send(message)

        await (answer or self._app)(scope, receive, send_guarded)

    def _refusal(self, scope: Scope, headers: MutableMapping[str, str]) -> ASGIApp | None:
        """The answer to whoever may not ask; None for whoever may."""
        from starlette.responses import PlainTextResponse, RedirectResponse

        if not self._access.knows(headers.get("host", "")):
            return PlainTextResponse("This server does not go by that name.\n", 421)
        if not self._access.token:
            return None
        if self._access.accepts(_cookie(headers.get("cookie", ""), self._access.cookie)):
            return None
        query = parse_qsl(scope["query_string"].decode("latin-1"))
        if any(name == "token" and self._access.accepts(value) for name, value in query):
            rest = urlencode([(name, value) for name, value in query if name != "token"])
            target = scope["path"].replace("\\", "/")
            answer = RedirectResponse("/" + target.lstrip("/") + (f"?{rest}" if rest else ""), 303)
            answer.set_cookie(
                self._access.cookie, self._access.token, httponly=True, samesite="lax"
            )
            return answer
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
    guards = {**HEADERS, **({} if b"cache-control" in names else {"cache-control": "no-store"})}
    return [(name.encode(), value.encode()) for name, value in guards.items()]


def _host_name(header: str) -> str:
    """The host of a Host header, without its port and the brackets of IPv6."""
    if header.startswith("["):
        return header[1:].partition("]")[0].lower()
    return header.partition(":")[0].lower()


def _cookie(header: str, name: str) -> str:
    found = SimpleCookie(header).get(name)
    return found.value if found else ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _is_wildcard(host: str) -> bool:
    return _is_address(host) and ipaddress.ip_address(host.strip("[]")).is_unspecified
