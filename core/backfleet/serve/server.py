"""Serving a store until Ctrl-C or SIGTERM."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import sys
import threading
from collections.abc import Callable
from types import FrameType

import uvicorn

from backfleet.errors import UserError
from backfleet.serve.access import Access, is_loopback
from backfleet.serve.app import make_app
from backfleet.serve.connection import ClientConnection, ConnectionLimits
from backfleet.store import Store

__all__ = ["listen", "make_server", "serve_store"]

GRACE_SECONDS = 1.0
"""Time that requests have to end after Ctrl-C or SIGTERM."""

MAX_HEADER_BYTES = 1024 * 1024
"""Other servers on the host may set cookies, which browsers send here as well. Chromium keeps 180
cookies of 4 KiB per host."""


def serve_store(store: Store, host: str, port: int, say: Callable[[str], None]) -> None:
    """Serve the runs of a store until Ctrl-C or SIGTERM.

    Returns when all requests have ended. If some take longer than `GRACE_SECONDS`, the process ends
    with exit code 0 at once. Call it in the main thread.

    Parameters
    ----------
    host
        A name or address of this machine. If others can reach it, the server asks for a token,
        which is part of the address that is said.
    port
        0 takes one that is free.
    say
        Is given the address.

    Raises
    ------
    UserError
        If host and port cannot be had.
    """
    limits = ConnectionLimits()
    with listen(host, port, limits) as listener:
        token = "" if is_loopback(host) else secrets.token_urlsafe(32)
        access = Access(host, listener.getsockname()[1], token)
        server = make_server(store, access, limits)
        ended = _ends()
        # A daemon thread: a page that is being computed must not delay the end.
        thread = threading.Thread(target=_run, args=(server, listener), daemon=True)
        say(_address(access))
        thread.start()
        ended.recv(1)
        server.should_exit = True
        thread.join(GRACE_SECONDS)
    if thread.is_alive():
        # Python would wait for the threads that compute pages. They only read.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _ends() -> socket.socket:
    """Return a socket that receives a byte at Ctrl-C and SIGTERM."""
    # Neither an exception, which a second signal could raise at any later line, nor an event, whose
    # lock the handler could find taken by the very thread that it interrupts.
    ended, end = socket.socketpair()
    end.setblocking(False)
    signal.set_wakeup_fd(end.detach())
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _do_nothing)
    return ended


def _do_nothing(number: int, frame: FrameType | None) -> None:
    """Handler that replaces the default action; the wakeup socket reports the signal."""


def _run(server: uvicorn.Server, listener: socket.socket) -> None:
    try:
        server.run(sockets=[listener])
    finally:
        # Wakes the main thread if the server has failed.
        os.kill(os.getpid(), signal.SIGTERM)


def make_server(store: Store, access: Access, limits: ConnectionLimits) -> uvicorn.Server:
    """Return a server of the runs of a store, to run on a socket of `listen`."""
    config = uvicorn.Config(
        make_app(store, access),
        # Everything is named: uvicorn's defaults import uvloop and others if they can be found, and
        # read environment variables.
        loop="asyncio",
        http=ClientConnection,
        ws="none",
        lifespan="on",
        interface="asgi3",
        workers=1,
        proxy_headers=False,
        server_header=False,
        # The address of a request may hold the token.
        access_log=False,
        log_level="error",
        limit_concurrency=limits.connections,
        timeout_keep_alive=limits.request_seconds,
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
    )
    return uvicorn.Server(config)


def listen(host: str, port: int, limits: ConnectionLimits) -> socket.socket:
    """Return a listening socket. Raises UserError if host and port cannot be had."""
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = addresses[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise UserError(f"--host {host}: {error.strerror}") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        limits.bound(listener)
        listener.bind(address)
        # From here on browsers wait for an answer, rather than be turned away.
        listener.listen()
    except OSError as error:
        listener.close()
        raise UserError(
            f"--host {host} --port {port}: {error.strerror}; --port 0 takes a free one"
        ) from error
    return listener


def _address(access: Access) -> str:
    host = f"[{access.host}]" if ":" in access.host else access.host
    query = f"?token={access.token}" if access.token else ""
    return f"http://{host}:{access.port}/{query}"
