"""What every answer tells a browser: do not guess, do not frame, do not tell others."""

from __future__ import annotations

from typing import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

# A page's own policy stands in its own headers, which win over these.
DEFENCES: Mapping[bytes, bytes] = {
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
    b"cross-origin-resource-policy": b"same-origin",
    b"referrer-policy": b"no-referrer",
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
}


class DefendAnswers:
    """Middleware that gives every answer the headers of `DEFENCES` that it does not have."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers through the application."""

        async def defending_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                given = {name.lower() for name, _ in headers}
                headers += [pair for pair in DEFENCES.items() if pair[0] not in given]
                message = {**message, "headers": headers}
            await send(message)

        await self._app(scope, receive, defending_send)
