"""What is noted about every request: an id, its count and its duration."""

from __future__ import annotations

import logging
import re
import secrets
import time
from contextvars import ContextVar
from typing import Any, Mapping, Optional

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runtime.serving.metrics.requests import HttpMetrics

REQUEST_ID_HEADER = b"x-request-id"
CLIENT_GONE = "499"
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_ACCEPTABLE_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")

request_id: ContextVar[str] = ContextVar("request_id", default="-")


def note_request_id(record: logging.LogRecord) -> bool:
    """A log filter that drops nothing and lets formats name %(request_id)s."""
    record.request_id = request_id.get()
    return True


class Observe:
    """Middleware that gives every request an id and counts it when it ends.

    Args:
        app: what answers.
        metrics: where to count.
        routes: endpoints and the path patterns under which they are counted.
    """

    def __init__(self, app: ASGIApp, metrics: HttpMetrics, routes: Mapping[Any, str]) -> None:
        self._app = app
        self._metrics = metrics
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers through the application, observing."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        number = _request_id(scope)
        request_id.set(number.decode())
        arrived = time.perf_counter()
        code, seconds = CLIENT_GONE, None

        async def observing_send(message: Message) -> None:
            nonlocal code, seconds
            if message["type"] == "http.response.start":
                code = str(message["status"])
                seconds = time.perf_counter() - arrived
                headers = [*message.get("headers", ()), (REQUEST_ID_HEADER, number)]
                message = {**message, "headers": headers}
            await send(message)

        try:
            await self._app(scope, receive, observing_send)
        except Exception:
            # The server above answers it; nothing has been sent that could say so here.
            code = "500" if seconds is None else code
            raise
        finally:
            self._count(scope, code, seconds)

    def _count(self, scope: Scope, code: str, seconds: Optional[float]) -> None:
        route = self._routes.get(scope.get("endpoint"), "unmatched")
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._metrics.answered(route, method, code, seconds)


def _request_id(scope: Scope) -> bytes:
    """The client's own id where it is harmless, else a new one."""
    for name, value in scope["headers"]:
        if name == REQUEST_ID_HEADER and _ACCEPTABLE_ID.fullmatch(value):
            return bytes(value)
    return secrets.token_hex(8).encode()
