"""Serving a store until somebody ends it."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable

from backfleet.errors import UserError
from backfleet.serve.access import Access, is_loopback
from backfleet.store import Store

__all__ = ["serve_store"]

GRACE_SECONDS = 2


def serve_store(store: Store, host: str, port: int, say: Callable[[str], None]) -> None:
    """Serve the runs of a store; returns when the process is told to end.

    Parameters
    ----------
    host
        A name or address of this machine. What others can reach asks for a token, which is part of
        the address that is said.
    port
        0 takes one that is free.
    say
        Is given the address.

    Raises
    ------
    UserError
        Where host and port cannot be had.
    """
    import uvicorn

    from backfleet.serve.app import make_app

    bound = _bind(host, port)
    token = "" if is_loopback(host) else secrets.token_urlsafe(32)
    access = Access(host, bound.getsockname()[1], token)
    config = uvicorn.Config(
        make_app(store, access),
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    say(_address(access))
    try:
        uvicorn.Server(config).run(sockets=[bound])
    except KeyboardInterrupt:
        # Ctrl-C is how a server is ended.
        pass
    finally:
        bound.close()


def _bind(host: str, port: int) -> socket.socket:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        made = socket.socket(family, kind, protocol)
    except OSError as error:
        raise UserError(f"--host {host}: {error.strerror}") from error
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        # From here on browsers wait for an answer, rather than be turned away.
        made.listen()
    except OSError as error:
        made.close()
        raise UserError(
            f"--host {host} --port {port}: {error.strerror}; --port 0 takes a free one"
        ) from error
    return made


def _address(access: Access) -> str:
    host = f"[{access.host}]" if ":" in access.host else access.host
    query = f"?token={access.token}" if access.token else ""
    return f"http://{host}:{access.port}/{query}"
