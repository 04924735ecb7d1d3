"""HEAD wherever there is GET: the same answer without its body (RFC 9110, 9.3.2)."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class AnswerHead:
    """Middleware that asks for HEAD as for GET and keeps the answer's body back.

    An answer without an end, such as that of a stream, is ended with its headers.

    Args:
        app: what answers GET.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers through the application."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        # A copy: the server looks into its own whether a body may follow.
        asked = {**scope, "method": "GET"}
        ended = False

        async def send_head(message: Message) -> None:
            nonlocal ended
            if message["type"] == "http.response.start":
                await send(message)
            elif not ended:
                ended = True
                await send({"type": "http.response.body"})
                if message.get("more_body", False):
                    answering.cancel()

        answering = asyncio.ensure_future(self._app(asked, receive, send_head))
        try:
            await answering
        except asyncio.CancelledError:
            if not (ended and answering.cancelled()):
                raise
        finally:
            # Where it is counted.
            if "endpoint" in asked:
                scope["endpoint"] = asked["endpoint"]
