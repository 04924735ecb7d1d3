"""GET /streams and below: live masks, images and numbers."""

from __future__ import annotations

import asyncio
from typing import AsyncIterator, Dict, List, Mapping, Optional

from fastapi import FastAPI, Path, Query, Request
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse
from typing_extensions import Annotated

from runtime.image.mask_formats import FORMATS
from runtime.serving.api.conditional import client_has
from runtime.serving.api.errors import NotFound, error_responses
from runtime.serving.api.query import MaskQuery, OverlayQuery
from runtime.serving.api.services import LiveStream, Services
from runtime.serving.streams.broadcast import Broadcast
from runtime.serving.streams.result import StreamResult
from runtime.serving.streams.status import StreamStatus

BOUNDARY = "frame"
StreamId = Annotated[str, Path(description="name of the stream")]
AskedOverlay = Annotated[OverlayQuery, Query()]


class StreamList(BaseModel):
    """Every stream of the daemon."""

    streams: List[StreamStatus]


def add_stream_routes(app: FastAPI, services: Services) -> None:
    """Everything below /streams."""
    _add_status_routes(app, services.streams)
    _add_image_routes(app, services.streams)


def _add_status_routes(app: FastAPI, streams: Mapping[str, LiveStream]) -> None:
    @app.get("/streams", summary="All streams and how they are")
    async def list_streams() -> StreamList:
        return StreamList(streams=[stream.status() for stream in streams.values()])

    @app.get("/streams/{stream}", summary="How a stream is", responses=error_responses(404))
    async def one_stream(stream: StreamId) -> StreamStatus:
        return _known(streams, stream).status()


def _add_image_routes(app: FastAPI, streams: Mapping[str, LiveStream]) -> None:
    @app.get(
        "/streams/{stream}/mjpeg",
        summary="Live overlay images",
        responses={200: {"content": {"multipart/x-mixed-replace": {}}}, **error_responses(404)},
        response_class=StreamingResponse,
    )
    async def mjpeg(stream: StreamId, query: AskedOverlay) -> Response:
        parts = mjpeg_parts(_known(streams, stream).broadcast, query.opacity)
        return StreamingResponse(
            parts,
            media_type=f"multipart/x-mixed-replace; boundary={BOUNDARY}",
            headers={"Cache-Control": "no-store"},
        )

    @app.get(
        "/streams/{stream}/overlay",
        summary="The newest overlay image",
        responses={200: {"content": {"image/jpeg": {}}}, **error_responses(404)},
        response_class=Response,
    )
    async def overlay(request: Request, stream: StreamId, query: AskedOverlay) -> Response:
        result = _newest(streams, stream)
        headers = _about(result, "overlay")
        if client_has(request.headers, headers["ETag"]):
            return Response(status_code=304, headers=headers)
        image = await run_in_threadpool(result.overlays.jpeg, query.opacity)
        return Response(image, headers=headers, media_type="image/jpeg")

    @app.get(
        "/streams/{stream}/mask",
        summary="The newest mask, in any format of POST /segment",
        responses=error_responses(400, 404, 406),
        response_class=Response,
    )
    async def mask(
        request: Request, stream: StreamId, query: Annotated[MaskQuery, Query()]
    ) -> Response:
        result = _newest(streams, stream)
        name = query.format_name(request.headers.get("accept"))
        encoder, headers = FORMATS[name], _about(result, name)
        if client_has(request.headers, headers["ETag"]):
            return Response(status_code=304, headers=headers)
        body = await run_in_threadpool(encoder.encode, result, query.encode_options)
        return Response(body, headers=headers, media_type=encoder.media_type)


async def mjpeg_parts(
    broadcast: Broadcast[StreamResult], opacity: Optional[float]
) -> AsyncIterator[bytes]:
    """The parts of a multipart/x-mixed-replace answer, until the broadcast closes.

    Each part ends with the boundary of the next: browsers show an image only once they have seen
    what ends it, and would lag one frame behind.
    """
    loop = asyncio.get_running_loop()
    fresh = asyncio.Event()

    def notify() -> None:
        loop.call_soon_threadsafe(fresh.set)

    yield f"--{BOUNDARY}\r\n".encode()
    with broadcast.subscribe(notify) as viewer:
        while not viewer.closed:
            await fresh.wait()
            fresh.clear()
            result = viewer.take()
            if result is not None:
                image = await run_in_threadpool(result.overlays.jpeg, opacity)
                yield _part(result, image)


def _part(result: StreamResult, image: bytes) -> bytes:
    head = (
        f"Content-Type: image/jpeg\r\nContent-Length: {len(image)}\r\n"
        f"X-Frame-Number: {result.frame.number}\r\n"
        f"X-Frame-Timestamp: {result.frame.captured_at:.6f}\r\n\r\n"
    )
    return head.encode() + image + f"\r\n--{BOUNDARY}\r\n".encode()


def _newest(streams: Mapping[str, LiveStream], stream: str) -> StreamResult:
    result = _known(streams, stream).broadcast.newest()
    if result is None:
        raise NotFound(f"stream {stream!r} has no frame yet", "Ask again when it runs")
    return result


def _known(streams: Mapping[str, LiveStream], stream: str) -> LiveStream:
    if stream not in streams:
        raise NotFound(f"there is no stream {stream!r}", "See /streams for those there are")
    return streams[stream]


def _about(result: StreamResult, form: str) -> Dict[str, str]:
    """Headers that say which frame it is. Numbers start anew with the daemon, times do not.

    One frame's mask has several forms at one address, which no cache must take for each other.
    """
    frame, labels = result.frame, result.labels
    return {
        "ETag": f'"{frame.number}-{1000 * frame.captured_at:.0f}-{form}"',
        "X-Frame-Number": str(frame.number),
        "X-Frame-Timestamp": f"{frame.captured_at:.6f}",
        "X-Mask-Height": str(labels.height),
        "X-Mask-Width": str(labels.width),
        "Cache-Control": "no-cache",
        "Vary": "Accept",
    }
