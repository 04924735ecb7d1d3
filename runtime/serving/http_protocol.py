"""uvicorn's HTTP/1 protocol with bounds on what a connection may cost before a request exists.

uvicorn bounds neither the size of a request's head nor the time it may take to arrive, nor how
long an answer may wait for a client that does not read. Here a connection that exceeds a bound is
closed: with a sentence where one can be sent, without one where nobody reads.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Any, Callable, Optional, Tuple, Type

from runtime.serving.http_connection import HttpConnection

Refused = Callable[[str], None]
"""Called with the bound that a connection exceeded, one of REFUSAL_REASONS of the metrics."""


@dataclass(frozen=True)
class ConnectionLimits:
    """What connections may cost.

    Attributes:
        connections: open at one time, of all clients.
        client_connections: open at one time, of one address.
        head_bytes: of a request line with its headers.
        head_seconds: from the connection, or a later request's first byte, to the end of the
            headers.
        pipelined: requests that may wait for the answer to the one before them.
        unread_seconds: how long an answer may wait for a client that reads nothing of it.
    """

    connections: int = 1024
    client_connections: int = 512
    head_bytes: int = 64 * 1024
    head_seconds: float = 10.0
    pipelined: int = 16
    unread_seconds: float = 30.0


class BoundedProtocol(HttpConnection):
    """One connection, within the limits of its server; made by `bounded_protocol`."""

    limits: ConnectionLimits
    open_by_client: Counter[str]
    refused: Refused

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._in_head = True
        self._head_bytes = self._unread_bytes = 0
        self._counted: Optional[str] = None
        self._head_timer: Optional[asyncio.TimerHandle] = None
        self._unread_timer: Optional[asyncio.TimerHandle] = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Counts the connection, and closes it where there are too many."""
        super().connection_made(transport)
        client = self.client[0] if self.client else ""
        counts = self.open_by_client
        self._counted = client
        counts[client] += 1
        if counts[client] > self.limits.client_connections:
            self._refuse("client_connections", 503, "Too many connections from this address.")
        elif sum(counts.values()) > self.limits.connections:
            self._refuse("connections", 503, "Too many connections.")
        else:
            self._expect_head()

    def connection_lost(self, exc: Optional[Exception]) -> None:
        """Forgets the connection."""
        if self._counted is not None:
            self.open_by_client[self._counted] -= 1
            if not self.open_by_client[self._counted]:
                del self.open_by_client[self._counted]
            self._counted = None
        self._stop_timers()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feeds the parser, unless the head of a request has grown too long."""
        if self.transport.is_closing():
            return
        if self._in_head:
            self._head_bytes += len(data)
            self._expect_head()
        super().data_received(data)
        # What came with the end of the head is body or the next request; only what is still
        # without an end counts.
        if self._in_head and self._head_bytes > self.limits.head_bytes:
            self._refuse("head_bytes", 431, "The headers are too long.")

    def on_message_begin(self) -> None:
        """A request begins, perhaps in the same bytes in which the one before it ended."""
        super().on_message_begin()
        self._in_head = True

    def on_headers_complete(self) -> None:
        """The head is there: its time and size count no more."""
        self._in_head = False
        self._head_bytes = 0
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        super().on_headers_complete()
        if len(self.pipeline) > self.limits.pipelined:
            self._drop("pipelined")

    def pause_writing(self) -> None:
        """The client does not read; it gets some time to begin again."""
        super().pause_writing()
        if self._unread_timer is None:
            self._watch_reading()

    def resume_writing(self) -> None:
        """The client has read."""
        if self._unread_timer is not None:
            self._unread_timer.cancel()
            self._unread_timer = None
        super().resume_writing()

    def _late(self) -> None:
        self._head_timer = None
        self._refuse("head_seconds", 408, "The headers did not arrive in time.")

    def _unread(self) -> None:
        self._unread_timer = None
        if self.transport.get_write_buffer_size() < self._unread_bytes:
            self._watch_reading()
        else:
            self._drop("unread_answer")

    def _watch_reading(self) -> None:
        self._unread_bytes = self.transport.get_write_buffer_size()
        self._unread_timer = self.loop.call_later(self.limits.unread_seconds, self._unread)

    def _expect_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self.limits.head_seconds, self._late)

    def _drop(self, reason: str) -> None:
        """Ends a connection on which an answer would not be read."""
        self.refused(reason)
        self.transport.abort()

    def _refuse(self, reason: str, status: int, sentence: str) -> None:
        self.refused(reason)
        if not self.transport.is_closing():
            self.transport.write(_answer(status, sentence))
            self.transport.close()

    def _stop_timers(self) -> None:
        for timer in (self._head_timer, self._unread_timer):
            if timer is not None:
                timer.cancel()
        self._head_timer = self._unread_timer = None


def bounded_protocol(limits: ConnectionLimits, refused: Refused) -> Type[BoundedProtocol]:
    """The protocol of one server.

    Args:
        limits: of its connections.
        refused: called with a reason for each connection that is closed for a bound.
    """
    members = {
        "limits": limits,
        "open_by_client": Counter(),
        "refused": staticmethod(refused),
    }
    return type("BoundedProtocol", (BoundedProtocol,), members)


def _answer(status: int, sentence: str) -> bytes:
    body = b'{"error":"%s"}' % sentence.encode("ascii")
    phrases = {408: b"Request Timeout", 431: b"Request Header Fields Too Large"}
    head: Tuple[bytes, ...] = (
        b"HTTP/1.1 %d %s" % (status, phrases.get(status, b"Service Unavailable")),
        b"content-type: application/json",
        b"content-length: %d" % len(body),
        b"connection: close",
        b"retry-after: 1" if status == 503 else b"",
    )
    return b"\r\n".join(filter(None, head)) + b"\r\n\r\n" + body
