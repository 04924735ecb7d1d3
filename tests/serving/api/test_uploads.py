from __future__ import annotations

import asyncio
from typing import Any, Dict, List, Optional

import pytest
from starlette.types import Message

from runtime.errors import Overloaded, TooLarge
from runtime.serving.api.errors import UploadTooSlow
from runtime.serving.api.uploads import ClientGone, UploadLimits, Uploads

LIMITS = UploadLimits(body_bytes=10, total_bytes=15, seconds=20.0)
GONE: Message = {"type": "http.disconnect"}


def chunk(size: int, more: bool = True) -> Message:
    return {"type": "http.request", "body": b"x" * size, "more_body": more}


def scope(length: Optional[bytes] = None) -> Dict[str, Any]:
    return {"headers": [] if length is None else [(b"content-length", length)]}


class Client:
    """Sends what it was given, then nothing for ever."""

    def __init__(self, *messages: Message) -> None:
        self._messages = list(messages)

    async def receive(self) -> Message:
        if not self._messages:
            await asyncio.Event().wait()
        return self._messages.pop(0)


def read(uploads: Uploads, client: Client, length: Optional[bytes] = None) -> bytes:
    async def body() -> bytes:
        async with uploads.body(scope(length), client.receive) as data:
            assert uploads.held == len(data)
            return data

    return asyncio.run(body())


@pytest.mark.parametrize(
    "messages",
    [
        [chunk(10, more=False)],
        [chunk(4), chunk(0), chunk(6, more=False)],
        [chunk(10), chunk(0, more=False)],
    ],
)
def test_a_body_is_read_whole(messages: List[Message]) -> None:
    assert read(Uploads(LIMITS), Client(*messages)) == b"x" * 10


def test_no_body_is_an_empty_one() -> None:
    assert read(Uploads(LIMITS), Client({"type": "http.request"})) == b""


@pytest.mark.parametrize(
    ("client", "length", "fault"),
    [
        (Client(chunk(11, more=False)), None, TooLarge),
        (Client(chunk(6), chunk(6)), None, TooLarge),
        (Client(chunk(6), chunk(6)), b"3", TooLarge),
        (Client(), b"11", TooLarge),
        (Client(chunk(3), GONE), b"10", ClientGone),
    ],
)
def test_a_body_out_of_bounds_is_refused_and_its_memory_is_free_again(
    client: Client, length: Optional[bytes], fault: type
) -> None:
    uploads = Uploads(LIMITS)
    with pytest.raises(fault):
        read(uploads, client, length)
    assert uploads.held == 0


def test_a_length_that_is_no_number_is_not_believed() -> None:
    assert read(Uploads(LIMITS), Client(chunk(3, more=False)), b"-5") == b"xxx"


def test_a_body_that_never_ends_is_given_up() -> None:
    uploads = Uploads(UploadLimits(body_bytes=10, total_bytes=15, seconds=0.01))
    with pytest.raises(UploadTooSlow):
        read(uploads, Client(chunk(3)))
    assert uploads.held == 0


def test_all_bodies_together_are_bounded() -> None:
    uploads = Uploads(LIMITS)

    async def two_at_once() -> None:
        async with uploads.body(scope(), Client(chunk(9, more=False)).receive):
            with pytest.raises(Overloaded):
                async with uploads.body(scope(), Client(chunk(9, more=False)).receive):
                    pass
            async with uploads.body(scope(), Client(chunk(6, more=False)).receive):
                assert uploads.held == 15
        assert uploads.held == 0

    asyncio.run(two_at_once())
