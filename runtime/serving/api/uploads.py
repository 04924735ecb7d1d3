"""Request bodies: read whole, but within bounds of size, time and memory."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import AsyncIterator, Iterator, List

from starlette.datastructures import Headers
from starlette.types import Receive, Scope

from runtime.errors import Overloaded, TooLarge
from runtime.serving.api.errors import UploadTooSlow
from runtime.serving.api.image_body import image_in_body


class ClientGone(Exception):
    """The client closed the connection; nobody is left to answer."""


@dataclass(frozen=True)
class UploadLimits:
    """What bodies may cost.

    Attributes:
        body_bytes: of one request.
        total_bytes: of all requests held at one time.
        seconds: from the request's headers to the end of its body.
    """

    body_bytes: int
    total_bytes: int
    seconds: float


class Uploads:
    """Reads bodies and knows how much of them is in memory. Used on one event loop."""

    def __init__(self, limits: UploadLimits) -> None:
        self._limits = limits
        self._held = 0

    @property
    def held(self) -> int:
        """Bytes of bodies in memory now."""
        return self._held

    @asynccontextmanager
    async def body(self, scope: Scope, receive: Receive) -> AsyncIterator[bytes]:
        """The image in the request's body, whose memory counts as held until the end of the block.

        What a client says about its body's length is believed only where it is too long already:
        bytes are counted as they arrive, chunked ones too.

        Raises:
            TooLarge: it is longer than `body_bytes`.
            InvalidInput: it is no image, nor a form with one file.
            Overloaded: all bodies together are longer than `total_bytes`.
            UploadTooSlow: it did not end in time.
            ClientGone: the connection closed before its end.
        """
        self._refuse_announced(scope)
        chunks: List[bytes] = []
        try:
            with _time_limit(self._limits.seconds):
                await self._collect(receive, chunks)
            body = b"".join(chunks) if len(chunks) != 1 else chunks[0]
            yield image_in_body(body, Headers(scope=scope))
        finally:
            self._held -= sum(map(len, chunks))

    def _refuse_announced(self, scope: Scope) -> None:
        for name, value in scope["headers"]:
            if name == b"content-length" and value.isdigit():
                self._refuse_longer(int(value))

    def _refuse_longer(self, length: int) -> None:
        if length > self._limits.body_bytes:
            raise TooLarge(
                f"the body is longer than the {self._limits.body_bytes} bytes allowed",
                "Send a smaller or more compressed image",
            )

    async def _collect(self, receive: Receive, chunks: List[bytes]) -> None:
        length, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            chunk = message.get("body", b"")
            length += len(chunk)
            self._refuse_longer(length)
            if self._held + len(chunk) > self._limits.total_bytes:
                raise Overloaded(
                    "too many uploads at the same time", "Send the request again", retry_after=1.0
                )
            chunks.append(chunk)
            self._held += len(chunk)
            more = message.get("more_body", False)


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Cancels what is awaited in the block when it takes longer, and says so.

    Unlike asyncio.wait_for it costs no task of its own, and most bodies have arrived already.
    """
    task = asyncio.current_task()
    late = False

    def cancel() -> None:
        nonlocal late
        late = True
        if task is not None:
            task.cancel()

    timer = asyncio.get_running_loop().call_later(seconds, cancel)
    try:
        yield
    except asyncio.CancelledError as cancelled:
        if not late:
            raise
        raise UploadTooSlow(
            f"the body did not end within {seconds:g} seconds",
            "Send a smaller image or use a faster connection",
        ) from cancelled
    finally:
        timer.cancel()
