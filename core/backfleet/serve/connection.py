"""One connection to a client, which is dropped if the client lets the server wait."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from typing import cast, final

from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["ClientConnection", "ConnectionLimits"]


@dataclass(frozen=True)
class ConnectionLimits:
    """Limits of the connections of one server.

    Attributes
    ----------
    connections
        Most open connections. A new one takes the place of the one that has waited the longest for
        its client; if every connection is being answered, its requests get status 503.
    request_seconds
        Time to send a complete request, from the start of the connection or the previous answer.
    unread_seconds
        Time during which a client may read nothing of its answer.
    """

    connections: int = 64
    request_seconds: int = 20
    unread_seconds: float = 30.0

    def bound(self, listener: socket.socket) -> None:
        """Let the kernel drop clients of `listener` that read nothing or have left."""
        # Accepted sockets inherit the option. A full receive window counts as unacknowledged data.
        milliseconds = round(self.unread_seconds * 1000)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)


@final
class ClientConnection(H11Protocol):
    """uvicorn's connection with a deadline for each request, and a place that others can take.

    uvicorn has a timer for the pause between two requests only, and stops it at the first byte.
    Here it runs whenever the server waits for the client, also before the first request, and until
    the headers of a request are complete. So a connection whose timer runs is one that waits.
    """

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast("asyncio.Transport", transport))
        self._make_room()
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

    def data_received(self, data: bytes) -> None:
        # Not uvicorn's method, which stops the timer here: a byte is not yet a request.
        self.conn.receive_data(data)
        self.handle_events()

    def handle_events(self) -> None:
        super().handle_events()
        if self._is_answering:
            self._unset_keepalive_if_required()

    def send_400_response(self, msg: str) -> None:
        if not self._is_answering:
            super().send_400_response(msg)
            return
        # A malformed body, of a request whose answer is due: h11 raises if both are answered.
        self.cycle.disconnected = True
        self.transport.abort()

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _make_room(self) -> None:
        """Drop the connection that has waited the longest if there are too many."""
        if self.limit_concurrency is None or len(self.connections) < self.limit_concurrency:
            return
        waiting = {
            connection.timeout_keep_alive_task.when(): connection
            for connection in self.connections
            if isinstance(connection, H11Protocol) and connection.timeout_keep_alive_task
        }
        if waiting:
            longest = waiting[min(waiting)]
            self.connections.discard(longest)
            longest.transport.abort()
