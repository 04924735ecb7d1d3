from __future__ import annotations

import os
from typing import Iterator, List, Sequence

import numpy as np
import pytest

from runtime.errors import InvalidInput
from runtime.image.frame import Frame
from runtime.image.yuv import YuvCoding
from runtime.sources.live import LiveSource
from runtime.sources.ring import (
    SLOTS,
    Captured,
    Failed,
    FrameRing,
    Message,
    Opened,
    anonymous_file,
    bytes_from_message,
    message_from_bytes,
)
from tests.processes import maps_frames

HEIGHT, WIDTH = 4, 6


@pytest.fixture
def ring() -> Iterator[FrameRing]:
    descriptor = anonymous_file()
    with FrameRing(descriptor) as ring:
        os.close(descriptor)
        yield ring


def painted(position: int) -> Frame:
    return Frame(np.full((HEIGHT, WIDTH, 3), position, np.uint8), position, 1e9, "camera")


def told_of(frame: Frame) -> Captured:
    number, coding = frame.number, frame.coding
    size = (frame.height, frame.width)
    return Captured(
        number, number, *size, frame.captured_at, frame.format, coding.matrix, coding.full_range
    )


@pytest.mark.parametrize(
    "message",
    [
        Opened(29.97),
        Opened(None),
        told_of(painted(3)),
        Failed("auth", 'camera "a" said 401', "Log in"),
    ],
)
def test_a_message_survives_the_journey(message: Message) -> None:
    assert message_from_bytes(bytes_from_message(message)) == message


def test_the_last_frames_lie_in_the_ring(ring: FrameRing) -> None:
    for position in range(2 * SLOTS):
        assert ring.write(position, painted(position)) == told_of(painted(position))
    for position in range(SLOTS, 2 * SLOTS):
        held = ring.copy(told_of(painted(position)), "camera")
        assert (held.pixels == painted(position).pixels).all()


@pytest.mark.parametrize("coding", [YuvCoding("bt709"), YuvCoding("bt601", full_range=True)])
def test_nv12_crosses_as_it_came_with_what_it_means(ring: FrameRing, coding: YuvCoding) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (HEIGHT * 3 // 2, WIDTH), dtype=np.uint8)
    given = Frame(pixels, 7, 1e9, "camera", "nv12", coding)
    message = message_from_bytes(bytes_from_message(ring.write(4, given)))
    assert isinstance(message, Captured)
    held = ring.copy(message, "front")
    assert (held.pixels == pixels).all()
    assert (held.number, held.captured_at, held.source) == (7, 1e9, "front")
    assert (held.format, held.coding) == ("nv12", coding)
    assert (held.height, held.width) == (HEIGHT, WIDTH)


def test_the_memory_is_shared_by_all_who_map_it() -> None:
    descriptor = anonymous_file()
    with FrameRing(descriptor) as ours, FrameRing(descriptor) as theirs:
        os.close(descriptor)
        message = ours.write(1, painted(7))
        assert (theirs.copy(message, "camera").pixels == 7).all()
        assert maps_frames()
    assert not maps_frames()


def test_a_frame_beyond_8k_is_refused(ring: FrameRing) -> None:
    monster = np.lib.stride_tricks.as_strided(np.zeros(1, np.uint8), (9000, 9000, 3), (0, 0, 0))
    with pytest.raises(InvalidInput, match="9000x9000"):
        ring.write(0, Frame(monster, 0, 0.0, "camera"))


class Scripted:
    """A capture process that writes and tells what a test says, one batch at every question."""

    ended = False

    def __init__(self, ring: FrameRing, batches: Sequence[Sequence[int]]) -> None:
        self.ring = ring
        self._batches = list(batches)

    def receive(self, timeout: float) -> List[Message]:
        positions = self._batches.pop(0) if self._batches else ()
        return [self.ring.write(position, painted(position)) for position in positions]


def numbers_read(ring: FrameRing, batches: Sequence[Sequence[int]], count: int) -> List[int]:
    source = LiveSource("rtsp://camera/", on_stall=lambda: None)
    source._process = Scripted(ring, batches)  # type: ignore[assignment]
    read = [source.read() for _ in range(count)]
    for each in read:
        assert each is not None
        assert (each.pixels == each.number).all()
    return [each.number for each in read if each is not None]


def test_a_reader_takes_the_newest_of_what_arrived(ring: FrameRing) -> None:
    assert numbers_read(ring, [(0, 1), (), (2,)], count=2) == [1, 2]


def test_a_frame_that_arrives_while_another_is_copied_is_kept_for_the_next_read(
    ring: FrameRing,
) -> None:
    assert numbers_read(ring, [(0,), (1,)], count=2) == [0, 1]


def test_a_reader_that_was_overtaken_while_copying_takes_the_newer_frame(ring: FrameRing) -> None:
    # Once frame 2 is told of, frame 3 may be half-written over frame 0.
    assert numbers_read(ring, [(0,), (1, 2, 3)], count=1) == [3]
    assert numbers_read(ring, [(0,), (1, 2)], count=1) == [2]
