"""uvicorn's HTTP/1 connection, kept open for clients that are still owed an answer.

A client that has sent all it wants to send may close its half of the connection and wait, which to
uvicorn is a client that left. An answer may come before the body has arrived; to close the
connection then would reset it, and the answer would be lost on its way. And a client of HTTP/1.0
knows no chunks: what has no length ends with the connection.
"""

from __future__ import annotations

import asyncio
from typing import Any, Optional, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# When a client that closed its half is asked whether it is still there, and how often then. Most
# have their answer before.
PATIENCE_SECONDS, PROBE_SECONDS = 1.0, 0.2
# How long a client may go on sending a body that nobody reads.
LINGER_SECONDS = 2.0
# Every client of HTTP/1.1 reads over it (RFC 9110, 15.2); one that left answers with a reset.
PROBE = b"HTTP/1.1 100 Continue\r\n\r\n"


class _Unbounded(int):
    """A number of bytes still to be sent, as uvicorn counts it, of which nobody knows the end."""

    def __sub__(self, _sent: int) -> _Unbounded:
        return self

    def __lt__(self, _sent: object) -> bool:
        return False

    def __ne__(self, _left: object) -> bool:
        return False

    def __eq__(self, _left: object) -> bool:
        return True

    __hash__ = int.__hash__


class _LingeringTransport:
    """A transport whose `close` waits for the end of a body that is still being sent."""

    def __init__(self, transport: asyncio.Transport, connection: HttpConnection) -> None:
        self._transport = transport
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        """Whether nothing more is to be sent."""
        return self._connection.lingering or self._transport.is_closing()

    def close(self) -> None:
        """Ends the answer, and the connection when the client has ended its request."""
        if self._connection.lingering or not self._connection.owes_body:
            self._transport.close()
            return
        self._connection.linger()
        if self._transport.can_write_eof():
            self._transport.write_eof()


class HttpConnection(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.lingering = False
        self._half_closed = False
        self._real: Optional[asyncio.Transport] = None
        self._timer: Optional[asyncio.TimerHandle] = None

    @property
    def owes_body(self) -> bool:
        """Whether the client is still to send the rest of its request."""
        cycle = self.cycle
        return not self._half_closed and cycle is not None and cycle.more_body

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begins the connection."""
        self._real = transport
        super().connection_made(cast(asyncio.Transport, _LingeringTransport(transport, self)))

    def connection_lost(self, exc: Optional[Exception]) -> None:
        """Ends the connection."""
        self._stop_timer()
        super().connection_lost(exc)

    def linger(self) -> None:
        """Reads on, for a while, without a look at what comes."""
        self.lingering = True
        self._unset_keepalive_if_required()
        self.flow.resume_reading()
        self._stop_timer()
        if self._real is not None:
            self._timer = self.loop.call_later(LINGER_SECONDS, self._real.close)

    def data_received(self, data: bytes) -> None:
        """Feeds the parser, unless the answer was given already."""
        if not self.lingering:
            super().data_received(data)

    def eof_received(self) -> Optional[bool]:  # type: ignore[override]
        """Keeps the connection where a whole request is still to be answered."""
        if self.lingering or self.cycle is None or self.cycle.more_body or self._answered:
            return None
        if self._streams:
            # Nothing is owed to a viewer who has seen some of what has no end.
            return None
        self._half_closed = True
        # The newest request's, after which nothing can come.
        self.cycle.keep_alive = False
        self._timer = self.loop.call_later(PATIENCE_SECONDS, self._probe)
        return True

    def on_headers_complete(self) -> None:
        """Begins an answer, in a form that the client's version of HTTP has."""
        super().on_headers_complete()
        if self.scope["http_version"] == "1.0":
            self.cycle.chunked_encoding = False
            self.cycle.expected_content_length = _Unbounded()

    def on_message_complete(self) -> None:
        """Notes the end of a body, also of one whose answer was given before it."""
        super().on_message_complete()
        if self.cycle is not None:
            self.cycle.more_body = False

    @property
    def _streams(self) -> bool:
        """Whether an answer has begun that does not say how long it is."""
        cycle = self.cycle
        unbounded = isinstance(cycle.expected_content_length, _Unbounded)
        return cycle.response_started and (unbounded or bool(cycle.chunked_encoding))

    @property
    def _answered(self) -> bool:
        """Whether every request that came has been answered."""
        return bool(self.cycle.response_complete) and not self.pipeline

    def _probe(self) -> None:
        """Finds out about a client that did not close its half, but left.

        The first write tells the other side that its answer is still wanted, the second one learns
        of its reset. Where an answer has begun, the answer itself does so.
        """
        self._timer = None
        cycle = self.cycle
        if self._real is None or self._real.is_closing() or cycle.response_started:
            return
        if cycle.scope["http_version"] == "1.1" and not self.pipeline:
            self._real.write(PROBE)
        self._timer = self.loop.call_later(PROBE_SECONDS, self._probe)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
