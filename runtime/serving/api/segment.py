"""POST /segment: an image in, its mask out.

A bare ASGI application rather than a framework route, because this is the path that is taken
hundreds of times a second when the daemon is overloaded, where every request must cost little.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, AsyncIterator, Callable, Dict, Mapping, Tuple, TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from runtime.errors import Overloaded
from runtime.image.codec import ImageLimits, decode_image
from runtime.image.frame import Frame
from runtime.image.mask_formats import FORMATS
from runtime.inference.segmenter import Segmenter
from runtime.serving.api.door import Door, DoorLimits, Place
from runtime.serving.api.errors import error_responses
from runtime.serving.api.query import SegmentQuery, parameters
from runtime.serving.api.services import Services
from runtime.serving.api.uploads import ClientGone, UploadLimits, Uploads

PATH = "/segment"
UNREADY_SECONDS = 5.0
# A body that takes longer to arrive does not keep a place at the engine meanwhile.
PROMPT_SECONDS = 0.1

T = TypeVar("T")


@dataclass(frozen=True)
class Answer:
    """An encoded mask and what its headers say.

    Attributes:
        body: the mask.
        media_type: what `body` is.
        frame_size: height and width of the image, pixels.
        mask_size: height and width of the mask, pixels.
        timings: seconds of each stage, in order.
    """

    body: bytes
    media_type: str
    frame_size: Tuple[int, int]
    mask_size: Tuple[int, int]
    timings: Mapping[str, float]


class SegmentEndpoint:
    """Answers POST /segment."""

    def __init__(self, services: Services) -> None:
        settings = services.settings
        self._worker = services.worker
        places = services.slots + settings.queue_capacity
        waits = settings.place_seconds, settings.refusals_per_second
        self._door = Door(DoorLimits(places, *waits), services.worker.overloaded)
        services.metrics.inference.watch_door(lambda: self._door.waiting)
        self._health = services.health
        self._metrics = services.metrics.inference
        self._engine = services.manifest.name
        self._patience = settings.request_seconds
        self._limits = ImageLimits(settings.upload_bytes, settings.image_pixels)
        self._uploads = Uploads(
            UploadLimits(
                settings.upload_bytes, settings.upload_memory_bytes, settings.upload_seconds
            )
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request; work of clients that leave meanwhile is not begun."""
        arrived = time.time()
        query = _query(scope)
        name = query.format_name(Headers(scope=scope).get("accept"))
        self._refuse_unready()
        try:
            segment = partial(self._segment, arrived, query, name)
            answer = await self._answer(scope, receive, segment)
        except ClientGone:
            return
        await self._response(answer)(scope, receive, send)
        self._metrics.took(answer.timings)

    async def _answer(
        self, scope: Scope, receive: Receive, segment: Callable[[float, bytes, Segmenter], Answer]
    ) -> Answer:
        """Lets the request in, reads its body, and has the worker segment it."""
        # The door comes before the body: a full queue must cost neither memory nor time.
        async with AsyncExitStack() as held:
            place = await held.enter_async_context(self._door.place(_client(scope)))
            data = await held.enter_async_context(self._body(scope, receive, place))
            work = partial(segment, time.perf_counter(), data)
            future = self._worker.submit(work, time.monotonic() + self._patience)
            return await _unless_gone(asyncio.wrap_future(future), receive)

    @asynccontextmanager
    async def _body(self, scope: Scope, receive: Receive, place: Place) -> AsyncIterator[bytes]:
        """The body; others get the place of a request whose body is slow to arrive."""
        slow = asyncio.get_running_loop().call_later(PROMPT_SECONDS, place.give_back)
        try:
            async with self._uploads.body(scope, receive) as data:
                slow.cancel()
                await place.take()
                yield data
        finally:
            slow.cancel()

    def _refuse_unready(self) -> None:
        reason = self._health.reason
        if reason is not None:
            raise Overloaded(f"not ready: {reason}", "See /readyz", UNREADY_SECONDS)

    def _segment(
        self,
        arrived: float,
        query: SegmentQuery,
        name: str,
        asked: float,
        data: bytes,
        segmenter: Segmenter,
    ) -> Answer:
        """Everything that is done for one image, on one slot's thread."""
        begun = time.perf_counter()
        pixels = decode_image(data, self._limits)
        decoded = time.perf_counter()
        frame = Frame(pixels, number=0, captured_at=arrived, source="request")
        segmentation = segmenter.segment(frame, query.wanted(name))
        segmented = time.perf_counter()
        encoder, labels = FORMATS[name], segmentation.labels
        body = encoder.encode(segmentation, query.encode_options)
        timings = {
            "queue": begun - asked,
            "decode": decoded - begun,
            **segmentation.timings,
            "encode": time.perf_counter() - segmented,
        }
        sizes = (frame.height, frame.width), (labels.height, labels.width)
        return Answer(body, encoder.media_type, *sizes, timings)

    def _response(self, answer: Answer) -> Response:
        headers = {
            "X-Engine": self._engine,
            "X-Frame-Height": str(answer.frame_size[0]),
            "X-Frame-Width": str(answer.frame_size[1]),
            "X-Mask-Height": str(answer.mask_size[0]),
            "X-Mask-Width": str(answer.mask_size[1]),
            "Server-Timing": server_timing(answer.timings),
            "Cache-Control": "no-store",
            "Vary": "Accept",
        }
        return Response(answer.body, headers=headers, media_type=answer.media_type)


def _client(scope: Scope) -> str:
    """Whose request it is, in the matter of turns: that of the address it came from."""
    client = scope.get("client")
    return "" if client is None else str(client[0])


def _query(scope: Scope) -> SegmentQuery:
    try:
        return SegmentQuery.model_validate(parameters(scope["query_string"]))
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from error


def server_timing(timings: Mapping[str, float]) -> str:
    """A Server-Timing header: milliseconds of each stage, in order."""
    return ", ".join(f"{stage};dur={1000 * seconds:.3f}" for stage, seconds in timings.items())


async def _unless_gone(answer: asyncio.Future[T], receive: Receive) -> T:
    """Waits for `answer`, or cancels it when the client goes."""
    gone = asyncio.ensure_future(_disconnected(receive))
    gone.add_done_callback(lambda _: answer.cancel())
    try:
        return await answer
    except asyncio.CancelledError:
        if gone.done() and not gone.cancelled():
            raise ClientGone from None
        raise
    finally:
        gone.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue


_FORM = {
    "schema": {
        "type": "object",
        "required": ["file"],
        "properties": {"file": {"type": "string", "format": "binary"}},
    }
}


def openapi_operation() -> Dict[str, Any]:
    """POST /segment as OpenAPI describes it, from the query's model and the formats."""
    schema = SegmentQuery.model_json_schema()
    parameters = [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": field.pop("description"),
            "schema": field,
        }
        for name, field in schema["properties"].items()
    ]
    binary = {"schema": {"type": "string", "format": "binary"}}
    images = ("image/jpeg", "image/png", "image/webp")
    answers = dict.fromkeys((encoder.media_type for encoder in FORMATS.values()), binary)
    return {
        "summary": "Segment an image",
        "description": "The body is the bytes of a JPEG, PNG or WebP image, or a form with one.",
        "operationId": "segment",
        "parameters": parameters,
        "requestBody": {
            "required": True,
            "content": {**dict.fromkeys(images, binary), "multipart/form-data": _FORM},
        },
        "responses": {
            "200": {"description": "The mask", "content": answers},
            **error_responses(400, 406, 408, 413, 415, 503),
        },
    }
