"""GET /events: the numbers behind the live page's plots, pushed."""

from __future__ import annotations

import asyncio
import json
from typing import AsyncIterator

from fastapi import FastAPI
from starlette.responses import Response, StreamingResponse

from runtime.serving.api.services import Services

PAUSE_SECONDS = 0.5


def add_event_routes(app: FastAPI, services: Services) -> None:
    """GET /events."""

    @app.get(
        "/events",
        summary="Two reports per second on streams and requests",
        responses={200: {"content": {"text/event-stream": {}}}},
        response_class=StreamingResponse,
    )
    async def events() -> Response:
        return StreamingResponse(
            _reports(services),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store"},
        )


async def _reports(services: Services) -> AsyncIterator[bytes]:
    """Server-Sent Events until the daemon drains: a connection that never ended would hold it."""
    while not services.health.draining:
        report = {
            "streams": [stream.status().model_dump() for stream in services.streams.values()],
            "requests": {"waiting": services.worker.waiting},
        }
        yield b"data: " + json.dumps(report).encode() + b"\n\n"
        await asyncio.sleep(PAUSE_SECONDS)
